"""Reads a table as people have it: csv in any dialect and encoding, jsonl, json, parquet, packed or not.

Every command reads files here, so all read one file alike. What is found by looking (separator, encoding) is taken only
where it reads the whole file with one number of columns, and is said in one line; where two readings fit, the user is
asked. Values stay what the file holds: text in csv, JSON values in jsonl and json, the columns' types in parquet.
"""

from __future__ import annotations

import codecs
import csv
import difflib
import gzip
import io
import re
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, overload

import orjson

from synthgen.errors import JobError

MAX_FIELD = 2**31 - 1  # the csv module's own bound is 128 KiB a field
KINDS: Mapping[str, str] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
}
PACKED = (".gz", ".zst")
FORMATS = (".csv", ".tsv", ".jsonl", ".json", ".parquet")
SEPARATORS: Mapping[str, str] = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_LOOKED_AT_BYTES = 4096
_MANY_NULS_RATIO = 0.3  # UTF-16 of Latin text has a NUL in every other byte, other scripts fewer
_LARGE_NUMBER = re.compile(r"\d{19}")
_SHOWN_CHARS = 40
_LONG_NAME_CHARS, _MANY_NAME_WORDS = 60, 5  # a column's name is shorter than this; a row's text hardly ever is


@dataclass(frozen=True, slots=True)
class Reading:
    """How a csv file is to be read, where the user says so.

    Attributes:
        separator: One character; None looks.
        encoding: A codec's name; None looks.
    """

    separator: str | None = None
    encoding: str | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """What one file holds.

    Attributes:
        path: The file.
        kind: `csv`, `jsonl`, `json` or `parquet`.
        columns: Names, in the file's order.
        rows: Values by column name; a row of jsonl may lack some.
        lines: For each row, the number from 1 of its first line in the file (of the row itself in json and parquet).
        line_counts: For each row of csv and jsonl, how many lines it has; empty for other kinds.
        separator: Between the values of a csv file.
        encoding: Of the file; of text kinds alone.
        taken: What was found by looking, in words; empty where nothing was.
    """

    path: Path
    kind: str
    columns: list[str]
    rows: Sequence[Mapping[str, Any]]
    lines: Sequence[int]
    line_counts: Sequence[int] = ()
    separator: str = ","
    encoding: str = "utf-8"
    taken: str = ""

    def where(self, row: int) -> str:
        """The place of a row, for a message: file and line."""
        return f"{self.path}:{self.lines[row]}" if self.lines else str(self.path)

    def texts(self, column: str, *, as_written: bool = False) -> list[str]:
        """A column as text; empty where there is no value. A list, number or mapping is written as JSON.

        Args:
            column: Its name.
            as_written: Whether NUL characters and the space around a text stay.
        """
        values = (row.get(column) for row in self.rows)
        return [value if as_written and isinstance(value, str) else as_text(value) for value in values]

    def raw_rows(self, wanted: Sequence[int]) -> Iterator[str]:
        """Some rows of a csv or jsonl file (numbers from 0, ascending) as they stand in it, without the line's end.

        Read from the disk once more: a file of a million rows is not held twice.
        """
        lines = io.StringIO(_unpacked(self.path).decode(self.encoding).removeprefix("\ufeff"), newline="").readlines()
        if self.kind == "jsonl":
            lines = "".join(lines).split("\n")
        for row in wanted:
            first = self.lines[row] - 1
            yield "".join(lines[first : first + self.line_counts[row]]).rstrip("\r\n")


class _Columns(Sequence[Mapping[str, Any]]):
    """Rows of a table that is held by columns: a mapping is made when it is asked for."""

    def __init__(self, names: Sequence[str], values: Sequence[Sequence[Any]]) -> None:
        self._names, self._values = names, values

    def __len__(self) -> int:
        return len(self._values[0]) if self._values else 0

    @overload
    def __getitem__(self, row: int) -> Mapping[str, Any]: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[Mapping[str, Any]]: ...
    def __getitem__(self, row: int | slice) -> Mapping[str, Any] | Sequence[Mapping[str, Any]]:
        if isinstance(row, slice):
            return [self[i] for i in range(*row.indices(len(self)))]
        return {name: values[row] for name, values in zip(self._names, self._values, strict=True)}


