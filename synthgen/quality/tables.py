"""Tables that nobody generated here: read whole, with their other columns, and written whole or not at all.

Owns how a text and a label column are found where nobody names them. Never writes over a file that it read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from synthgen.data.tables import FORMATS, near_file, read_frame, read_json_lines, require_column
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
    """

    path: Path
    records: Sequence[Record]
    text: str
    label: str | None
    rows: tuple[Row, ...]
    places: tuple[int, ...]

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
        like: A table whose columns are tried first.
        needs_label: Whether a table without classes is refused; where not, its labels are all "".

    Raises:
        JobError: No such file, not readable, no such column, no column that looks like one, or no usable row.
    """
    records = read_records(path)
    columns = list(dict.fromkeys(name for record in records for name in record))
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
    return _table(path, records, text, label)


def _table(path: Path, records: Sequence[Record], text: str, label: str | None) -> Table:
    rows, places = [], []
    for place, record in enumerate(records):
        row = Row(f"{path.name}:{place + 1}", _cell(record.get(text)), _cell(record.get(label)) if label else "")
        if row.text and (row.label or label is None):
            rows.append(row)
            places.append(place)
    if not rows:
        raise JobError(
            f"{path}: no usable row: {len(records):,} rows, all without '{text}'" + (f" or '{label}'" if label else ""),
            hint="name the right columns with --text-column and --label-column",
        )
    return Table(path, records, text, label, tuple(rows), tuple(places))


def read_records(path: Path) -> Sequence[Record]:
    """Every row of a file with all its columns; texts of csv and tsv stay texts.

    Raises:
        JobError: No such file, an unknown ending, or content that does not parse.
    """
    if not path.is_file():
        raise JobError(f"{path}: no such file", hint=near_file(path) or "look at the path")
    records: Sequence[Record]
    if path.suffix == ".jsonl":
        records = list(read_json_lines(path))
    elif path.suffix == ".parquet":
        read_frame(path)  # says what is wrong with it
        import polars as pl

        records = pl.read_parquet(path).to_dicts()
    else:
        records = read_frame(path).to_dicts()
    if not records:
        raise JobError(f"{path}: no rows", hint="it needs a header line and at least one row")
    return records


def write_records(records: Iterable[Record], path: Path, *, inputs: Sequence[Path]) -> int:
    """Write rows to csv, tsv, jsonl or parquet, told by the ending; the file appears whole or not at all.

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
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".jsonl":
            partial.write_bytes(b"".join(orjson.dumps(r, default=str) + b"\n" for r in kept))
        else:
            _write_frame(kept, path.suffix, partial)
        partial.replace(path)
    except OSError as error:
        raise JobError(f"{path}: cannot be written: {error.strerror}", hint="choose another path") from None
    finally:
        partial.unlink(missing_ok=True)
    return len(kept)


def require_output(path: Path, *, inputs: Sequence[Path]) -> None:
    """Refuse a path that cannot be written to, before the work is done.

    Raises:
        JobError: As `write_records`.
    """
    if path.suffix not in FORMATS:
        raise JobError(f"{path}: cannot write '{path.suffix}' files", hint=f"use one of {', '.join(FORMATS)}")
    for source in inputs:
        if path.exists() and source.exists() and path.samefile(source):
            raise JobError(f"{path}: is an input, and inputs are never written over", hint="choose another path")


def _write_frame(records: Sequence[Record], suffix: str, path: Path) -> None:
    import polars as pl

    names = list(dict.fromkeys(name for record in records for name in record))
    is_flat = suffix != ".parquet"
    columns = {n: [_flat(r.get(n)) if is_flat else r.get(n) for r in records] for n in names}
    frame = pl.DataFrame({n: pl.Series(n, values, strict=False) for n, values in columns.items()})
    if is_flat:
        frame.write_csv(path, separator="\t" if suffix == ".tsv" else ",")
    else:
        frame.write_parquet(path)


def _flat(value: Any) -> Any:
    """A value that a cell of a csv can hold."""
    if isinstance(value, Mapping | list | tuple):
        return orjson.dumps(value, default=str).decode()
    return value


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return (value if isinstance(value, str) else orjson.dumps(value, default=str).decode()).replace("\x00", "").strip()
