"""Real rows from csv, tsv, jsonl and parquet files.

Owns how a column is found and what counts as a usable row. Every value is read as text: a label `007` stays `007`.
"""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthgen.errors import JobError
from synthgen.records import Row

if TYPE_CHECKING:
    import polars as pl

MAX_FIELD = 2**31 - 1
FORMATS = (".csv", ".tsv", ".jsonl", ".parquet")


@dataclass(frozen=True, slots=True)
class RealRows:
    """What one data file held.

    Attributes:
        path: The file; None where a job names none.
        rows: Usable rows in file order.
        skipped: Rows left out because their text or label was empty.
    """

    path: Path | None
    rows: tuple[Row, ...]
    skipped: int

    def by_label(self) -> dict[str, list[Row]]:
        """Rows of each class, in file order."""
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            found.setdefault(row.label, []).append(row)
        return found


def load_rows(path: Path, *, pool: str, text: str, label: str | None) -> RealRows:
    """Read the rows of one file.

    Args:
        path: csv, tsv, jsonl or parquet, told by its ending.
        pool: `train` or `test`; prefixes the row ids.
        text: Column that holds the text.
        label: Column that holds the class, or None.

    Raises:
        JobError: No such file, unreadable, a column missing, or no usable row.
    """
    columns = read_columns(path, [text] if label is None else [text, label])
    texts = columns[0]
    labels = [""] * len(texts) if label is None else columns[1]
    rows = tuple(
        Row(id=f"{pool}:{number}", text=clean_text, label=clean_label)
        for number, (clean_text, clean_label) in enumerate(zip(map(_clean, texts), map(_clean, labels), strict=True), 1)
        if clean_text and (clean_label or label is None)
    )
    if not rows:
        raise JobError(
            f"{path}: no usable row: {len(texts)} rows, all with an empty '{text}'"
            + (f" or '{label}'" if label else ""),
            hint="put at least a few real rows of every class you want more of into this file",
        )
    return RealRows(path, rows, len(texts) - len(rows))


def read_columns(path: Path, columns: Sequence[str]) -> list[list[str | None]]:
    """Some columns of a file as text, row by row. Csv, tsv and jsonl are read without loading polars.

    Raises:
        JobError: As `read_frame`, or a column is missing.
    """
    _require_readable(path)
    values: dict[str, list[str | None]]
    match path.suffix:
        case ".parquet":
            frame = read_frame(path)
            found, values = frame.columns, {name: frame[name].to_list() for name in columns if name in frame.columns}
        case ".jsonl":
            records = [_as_texts(record) for record in read_json_lines(path)]
            found = list(dict.fromkeys(key for record in records for key in record))
            values = {name: [record.get(name) for record in records] for name in columns}
        case suffix:
            found, lines = _read_csv(path, "\t" if suffix == ".tsv" else ",")
            places = {name: found.index(name) for name in columns if name in found}
            values = {name: [line[place] for line in lines] for name, place in places.items()}
    for column in columns:
        require_column(column, found, path)
    return [values[column] for column in columns]


def _read_csv(path: Path, separator: str) -> tuple[list[str], list[list[str | None]]]:
    """Header and rows; an empty line is a row of empty values, a short one lacks its last ones.

    Raises:
        JobError: A line that does not parse, or has more values than the header.
    """
    csv.field_size_limit(MAX_FIELD)
    rows: list[list[str | None]] = []
    with path.open(newline="", encoding="utf-8-sig") as lines:
        reader = csv.reader(lines, delimiter=separator, strict=True)
        try:
            header = next((line for line in reader if line), [])
            for line in reader:
                if len(line) > len(header):
                    said = f"{len(line)} values, and the header has {len(header)} columns"
                    raise JobError(
                        f"{path}:{reader.line_num}: {said}", hint='a value that holds a separator needs "quotes"'
                    )
                rows.append([*line, *[None] * (len(header) - len(line))])
        except (csv.Error, UnicodeDecodeError) as error:
            raise JobError(
                f"{path}:{reader.line_num + 1}: cannot be read as {path.suffix[1:]}: {error}", hint="is it UTF-8 text?"
            ) from None
    return header, rows


def _require_readable(path: Path) -> None:
    """See that a file is there, of a known kind and not empty."""
    if not path.exists():
        raise JobError(f"{path}: no such file", hint=f"{near_file(path)} paths are relative to the job file".strip())
    if path.suffix not in FORMATS:
        raise JobError(f"{path}: cannot read '{path.suffix}' files", hint=f"use one of {', '.join(FORMATS)}")
    if path.stat().st_size == 0:
        raise JobError(f"{path}: the file is empty", hint="it needs a header line and at least one row")


def read_frame(path: Path, *, as_text: bool = True) -> pl.DataFrame:
    """The whole file as a table of text columns.

    Args:
        path: csv, tsv, jsonl or parquet.
        as_text: False leaves the columns of a parquet file what they are.

    Raises:
        JobError: No such file, an unknown ending, or content that does not parse.
    """
    import polars as pl

    _require_readable(path)
    try:
        frame = _read(path)
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError, ValueError) as error:
        first_line = str(error).strip().splitlines()[0]
        raise JobError(f"{path}: cannot be read as {path.suffix[1:]}: {first_line}", hint="is it UTF-8 text?") from None
    return frame.select(pl.all().cast(pl.String, strict=False)) if frame.width and as_text else frame


def _read(path: Path) -> pl.DataFrame:
    import polars as pl

    match path.suffix:
        case ".parquet":
            return pl.read_parquet(path)
        case ".jsonl":
            return _read_jsonl(path)
        case suffix:
            return pl.read_csv(path, separator="\t" if suffix == ".tsv" else ",", infer_schema=False)


def read_json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a jsonl file, empty lines left out.

    Raises:
        JobError: A line is no JSON object.
    """
    import orjson

    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                record = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise JobError(f"{path}:{number}: not a JSON line: {error}") from None
            if not isinstance(record, dict):
                raise JobError(f"{path}:{number}: expected a JSON object on each line")
            yield record


def _read_jsonl(path: Path) -> pl.DataFrame:
    import polars as pl

    records = [_as_texts(record) for record in read_json_lines(path)]
    names = list(dict.fromkeys(key for record in records for key in record))
    return pl.DataFrame({n: [r.get(n) for r in records] for n in names}, schema=dict.fromkeys(names, pl.String))


def _as_texts(record: Mapping[str, Any]) -> dict[str, str | None]:
    import orjson

    return {k: v if isinstance(v, str) or v is None else orjson.dumps(v).decode() for k, v in record.items()}


def require_column(column: str, columns: Sequence[str], path: Path, *, hint: str = "") -> None:
    """See that a file has a column.

    Raises:
        JobError: It has not, with the nearest name that it has.
    """
    if column in columns:
        return
    near = difflib.get_close_matches(column, columns, n=1, cutoff=0.5)
    guess = f"; did you mean '{near[0]}'?" if near else ""
    raise JobError(
        f"{path}: no column '{column}'{guess} (columns: {', '.join(columns)})",
        hint=hint or "set data.text and data.label in the job file to this file's column names",
    )


def _clean(value: str | None) -> str:
    return (value or "").replace("\x00", "").strip()


def near_file(path: Path) -> str:
    """A question with the name of a table beside it that may be meant, or the empty string."""
    siblings = [p.name for p in path.parent.iterdir() if p.suffix in FORMATS] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, siblings, n=1, cutoff=0.4)
    return f"did you mean {near[0]}?" if near else ""
