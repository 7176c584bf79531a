"""Rows to JSON Lines and tables."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from synthgen.data.formats import FLAT, Format

Rows = Iterable[Mapping[str, Any]]


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


def write_jsonl(rows: Rows, path: Path) -> int:
    count = 0
    with path.open("wb") as file:
        for row in rows:
            file.write(orjson.dumps(row) + b"\n")
            count += 1
    return count


def write_array(rows: Rows, path: Path) -> int:
    """One JSON array, a row a line."""
    count = 0
    with path.open("wb") as file:
        for row in rows:
            file.write((b",\n" if count else b"[\n") + orjson.dumps(row))
            count += 1
        file.write(b"\n]\n" if count else b"[]\n")
    return count


def _write_table(rows: Rows, path: Path, *, parquet: bool) -> int:
    import polars as pl

    flat = [flatten(row) for row in rows]
    columns: Sequence[str] = list(dict.fromkeys(name for row in flat for name in row))
    frame = pl.DataFrame({name: pl.Series(name, [row.get(name) for row in flat], strict=False) for name in columns})
    if parquet:
        frame.write_parquet(path)
    else:
        frame.write_csv(path)
    return len(flat)


JSONL = Format(
    fields="the job's own fields, `id`, `synthetic`, and under `provenance` where it came from.", write=write_jsonl
)
CSV = Format(fields=FLAT, write=functools.partial(_write_table, parquet=False))
PARQUET = Format(fields=FLAT, write=functools.partial(_write_table, parquet=True))
HF = Format(fields=FLAT, write=functools.partial(_write_table, parquet=True), is_folder=True)
