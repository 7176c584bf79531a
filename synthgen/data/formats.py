"""The formats that rows are exported in: one table, which installed packages add to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthgen.errors import JobError
from synthgen.registry import Registry

ExportRow = Mapping[str, Any]
"""The job's own fields, `id`, `synthetic` and a nested `provenance`."""
FLAT = "the job's own fields, `id`, `synthetic`, and in flat columns where it came from."
EXPORTS = Registry(
    "synthgen.exports",
    {
        "jsonl": "synthgen.data.writing:JSONL",
        "csv": "synthgen.data.writing:CSV",
        "parquet": "synthgen.data.writing:PARQUET",
        "openai-chat": "synthgen.data.layouts:OPENAI_CHAT",
        "alpaca": "synthgen.data.layouts:ALPACA",
        "sharegpt": "synthgen.data.layouts:SHAREGPT",
        "hf": "synthgen.data.writing:HF",
    },
)


@dataclass(frozen=True, slots=True)
class Format:
    """How rows become a file. One of `write` and `layout` is given.

    Attributes:
        fields: What a row holds, for the dataset card: one sentence.
        write: Writes all rows to a path and returns how many; rows can be read once.
        layout: Makes what stands on one line of a JSON Lines file, from a row and the task
            (`synthgen.data.layouts.Task`), which knows what asks and what answers.
        is_array_allowed: Whether a layout becomes one JSON array where the file's name ends in .json.
        has_rules: Whether `data.format_check` knows what a trainer refuses in it.
        has_provenance_file: Whether where each row came from goes to a file beside it, for want of room in the row.
        is_folder: Whether it is a folder that holds data, card and manifest.
    """

    fields: str
    write: Callable[[Iterable[ExportRow], Path], int] | None = None
    layout: Callable[[ExportRow, Any], Mapping[str, Any]] | None = None
    is_array_allowed: bool = False
    has_rules: bool = False
    has_provenance_file: bool = False
    is_folder: bool = False


def open_format(name: str) -> Format:
    """The format of that name.

    Raises:
        JobError: No such format, or what a package brings is none.
    """
    found = EXPORTS.load(name, where="--format")
    if isinstance(found, Format) and (found.write is None) != (found.layout is None):
        return found
    raise JobError(
        f"--format: what the package brings as '{name}' is no export format",
        hint="it must be a synthgen.data.formats.Format with either `write` or `layout`",
    )