def read_content(path: Path, reading: Reading = Reading()) -> Content:
    """Read a whole file.

    Args:
        path: Its ending tells the kind, in any case; `.gz` and `.zst` behind it are unpacked.
        reading: What the user says of a csv file.

    Raises:
        JobError: No such file, an unknown ending, or content that does not parse: with the line and its beginning.
    """
    kind = kind_of(path)
    if not path.exists():
        raise JobError(f"{path}: no such file", hint=f"{near_file(path)} paths are relative to the job file".strip())
    if path.is_dir():
        raise JobError(f"{path}: is a folder", hint="name a csv, tsv, jsonl, json or parquet file")
    try:
        data = _unpacked(path)
    except (OSError, EOFError) as error:
        raise JobError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not data.strip(b" \t\r\n"):
        raise JobError(f"{path}: the file is empty", hint="it needs a header line and at least one row")
    if kind == "parquet":
        return _read_parquet(path, data)
    text, encoding, said = _decoded(path, data, reading.encoding)
    if kind == "csv":
        content = _read_csv(path, text, said, reading.separator)
    else:
        content = _read_jsonl(path, text, said) if kind == "jsonl" else _read_json(path, text, said)
    return replace(content, encoding=encoding)


def kind_of(path: Path) -> str:
    """The kind of a file by its ending.

    Raises:
        JobError: None that is known.
    """
    ending = ending_of(path)
    if ending not in KINDS:
        shown = path.suffix or path.name
        raise JobError(f"{path}: cannot read '{shown}' files", hint=f"use one of {', '.join(FORMATS)}")
    return KINDS[ending]


def ending_of(path: Path) -> str:
    """The ending that tells the kind, in lower case: of `Rows.CSV.gz` it is `.csv`."""
    suffixes = [suffix.casefold() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in PACKED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def near_file(path: Path) -> str:
    """A question with the name of a table beside it that may be meant, or the empty string."""
    siblings = [p.name for p in path.parent.iterdir() if ending_of(p) in KINDS] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, siblings, n=1, cutoff=0.4)
    return f"did you mean {near[0]}?" if near else ""


def as_text(value: Any) -> str:
    """A cell as text, as it is compared and shown: NUL characters and the space around it gone."""
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, str):
        return value.replace("\x00", "").strip()
    if isinstance(value, bool | float | list | tuple | dict):
        return orjson.dumps(value, default=str).decode()
    return str(value)


def _unpacked(path: Path) -> bytes:
    packing = path.suffix.casefold()
    data = path.read_bytes()
    if packing == ".gz":
        return gzip.decompress(data)
    return _without_zstd(path, data) if packing == ".zst" else data


def _without_zstd(path: Path, data: bytes) -> bytes:
    try:
        import zstandard
    except ImportError:
        raise JobError(f"{path}: needs the zstandard package", hint="pip install zstandard") from None
    try:
        return bytes(zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)).read())
    except zstandard.ZstdError as error:
        raise JobError(f"{path}: cannot be unpacked: {error}") from None


# --- encodings -------------------------------------------------------------------------------------------------------


def _decoded(path: Path, data: bytes, encoding: str | None) -> tuple[str, str, str]:
    """The file's characters, their encoding, and how it was found where that was by looking."""
    if encoding is not None:
        try:
            return data.decode(encoding).removeprefix("\ufeff"), encoding, ""
        except LookupError:
            raise JobError(
                f"{path}: encoding '{encoding}' is not known", hint="such as utf-8, utf-16, cp1252"
            ) from None
        except UnicodeDecodeError as error:
            raise JobError(f"{path}:{_line_at(data, error.start)}: is not {encoding}: {error.reason}") from None
    for bom, name in _BOMS:
        if data.startswith(bom):
            return _strictly(path, data, name), name, "" if name == "utf-8-sig" else "encoding UTF-16"
    head = data[:_LOOKED_AT_BYTES]
    for offset, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        if head[offset::2].count(0) > _MANY_NULS_RATIO * len(head) / 2:
            return _strictly(path, data, name), name, "encoding UTF-16"
    try:
        return data.decode("utf-8"), "utf-8", ""
    except UnicodeDecodeError:
        pass
    # Bytes 0x80 to 0x9f are letters and quotes in cp1252 and control characters, which no text has, in latin-1.
    name = "cp1252" if any(0x80 <= byte <= 0x9F for byte in data) else "latin-1"
    return _strictly(path, data, name), name, f"encoding {name}"


