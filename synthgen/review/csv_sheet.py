"""The sample as a CSV file for a reviewer elsewhere, and back.

Cells that a spreadsheet would run as formulas get a leading apostrophe. Coming back only `row_id`, `verdict` and `note`
are read, so whatever the spreadsheet did to the texts does not matter; one bad line and nothing is taken over.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path

from synthgen.errors import JobError
from synthgen.review.session import MAX_NOTE_CHARS, ReviewSession
from synthgen.review.verdicts import Verdict

COLUMNS = ("row_id", "label", "text", "verdict", "note", "description", "seeds", "fields")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_MAX_CELL_CHARS = 32_000  # spreadsheets cut or refuse longer ones
_SPELLINGS = {word: verdict for verdict in Verdict for word in (verdict.value, verdict.words, verdict.value[0])}
Act = tuple[str, Verdict, str | None]


def write_csv_sheet(session: ReviewSession, path: Path) -> int:
    """Write the sample with this reviewer's verdicts so far; how many rows.

    Raises:
        JobError: The file cannot be written, or is there already: it may hold verdicts that nobody took over yet.
    """
    if path.exists():
        raise JobError(
            f"--csv-out {path}: a file of that name is there, and it is not written over",
            hint="choose a new name; if it is filled in, --csv-in takes it over",
        )
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            for place in range(len(session.sample.rows)):
                writer.writerow(_line(session, place))
        partial.replace(path)
    except OSError as error:
        raise JobError(f"--csv-out {path}: cannot be written: {error.strerror}") from None
    return len(session.sample.rows)


def read_csv_sheet(session: ReviewSession, path: Path) -> int:
    """Take over the verdicts of a file that `write_csv_sheet` made, all or none; how many were new or changed.

    Raises:
        JobError: No such file, or, naming the line: a column missing, an unknown verdict, a row of another sample.
        JournalError: A run works in the directory, or the disk fails.
    """
    acts = list(_acts(session, path))
    mine = session.mine()
    fresh = [act for act in acts if (mine.said.get(act[0]), mine.notes.get(act[0])) != act[1:]]
    if fresh:
        session.record_all(fresh)
    return len(fresh)


def _line(session: ReviewSession, place: int) -> Mapping[str, str]:
    card = session.card(place)
    seeds = "\n".join(seed["text"] for seed in card["seeds"])
    cells = {**card, "verdict": card["verdict"] or "", "seeds": seeds}
    cells["fields"] = "\n".join(f"{name}: {value}" for name, value in card["fields"].items())
    return {name: _cell(str(cells[name])) for name in COLUMNS}


def _cell(text: str) -> str:
    return ("'" + text if text.startswith(_FORMULA) else text)[:_MAX_CELL_CHARS]


def _acts(session: ReviewSession, path: Path) -> Iterator[Act]:
    known = {row.mark.row_id for row in session.sample.rows}
    seen: dict[str, int] = {}
    for number, cells in _records(path):
        row_id = (cells.get("row_id") or "").strip()
        if row_id not in known:
            said = f"row '{row_id[:40]}' is not in this run's sample" if row_id else "no row_id"
            raise JobError(f"{path}:{number}: {said}", hint="nothing was taken over; was the file made from this run?")
        if row_id in seen:
            raise JobError(f"{path}:{number}: row {row_id} stands at line {seen[row_id]} too", hint=_NOTHING)
        seen[row_id] = number
        verdict = _verdict(cells.get("verdict") or "", path, number)
        note = (cells.get("note") or "").strip().removeprefix("'")
        if len(note) > MAX_NOTE_CHARS:
            raise JobError(
                f"{path}:{number}: the note has {len(note):,} of {MAX_NOTE_CHARS:,} characters", hint=_NOTHING
            )
        if verdict is not None:
            yield row_id, verdict, note or None


_NOTHING = "nothing was taken over; mend the line and run the same command again"


def _verdict(cell: str, path: Path, number: int) -> Verdict | None:
    word = cell.strip().casefold().replace("-", "_")
    if not word:
        return None
    if word not in _SPELLINGS:
        allowed = ", ".join(verdict.value for verdict in Verdict)
        raise JobError(
            f"{path}:{number}: unknown verdict '{cell.strip()[:40]}' (known: {allowed}, or empty)", hint=_NOTHING
        )
    return _SPELLINGS[word]


def _records(path: Path) -> Iterator[tuple[int, Mapping[str, str | None]]]:
    """Lines as dicts with their line numbers; comma, semicolon and tab are told apart by the header."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise JobError(f"--csv-in {path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise JobError(f"--csv-in {path}: cannot be read as UTF-8 text: {error}", hint="save it as CSV UTF-8") from None
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = [(name or "").strip().casefold() for name in reader.fieldnames or ()]
        for column in ("row_id", "verdict"):
            if column not in names:
                raise JobError(
                    f"--csv-in {path}:1: no column '{column}' (columns: {', '.join(names)[:200]})",
                    hint="synthgen review DIR --csv-out PATH writes a file to fill in",
                )
        reader.fieldnames = names
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as error:
        raise JobError(f"--csv-in {path}:{reader.line_num}: not CSV: {error}", hint=_NOTHING) from None
