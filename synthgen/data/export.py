"""Accepted rows to files: jsonl (nested provenance), csv and parquet (flat provenance).

A file is written beside its name and renamed when whole; its manifest is written last, so a manifest means the file is
complete. Same rows, same bytes: nothing here tells the time.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from synthgen.errors import JobError

FORMATS = ("jsonl", "csv", "parquet")
RESERVED_FIELDS = ("id", "synthetic", "provenance")
_EVALUATION = re.compile(
    r"(?:^|[^a-z])(?:test|tests|testing|eval|evaluation|valid|validation|val|dev|holdout)(?:$|[^a-z])"
)


def write_rows(rows: Iterable[Mapping[str, Any]], *, output: Path, format: str, manifest: Mapping[str, Any]) -> int:
    """Write rows and then their manifest, `<output>.manifest.json`.

    Args:
        rows: Each with the job's own fields, `id`, `synthetic` and a nested `provenance`.
        output: Replaced where it exists.
        format: One of `FORMATS`.
        manifest: Facts about the run; file name, digest and count are added.

    Returns:
        How many rows were written.

    Raises:
        JobError: The name says the file is for evaluation, or it cannot be written.
    """
    if _EVALUATION.search(output.stem.lower()):
        raise JobError(
            f"{output}: synthetic rows are for training, never for evaluation, and this name says evaluation",
            hint="choose a name without test, eval, validation or dev; measure on real rows",
        )
    manifest_path = output.with_name(output.name + ".manifest.json")
    partial = output.with_name(output.name + ".partial")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        manifest_path.unlink(missing_ok=True)
        count = _WRITERS[format](rows, partial)
        digest = hashlib.sha256(partial.read_bytes()).hexdigest()
        partial.replace(output)
        facts = {**manifest, "file": output.name, "format": format, "rows": count, "sha256": digest}
        manifest_path.write_bytes(orjson.dumps(facts, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")
    except OSError as error:
        raise JobError(f"{output}: cannot be written: {error.strerror}", hint="choose another --output") from None
    return count


def flatten(row: Mapping[str, Any]) -> dict[str, Any]:
    """One level of columns: provenance spread out, lists joined by `;`."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if name == "provenance":
            flat.update(_spread(value, ""))
        else:
            flat[name] = _cell(value)
    return flat


def _spread(value: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            yield from _spread(inner, f"{prefix}{name}_")
        else:
            yield prefix + name, _cell(inner)


def _cell(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return ";".join(str(v) for v in value)
    if isinstance(value, Mapping):
        return orjson.dumps(value).decode()
    return value


def _write_jsonl(rows: Iterable[Mapping[str, Any]], path: Path) -> int:
    count = 0
    with path.open("wb") as file:
        for row in rows:
            file.write(orjson.dumps(row) + b"\n")
            count += 1
    return count


def _write_table(rows: Iterable[Mapping[str, Any]], path: Path, *, parquet: bool) -> int:
    import polars as pl

    flat = [flatten(row) for row in rows]
    columns: Sequence[str] = list(dict.fromkeys(name for row in flat for name in row))
    frame = pl.DataFrame({name: pl.Series(name, [row.get(name) for row in flat], strict=False) for name in columns})
    if parquet:
        frame.write_parquet(path)
    else:
        frame.write_csv(path)
    return len(flat)


_WRITERS: Mapping[str, Callable[[Iterable[Mapping[str, Any]], Path], int]] = {
    "jsonl": _write_jsonl,
    "csv": functools.partial(_write_table, parquet=False),
    "parquet": functools.partial(_write_table, parquet=True),
}
