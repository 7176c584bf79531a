"""Tables that nobody generated here: read whole, with their other columns, and written whole or not at all.

Owns how a text and a label column are found where nobody names them. Never writes over a file that it read.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from synthgen.data.reading import FORMATS, KINDS, as_text, ending_of, read_content
from synthgen.data.tables import read_labels, require_column
from synthgen.data.whole import as_line, as_list, write_whole
from synthgen.errors import JobError
from synthgen.quality.columns import guess_label, guess_text
from synthgen.records import Row

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """What one file held.

    Attributes:
        path: The file.
        records: Every row as it stands in the file, with all its columns.
        text: Column of the text.
        label: Column of the class, or None.
        rows: The usable rows; an id says the file's name and the row's number.
        places: Place in `records` of each usable row.
        taken: What was found by looking at the file, in words; empty where nothing was.
    """

    path: Path
    records: Sequence[Record]
    text: str
    label: str | None
    rows: tuple[Row, ...]
    places: tuple[int, ...]
    taken: str = ""

    @property
    def texts(self) -> list[str]:
        return [row.text for row in self.rows]

    @property
    def labels(self) -> list[str]:
        return [row.label for row in self.rows]

    @property
    def skipped(self) -> int:
        """Rows without a text or a label."""
        return len(self.records) - len(self.rows)


def read_table(
    path: Path,
    *,
    text: str | None = None,
    label: str | None = None,
    like: Table | None = None,
    needs_label: bool = True,
) -> Table:
    """Read a csv, tsv, jsonl or parquet file.

    Args:
        path: The file.
        text: Column of the text; None finds it.
        label: Column of the class; None finds it.
        like: A table whose columns are tried first, and whose classes this one's meet by value: 0 and 0.0, true and
            True.
        needs_label: Whether a table without classes is refused; where not, its labels are all "".

    Raises:
        JobError: No such file, not readable, no such column, no column that looks like one, or no usable row.
    """
    content = read_content(path)
    records, columns = content.rows, content.columns
    if not records:
        raise JobError(f"{path}: no rows", hint="it needs a header line and at least one row")
    text = text or (like.text if like is not None and like.text in columns else None)
    label = label or (like.label if like is not None and like.label in columns else None)
    for option, column in (("--text-column", text), ("--label-column", label)):
        if column is not None:
            require_column(column, columns, path, hint=f"{option} NAME")
    text = text or guess_text(records, columns, but=label)
    if text is None:
        raise JobError(
            f"{path}: no column looks like a text (columns: {', '.join(columns)})", hint="--text-column NAME"
        )
    label = label or guess_label(records, columns, but=text)
    if label is None and needs_label:
        raise JobError(
            f"{path}: no column looks like a class (columns: {', '.join(columns)})", hint="--label-column NAME"
        )
    labels = read_labels(content, label) if label else [""] * len(records)
    if like is not None:
        labels = meet_by_value(labels, set(like.labels))
    return replace(_table(path, records, (text, label), content.texts(text), labels), taken=content.taken)


def _table(
    path: Path, records: Sequence[Record], columns: tuple[str, str | None], texts: Sequence[str], labels: Sequence[str]
) -> Table:
    (text, label), rows, places = columns, list[Row](), list[int]()
    for place, (its_text, its_label) in enumerate(zip(texts, labels, strict=True)):
        row = Row(f"{path.name}:{place + 1}", its_text, its_label)
        if row.text and (row.label or label is None):
            rows.append(row)
            places.append(place)
    if not rows:
        raise JobError(
            f"{path}: no usable row: {len(records):,} rows, all without '{text}'" + (f" or '{label}'" if label else ""),
            hint="name the right columns with --text-column and --label-column",
        )
    return Table(path, records, text, label, tuple(rows), tuple(places))


def meet_by_value(labels: Sequence[str], known: Set[str]) -> list[str]:
    """Labels under the names that another table has for them: the same numbers and truth values, however written.

    Args:
        labels: Of one table.
        known: The other table's.
    """
    by_value: dict[tuple[str, float], str] = {}
    for name in sorted(known):
        if (value := _value_of(name)) is not None:
            by_value.setdefault(value, name)
    met = {}
    for label in set(labels) - known:
        value = _value_of(label)
        met[label] = label if value is None else by_value.get(value, label)
    return [met.get(label, label) for label in labels]


def _value_of(label: str) -> tuple[str, float] | None:
    """The number or truth value that a label is; None where it is a name, as `007` is."""
    if label.casefold() in ("true", "false"):
        return "truth", float(label.casefold() == "true")
    if not re.fullmatch(r"-?(?:0|[1-9]\d*)(?:\.\d+)?", label):
        return None
    return "number", float(label)


def write_records(records: Iterable[Record], path: Path, *, inputs: Sequence[Path]) -> int:
    """Write rows to csv, tsv, jsonl or parquet, by the ending; the file appears whole or not at all.

    Args:
        records: The rows. Values that are no text or number become JSON in csv and tsv.
        path: Replaced where it exists.
        inputs: Files that were read, which are never written over.

    Returns:
        How many rows were written.

    Raises:
        JobError: The path is an input's, its ending is unknown, or it cannot be written.
    """
    require_output(path, inputs=inputs)
    kept = list(records)
    kind = KINDS[ending_of(path)]
    if kind == "jsonl":
        data = b"".join(map(as_line, kept))
    elif kind == "json":
        data = as_list(kept)
    else:
        data = _as_frame(kept, ending_of(path))
    write_whole(path, data)
    return len(kept)


def require_output(path: Path, *, inputs: Sequence[Path]) -> None:
    """Refuse a path that cannot be written to, before the work is done.

    Raises:
        JobError: As `write_records`.
    """
    if ending_of(path) not in KINDS:
        raise JobError(f"{path}: cannot write '{path.suffix}' files", hint=f"use one of {', '.join(FORMATS)}")
    for source in inputs:
        if path.exists() and source.exists() and path.samefile(source):
            raise JobError(f"{path}: is an input, and inputs are never written over", hint="choose another path")


def _as_frame(records: Sequence[Record], ending: str) -> bytes:
    import polars as pl

    names = list(dict.fromkeys(name for record in records for name in record))
    is_flat = ending != ".parquet"
    columns = {n: _alike([_flat(r.get(n)) if is_flat else r.get(n) for r in records]) for n in names}
    frame = pl.DataFrame({n: pl.Series(n, values, strict=False) for n, values in columns.items()})
    made = io.BytesIO()
    if is_flat:
        frame.write_csv(made, separator="\t" if ending == ".tsv" else ",")
    else:
        frame.write_parquet(made)
    return made.getvalue()


def _alike(values: list[Any]) -> list[Any]:
    """Values that one column can hold: as text where they are of several types, or too large for a number."""
    types = {type(value) for value in values if value is not None}
    is_number = types <= {int, float}
    fits = all(-(2**63) <= value < 2**63 for value in values if type(value) is int)
    if (len(types) < 2 or is_number) and fits:
        return values
    return [None if value is None else as_text(value) for value in values]


def _flat(value: Any) -> Any:
    """A value that a cell of a csv can hold."""
    if isinstance(value, Mapping | list | tuple):
        return orjson.dumps(value, default=str).decode()
    return value