def _strictly(path: Path, data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise JobError(
            f"{path}:{_line_at(data, error.start)}: is neither UTF-8 nor {encoding}",
            hint="name its encoding, as in data: {encoding: cp1250}",
        ) from None


def _line_at(data: bytes, offset: int) -> int:
    return data.count(b"\n", 0, offset) + 1


# --- csv -------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Lines:
    """Hands lines to the csv reader and keeps those of the record it is at."""

    lines: Sequence[str]
    number: int = 0
    of_record: list[str] = field(default_factory=list)

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if self.number >= len(self.lines):
            raise StopIteration
        self.number += 1
        self.of_record.append(self.lines[self.number - 1])
        return self.of_record[-1]


@dataclass(frozen=True, slots=True)
class _Dialect:
    separator: str
    has_spaces: bool = False
    has_backslashes: bool = False


@dataclass(frozen=True, slots=True)
class _Parsed:
    header: list[str]
    values: list[list[str | None]]
    lines: array[int]
    counts: array[int]
    widths: Counter[int]
    first_short: int


def _read_csv(path: Path, text: str, said: str, separator: str | None) -> Content:
    csv.field_size_limit(MAX_FIELD)
    lines = io.StringIO(text, newline="").readlines()
    usual = "\t" if ending_of(path) == ".tsv" else ","
    if separator is not None and len(separator) != 1:
        raise JobError(f"{path}: separator '{separator}' is not one character", hint='such as ";" or "\\t"')
    head = next((line for line in lines if line.strip()), "")
    tried = [separator] if separator else [usual, *(s for s in SEPARATORS if s != usual and s in head)]
    fitting: dict[str, tuple[_Dialect, _Parsed]] = {}
    for one in tried:
        found = _fitting(lines, one)
        if found is not None and (len(found[1].header) > 1 or one == tried[0]):
            fitting[one] = found
    wide = [s for s, (_, parsed) in fitting.items() if len(parsed.header) > 1]
    if len(wide) > 1:
        named = " or by ".join(SEPARATORS[s] for s in wide)
        raise JobError(
            f"{path}: can be read as separated by {named}",
            hint=f"say which in the job file, as in data: {{separator: {orjson.dumps(wide[0]).decode()}}}",
        )
    chosen = wide[0] if wide else next(iter(fitting), None)
    if chosen is None:
        raise _why_not(path, lines, _Dialect(separator or usual))
    dialect, parsed = fitting[chosen]
    notes = [said] if said else []
    if chosen != usual and separator is None:
        notes.append(f"separated by {SEPARATORS[chosen]}")
    if dialect.has_backslashes:
        notes.append('quotes written as \\"')
    header = [name.strip() for name in parsed.header]
    _require_header(path, header)
    if short := sum(count for width, count in parsed.widths.items() if 0 < width < len(header)):
        notes.append(f"{short:,} lines with too few values, line {parsed.first_short} first: the rest is empty")
    rows = _Columns(header, parsed.values)
    return Content(path, "csv", header, rows, parsed.lines, parsed.counts, chosen, taken="; ".join(notes))


def _fitting(lines: Sequence[str], separator: str) -> tuple[_Dialect, _Parsed] | None:
    """The plainest dialect of a separator that reads the whole file; None where none does."""
    for has_backslashes in (False, True):
        for has_spaces in (False, True):
            dialect = _Dialect(separator, has_spaces, has_backslashes)
            try:
                parsed = _parse(lines, dialect)
            except (csv.Error, _Ragged):
                continue
            if not has_spaces and len(parsed.header) > 1 and all(n.startswith(" ") for n in parsed.header[1:]):
                continue  # `label, text`: the blank is no part of the name
            return dialect, parsed
    return None


class _Ragged(Exception):
    """A record has more values than the header."""


def _parse(lines: Sequence[str], dialect: _Dialect) -> _Parsed:
    source = _Lines(lines)
    reader = csv.reader(
        source,
        delimiter=dialect.separator,
        skipinitialspace=dialect.has_spaces,
        escapechar="\\" if dialect.has_backslashes else None,
        doublequote=not dialect.has_backslashes,
        strict=True,
    )
    header, values = list[str](), list[list[str | None]]()
    starts, counts, widths, first_short = array("q"), array("l"), Counter[int](), 0
    for record in reader:
        count = len(source.of_record)
        source.of_record.clear()
        if not header:
            header = record
            values = [[] for _ in header]
            continue
        width = len(record)
        if width > len(header):
            raise _Ragged(f"{width} values, and the header has {len(header)} columns")
        if 0 < width < len(header) and not first_short:
            first_short = source.number - count + 1
        widths[width] += 1
        for place, column in enumerate(values):
            column.append(record[place] if place < width else None)
        starts.append(source.number - count + 1)
        counts.append(count)
    return _Parsed(header, values, starts, counts, widths, first_short)


def _why_not(path: Path, lines: Sequence[str], dialect: _Dialect) -> JobError:
    """What is wrong with a file that no dialect reads, and where: the first line of the record that cannot be."""
    source = _Lines(lines)
    reader = csv.reader(source, delimiter=dialect.separator, strict=True)
    header: list[str] = []
    why, hint = "cannot be read as csv", 'a value that holds a separator, a quote or a line break needs "quotes"'
    try:
        for record in reader:
            if header and len(record) > len(header):
                why = f"{len(record)} values, and the header has {len(header)} columns"
                break
            header = header or record
            source.of_record.clear()
    except csv.Error as error:
        is_open = source.number >= len(lines) and "end of data" in str(error)
        why = "a quote is opened and never closed" if is_open else str(error)
    number = source.number - len(source.of_record) + 1
    return JobError(f"{path}:{number}: {why}: {_beginning(lines[number - 1])}", hint=hint)


def _require_header(path: Path, header: Sequence[str]) -> None:
    """See that the first line holds names, each once."""
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        shown = twice[0] or "(no name)"
        raise JobError(f"{path}: two columns are called '{shown}'", hint="give each column a name of its own")
    likely_row = [n for n in header if len(n) > _LONG_NAME_CHARS or len(n.split()) > _MANY_NAME_WORDS]
    if likely_row:
        raise JobError(
            f"{path}:1: the first line reads like a row, not like names of columns: {_beginning(likely_row[0])}",
            hint="put a line of names first, such as text,label",
        )


def _beginning(line: str) -> str:
    line = line.strip()
    return repr(line[:_SHOWN_CHARS] + ("…" if len(line) > _SHOWN_CHARS else ""))


# --- json and parquet ------------------------------------------------------------------------------------------------


def _read_jsonl(path: Path, text: str, said: str) -> Content:
    rows, lines = list[dict[str, Any]](), array("q")
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        rows.append(_object(f"{path}:{number}", line))
        lines.append(number)
    return Content(path, "jsonl", _columns(rows), rows, lines, array("l", [1]) * len(rows), taken=said)


def _object(where: str, line: str) -> dict[str, Any]:
    try:
        record = _loads(line)
    except ValueError as error:
        raise JobError(f"{where}: not a JSON line: {error}: {_beginning(line)}") from None
    if not isinstance(record, dict):
        raise JobError(f"{where}: expected a JSON object on each line, found {_beginning(line)}")
    return record


def _loads(text: str) -> Any:
    """JSON with whole numbers of any size: orjson makes floats of those beyond 64 bits, and ids would run together."""
    import json

    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValueError(str(error)) from None
    return json.loads(text) if _LARGE_NUMBER.search(text) else value


def _read_json(path: Path, text: str, said: str) -> Content:
    """A list of objects, or an object that holds one list of them."""
    try:
        value = _loads(text)
    except ValueError as error:
        if text.lstrip().startswith("{") and "\n{" in text:
            return _read_jsonl(path, text, said)
        raise JobError(f"{path}: not JSON: {error}") from None
    if isinstance(value, dict):
        lists = [v for v in value.values() if isinstance(v, list) and v and all(isinstance(r, dict) for r in v)]
        value = lists[0] if len(lists) == 1 else [value]
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise JobError(f"{path}: expected a list of objects", hint='such as [{"text": "...", "label": "..."}, ...]')
    return Content(path, "json", _columns(value), value, range(1, len(value) + 1), taken=said)


def _columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _read_parquet(path: Path, data: bytes) -> Content:
    import polars as pl

    try:
        frame = pl.read_parquet(io.BytesIO(data))
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise JobError(f"{path}: cannot be read as parquet: {str(error).strip().splitlines()[0]}") from None
    values = [frame[name].to_list() for name in frame.columns]
    return Content(path, "parquet", list(frame.columns), _Columns(frame.columns, values), range(1, frame.height + 1))
