"""A user's file whole: all its columns, in its order, so that some of its rows can be written as they were.

Lines of a jsonl file are copied byte for byte and read from the disk once more to be written; csv, tsv and parquet are
held as a table.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from synthgen.data.tables import read_frame
from synthgen.errors import JobError

if TYPE_CHECKING:
    import polars as pl

Extra = Mapping[str, Sequence[Any]]


class WholeTable(Protocol):
    """One file of the user's."""

    path: Path

    @property
    def columns(self) -> list[str]: ...

    def texts(self, column: str) -> list[str]:
        """A column as text, one for each row; empty where there is none."""
        ...

    def write(self, output: Path, rows: Sequence[int], extra: Extra) -> None:
        """Some rows (numbers from 0, ascending) with columns added, in the file's own format.

        Raises:
            JobError: It cannot be written.
        """
        ...


def open_whole(path: Path) -> WholeTable:
    """Read a file.

    Raises:
        JobError: As `read_frame`.
    """
    if not path.is_file():
        why = "is a folder" if path.is_dir() else "no such file"
        raise JobError(f"{path}: {why}", hint="name a csv, tsv, jsonl or parquet file")
    if path.suffix == ".jsonl" and path.stat().st_size:
        return _Lines(path)
    return _Frame(path, read_frame(path, as_text=False))


def refuse_overwriting(outputs: Sequence[Path], inputs: Sequence[Path], *, suffix: str) -> None:
    """See that nothing that is written is read, or written twice, and that it is named as what it is.

    Raises:
        JobError: It is not so.
    """
    seen = {path.resolve(): path for path in inputs}
    for output in outputs:
        if output.resolve() in seen:
            raise JobError(
                f"{output}: is named twice, and a file that is read is never written over",
                hint="name another file to write",
            )
        seen[output.resolve()] = output
        if output.is_dir():
            raise JobError(f"{output}: is a folder", hint="name a file in it")
        if output.suffix != suffix:
            raise JobError(
                f"{output}: rows are written in the format that they were read in, {suffix}",
                hint=f"name it {output.with_suffix(suffix).name}",
            )


class _Frame:
    def __init__(self, path: Path, frame: pl.DataFrame) -> None:
        self.path, self._frame = path, frame

    @property
    def columns(self) -> list[str]:
        return list(self._frame.columns)

    def texts(self, column: str) -> list[str]:
        import polars as pl

        return self._frame[column].cast(pl.String, strict=False).fill_null("").to_list()

    def write(self, output: Path, rows: Sequence[int], extra: Extra) -> None:
        import polars as pl

        part = self._frame[list(rows)] if rows else self._frame.clear()
        names = _free_names(extra, self.columns)
        part = part.with_columns([pl.Series(names[name], values, strict=False) for name, values in extra.items()])
        with _Replacing(output) as partial:
            if output.suffix == ".parquet":
                part.write_parquet(partial)
            else:
                part.write_csv(partial, separator="\t" if output.suffix == ".tsv" else ",")


class _Lines:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._starts, self._numbers = array("q"), array("q")
        self._names: dict[str, None] = {}
        for number, start, line in _lines(path):
            self._starts.append(start)
            self._numbers.append(number)
            self._names.update(dict.fromkeys(_record(path, number, line)))

    @property
    def columns(self) -> list[str]:
        return list(self._names)

    def texts(self, column: str) -> list[str]:
        found = []
        for number, _, line in _lines(self.path):
            value = _record(self.path, number, line).get(column)
            found.append(value if isinstance(value, str) else "" if value is None else orjson.dumps(value).decode())
        return found

    def write(self, output: Path, rows: Sequence[int], extra: Extra) -> None:
        names = _free_names(extra, self.columns)
        with _Replacing(output) as partial, self.path.open("rb") as source, partial.open("wb") as file:
            for place, row in enumerate(rows):
                source.seek(self._starts[row])
                line = source.readline().rstrip(b"\r\n")
                if extra:
                    added = {names[name]: values[place] for name, values in extra.items()}
                    line = orjson.dumps({**orjson.loads(line), **added})
                file.write(line + b"\n")


class _Replacing:
    """A file beside the one that is wanted, which it becomes when it is whole."""

    def __init__(self, output: Path) -> None:
        self._output, self._partial = output, output.with_name(output.name + ".partial")

    def __enter__(self) -> Path:
        try:
            self._output.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._refused(error) from None
        return self._partial

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            if kind is None:
                self._partial.replace(self._output)
                return
            self._partial.unlink(missing_ok=True)
        except OSError as failed:
            raise self._refused(failed) from None
        if isinstance(error, OSError):
            raise self._refused(error) from None

    def _refused(self, error: OSError) -> JobError:
        return JobError(f"{self._output}: cannot be written: {error.strerror or error}", hint="name another file")


def _lines(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """Number from 1, place in the file and content of each line that is not blank."""
    start = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, start, line
            start += len(line)


def _record(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise JobError(f"{path}:{number}: not a JSON line: {error}", hint="each line holds one JSON object") from None
    if not isinstance(record, dict):
        raise JobError(f"{path}:{number}: expected a JSON object on each line")
    return record


def _free_names(extra: Extra, columns: Sequence[str]) -> dict[str, str]:
    """Names for added columns that the file does not have."""
    names = {}
    for name in extra:
        free = name
        while free in columns:
            free = f"dedup_{free}"
        names[name] = free
    return names
