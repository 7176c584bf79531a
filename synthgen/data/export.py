"""Accepted rows to files, each with a manifest and a dataset card.

A file is written beside its name and renamed when whole; its manifest is written last, so a manifest means that the
export is complete. Same rows, same bytes: nothing here tells the time.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from synthgen.data.format_check import check_format
from synthgen.data.formats import EXPORTS, Format, open_format
from synthgen.data.layouts import Task
from synthgen.data.writing import write_array, write_jsonl
from synthgen.errors import JobError, SynthgenError

RESERVED_FIELDS = ("id", "synthetic", "provenance")
CARD_NAME = "README.md"
MANIFEST_NAME = "manifest.json"
PROVENANCE_NAME = "provenance.jsonl"
HF_DATA = "data/train.parquet"
EVALUATION_NAMES = re.compile(
    r"(?:^|[^a-z])(?:test|tests|testing|eval|evaluation|valid|validation|val|dev|holdout)(?:$|[^a-z])"
)
Rows = Iterable[Mapping[str, Any]]
CardOf = Callable[[int, str], str]


@dataclass(frozen=True, slots=True)
class Paths:
    """Where the parts of one export go.

    Attributes:
        data: The rows.
        card: The dataset card.
        manifest: Facts and the data's digest; written last.
        provenance: Where each row came from, line by line, for a format that has no room for it; else None.
        folder: Everything, where the format is a folder; else None.
    """

    data: Path
    card: Path
    manifest: Path
    provenance: Path | None
    folder: Path | None


def export_paths(output: Path, format: str) -> Paths:
    """Where an export to `output` puts its parts: beside the file, or inside the folder that `hf` is."""
    kind = open_format(format)
    if kind.is_folder:
        return Paths(output / HF_DATA, output / CARD_NAME, output / MANIFEST_NAME, None, output)
    beside = {name: output.with_name(f"{output.name}.{name}") for name in (CARD_NAME, MANIFEST_NAME, PROVENANCE_NAME)}
    provenance = beside[PROVENANCE_NAME] if kind.has_provenance_file else None
    return Paths(output, beside[CARD_NAME], beside[MANIFEST_NAME], provenance, None)


def write_rows(
    rows: Rows,
    *,
    output: Path,
    format: str,
    manifest: Mapping[str, Any],
    card: CardOf | None = None,
    task: Task | None = None,
) -> int:
    """Write rows, their card, and then their manifest.

    Args:
        rows: Each with the job's own fields, `id`, `synthetic` and a nested `provenance`.
        output: Replaced where it exists; for `hf` a folder, replaced only where an export made it.
        format: A name of the table in `data.formats`.
        manifest: Facts about the run; file name, digest and count are added.
        card: Makes the dataset card, from the count of rows and the data file's name as seen from the card.
        task: How rows become turns, for the formats that want turns.

    Returns:
        How many rows were written.

    Raises:
        JobError: The name says the file is for evaluation, the rows do not fit the format, or it cannot be written.
    """
    _refuse_evaluation(output)
    final = export_paths(output, format)
    _refuse_strangers(final)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        if final.folder is not None:
            return _write_folder(rows, final, format, manifest, card, task)
        return _write_beside(rows, final, format, manifest, card, task)
    except OSError as error:
        raise JobError(f"{output}: cannot be written: {error.strerror}", hint="choose another --output") from None


def _write_beside(
    rows: Rows, paths: Paths, format: str, manifest: Mapping[str, Any], card: CardOf | None, task: Task | None
) -> int:
    """A file, with its card and manifest beside it. The old manifest goes first: it vouches for the old file."""
    partial = _partial(paths.data)
    try:
        if paths.provenance is not None:
            rows = _noting_provenance(rows, _partial(paths.provenance))
        count = _write(rows, partial, format, task, is_array=paths.data.suffix == ".json")
        _refuse_unfit(partial, paths.data, format)
        paths.manifest.unlink(missing_ok=True)
        digest = _digest(partial)
        partial.replace(paths.data)
        if paths.provenance is not None:
            _partial(paths.provenance).replace(paths.provenance)
    finally:
        partial.unlink(missing_ok=True)
        if paths.provenance is not None:
            _partial(paths.provenance).unlink(missing_ok=True)
    if card is not None:
        _replace(paths.card, card(count, paths.data.name).encode())
    _replace(paths.manifest, _manifest(manifest, paths.data.name, format, count, digest))
    return count


def _write_folder(
    rows: Rows, paths: Paths, format: str, manifest: Mapping[str, Any], card: CardOf | None, task: Task | None
) -> int:
    """A folder that appears whole: made beside its name, and put in the old one's place at the end."""
    assert paths.folder is not None
    partial = paths.folder.with_name(paths.folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    inside = export_paths(partial, format)
    try:
        inside.data.parent.mkdir(parents=True)
        count = _write(rows, inside.data, format, task, is_array=False)
        if card is not None:
            inside.card.write_bytes(card(count, HF_DATA).encode())
        inside.manifest.write_bytes(_manifest(manifest, HF_DATA, format, count, _digest(inside.data)))
        if paths.folder.exists():
            shutil.rmtree(paths.folder)
        partial.replace(paths.folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return count


def _write(rows: Rows, path: Path, format: str, task: Task | None, *, is_array: bool) -> int:
    kind = open_format(format)
    if format in EXPORTS.builtins:
        return _written(rows, path, kind, task, is_array=is_array)
    try:
        return _written(rows, path, kind, task, is_array=is_array)
    except (SynthgenError, OSError):
        raise
    except Exception as error:  # a stranger's code: whatever it raises is theirs to read
        raise JobError(f"--format {format}: the package's code failed: {type(error).__name__}: {error}") from None


def _written(rows: Rows, path: Path, kind: Format, task: Task | None, *, is_array: bool) -> int:
    if kind.layout is None:
        assert kind.write is not None
        return kind.write(rows, path)
    turned = map(kind.layout, rows, itertools.repeat(task or Task("text", "")))
    return write_array(turned, path) if is_array and kind.is_array_allowed else write_jsonl(turned, path)


def _refuse_unfit(written: Path, output: Path, format: str) -> None:
    """What a trainer would not take is not handed out: an empty answer, a conversation that nobody answered."""
    if not open_format(format).has_rules:
        return
    problems = check_format(written, format=format).problems
    if problems:
        shown = "\n".join(f"  row {problem.line}: {problem.text}" for problem in problems[:5])
        more = f"\n  ... and {len(problems) - 5:,} more" if len(problems) > 5 else ""
        raise JobError(
            f"{output}: not written: {len(problems):,} of its rows are no {format} examples\n{shown}{more}",
            hint="give such fields a `min_length` in the job's schema and replay the run, or choose jsonl",
        )


def _refuse_evaluation(output: Path) -> None:
    if EVALUATION_NAMES.search(output.stem.lower()):
        raise JobError(
            f"{output}: synthetic rows are for training, never for evaluation, and this name says evaluation",
            hint="choose a name without test, eval, validation or dev; measure on real rows",
        )


def _refuse_strangers(paths: Paths) -> None:
    """A folder is replaced whole, so it must be one that an export made, or empty."""
    if paths.folder is None:
        if paths.data.is_dir():
            raise JobError(f"{paths.data}: a folder", hint="name a file, or export with --format hf")
        return
    if paths.folder.is_file():
        raise JobError(f"{paths.folder}: a file of that name is there", hint="hf writes a folder: choose another name")
    known = {CARD_NAME, MANIFEST_NAME, "data"}
    found = {path.name for path in paths.folder.iterdir()} if paths.folder.exists() else set()
    if found and not (found <= known and MANIFEST_NAME in found):
        strangers = sorted(found - known) or sorted(found)
        raise JobError(
            f"{paths.folder}: not empty and not an export (it holds {strangers[0]})",
            hint="choose a new folder; nothing here was touched",
        )


def _manifest(facts: Mapping[str, Any], file: str, format: str, count: int, digest: str) -> bytes:
    told = {**facts, "file": file, "format": format, "rows": count, "sha256": digest}
    return orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"


def _replace(path: Path, content: bytes) -> None:
    _partial(path).write_bytes(content)
    _partial(path).replace(path)


def _partial(path: Path) -> Path:
    return path.with_name(path.name + ".partial")


def _noting_provenance(rows: Rows, path: Path) -> Iterator[Mapping[str, Any]]:
    """The same rows; what each of them is and where it came from goes to a file, a row a line."""
    with path.open("wb") as file:
        for row in rows:
            file.write(orjson.dumps({name: row.get(name) for name in RESERVED_FIELDS}) + b"\n")
            yield row


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
