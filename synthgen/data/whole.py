"""A user's file whole: all its columns, in its order, so that some of its rows can be written as they were.

Rows of csv and jsonl files are copied as they stand, character by character; parquet keeps its columns' types.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from synthgen.data.reading import Content, Reading, ending_of, read_content
from synthgen.errors import JobError

Extra = Mapping[str, Sequence[Any]]
AS_READ = Reading()


class WholeTable:
    """One file of the user's.

    Args:
        content: What it holds.
    """

    def __init__(self, content: Content) -> None:
        self._content = content
        self.path, self.columns, self.taken = content.path, content.columns, content.taken

    def texts(self, column: str) -> list[str]:
        """A column as text, one for each row; empty where there is none."""
        return self._content.texts(column, as_written=True)

    def write(self, output: Path, rows: Sequence[int], extra: Extra) -> None:
        """Some rows with columns added, in the file's own format; the file appears whole or not at all.

        Args:
            output: Packed where its ending says so.
            rows: Numbers from 0, ascending.
            extra: Values for these rows by column name.

        Raises:
            JobError: It cannot be written.
        """
        names = _free_names(extra, self.columns)
        added = [{names[name]: values[place] for name, values in extra.items()} for place in range(len(rows))]
        make = {"csv": self._csv, "jsonl": self._jsonl, "json": self._json, "parquet": self._parquet}
        write_whole(output, make[self._content.kind](rows, added, list(names.values())))

    def _csv(self, rows: Sequence[int], added: Sequence[Mapping[str, Any]], names: Sequence[str]) -> bytes:
        made = io.StringIO(newline="")
        writer = csv.writer(made, delimiter=self._content.separator, lineterminator="\n")
        writer.writerow([*self.columns, *names])
        if not names:
            made.writelines(f"{raw}\n" for raw in self._content.raw_rows(rows))
        for row, more in zip(rows, added, strict=True) if names else ():
            writer.writerow([*self._content.rows[row].values(), *more.values()])
        return made.getvalue().encode()

    def _jsonl(self, rows: Sequence[int], added: Sequence[Mapping[str, Any]], names: Sequence[str]) -> bytes:
        if not names:
            return "".join(f"{raw}\n" for raw in self._content.raw_rows(rows)).encode("utf-8", "surrogatepass")
        return b"".join(as_line({**self._content.rows[r], **m}) for r, m in zip(rows, added, strict=True))

    def _json(self, rows: Sequence[int], added: Sequence[Mapping[str, Any]], names: Sequence[str]) -> bytes:
        return as_list({**self._content.rows[r], **m} for r, m in zip(rows, added, strict=True))

    def _parquet(self, rows: Sequence[int], added: Sequence[Mapping[str, Any]], names: Sequence[str]) -> bytes:
        import polars as pl

        frame = pl.read_parquet(io.BytesIO(self.path.read_bytes()))
        part = frame[list(rows)] if rows else frame.clear()
        part = part.with_columns([pl.Series(name, [m[name] for m in added], strict=False) for name in names])
        made = io.BytesIO()
        part.write_parquet(made)
        return made.getvalue()


def open_whole(path: Path, reading: Reading = AS_READ) -> WholeTable:
    """Read a file.

    Raises:
        JobError: As `read_content`.
    """
    return WholeTable(read_content(path, reading))


def as_line(record: Mapping[str, Any]) -> bytes:
    """A record as a line of jsonl; whole numbers of any size stay what they are."""
    try:
        return orjson.dumps(record, default=str) + b"\n"
    except TypeError:
        import json

        return json.dumps(record, ensure_ascii=False, separators=(",", ":"), default=str).encode() + b"\n"


def as_list(records: Iterable[Mapping[str, Any]]) -> bytes:
    """Records as a JSON list, one a line."""
    return b"[\n" + b",\n".join(as_line(record).rstrip() for record in records) + b"\n]\n"


def write_whole(output: Path, data: bytes) -> None:
    """Write a file so that it appears whole or not at all, packed where its ending says so.

    Raises:
        JobError: It cannot be written.
    """
    partial = output.with_name(output.name + ".partial")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(_packed(output, data))
        partial.replace(output)
    except OSError as error:
        raise JobError(f"{output}: cannot be written: {error.strerror or error}", hint="name another file") from None
    finally:
        if output.parent.is_dir():
            partial.unlink(missing_ok=True)


def _packed(output: Path, data: bytes) -> bytes:
    packing = output.suffix.casefold()
    if packing == ".gz":
        return gzip.compress(data, mtime=0)
    if packing == ".zst":
        try:
            import zstandard
        except ImportError:
            raise JobError(f"{output}: needs the zstandard package", hint="pip install zstandard") from None
        return bytes(zstandard.ZstdCompressor().compress(data))
    return data


def refuse_inputs(outputs: Sequence[Path], inputs: Sequence[Path]) -> None:
    """See that nothing that is read is written over, however its path is spelled.

    Raises:
        JobError: An output is one of the inputs.
    """
    for output in outputs:
        for source in inputs:
            if output.exists() and source.exists() and output.samefile(source):
                raise JobError(
                    f"{output}: is a file that the run was made from, and what is read is never written over",
                    hint="name another file",
                )


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
        if ending_of(output) != suffix.casefold():
            raise JobError(
                f"{output}: rows are written in the format that they were read in, {suffix}",
                hint=f"name it {output.with_suffix(suffix).name}",
            )


def _free_names(extra: Extra, columns: Sequence[str]) -> dict[str, str]:
    """Names for added columns that the file does not have."""
    names = {}
    for name in extra:
        free = name
        while free in columns:
            free = f"dedup_{free}"
        names[name] = free
    return names
