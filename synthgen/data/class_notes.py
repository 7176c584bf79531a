"""What to say of a table's rows before anything is asked: classes that look like one, texts with two classes, rows that
are left out. Says, and changes nothing."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from synthgen.data.tables import RealRows
from synthgen.records import Row
from synthgen.text import visible

_SHOWN, _SHOWN_CHARS = 3, 60


def row_notes(rows: RealRows) -> list[str]:
    """One sentence for each thing that a person should know of the rows; empty where all is as it seems."""
    notes = [f"{rows.path} was read as: {rows.taken}"] if rows.taken else []
    if rows.skipped:
        notes.append(f"{rows.skipped} rows of {rows.path} have an empty text or label and are not used")
    return [*notes, *_alike(row.label for row in rows.rows), *_two_classes(rows.rows), *_single_rows(rows)]


def _alike(labels: Iterable[str]) -> list[str]:
    """Classes whose names differ only by case, spaces or how their letters are composed."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for label in labels:
        found[" ".join(unicodedata.normalize("NFKC", label).casefold().split())][label] = None
    return [_look_alike(list(names)) for names in found.values() if len(names) > 1]


def _look_alike(names: Sequence[str]) -> str:
    shown = " and ".join(repr(visible(name)) for name in names)
    is_composed = len({unicodedata.normalize("NFC", name) for name in names}) == 1
    why = " (their letters are composed differently)" if is_composed else ""
    return f"the classes {shown} look like one class; they are kept apart{why}"


def _two_classes(rows: Sequence[Row]) -> list[str]:
    """Texts that stand with more than one class."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for row in rows:
        found[row.text].setdefault(row.label, row.id)
    double = [(text, classes) for text, classes in found.items() if len(classes) > 1]
    if not double:
        return []
    shown = "; ".join(_as_classes(text, classes) for text, classes in double[:_SHOWN])
    more = f", and {len(double) - _SHOWN:,} more" if len(double) > _SHOWN else ""
    return [f"texts with more than one class: {len(double):,}: {shown}{more}"]


def _as_classes(text: str, classes: Mapping[str, str]) -> str:
    named = " and ".join(f"{visible(label)} ({row})" for label, row in classes.items())
    return f"{visible(text, max_chars=_SHOWN_CHARS)!r} as {named}"


def _single_rows(rows: RealRows) -> list[str]:
    single = [label for label, own in rows.by_label().items() if label and len(own) == 1]
    if not single:
        return []
    shown = ", ".join(visible(label) for label in single[:_SHOWN]) + (", ..." if len(single) > _SHOWN else "")
    return [f"classes with one real row only: {len(single):,}: {shown}"]
