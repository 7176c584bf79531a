"""Which column is the text and which the class, where nobody says: by the names people use, then by what is in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

TEXT_NAMES = (
    "text", "sentence", "utterance", "message", "question", "content", "review", "query", "body", "tweet", "sms",
    "comment", "document", "description", "input", "prompt",
)  # fmt: skip
LABEL_NAMES = (
    "label", "intent", "category", "class", "target", "topic", "sentiment", "label_text", "tag", "type", "domain",
)  # fmt: skip
_OWN_NAMES = ("id", "synthetic", "provenance")
_LOOKED_AT = 5000
_MAX_SHARE = 0.5
_MAX_LABEL_CHARS = 100


def guess_text(records: Sequence[Mapping[str, Any]], columns: Sequence[str], *, but: str | None) -> str | None:
    """The column of the text: one of the usual names, else the one of the longest texts; None where all are empty.

    Args:
        records: The rows.
        columns: The columns.
        but: A column that is something else.
    """
    open_to = [c for c in columns if c != but and c not in _OWN_NAMES]
    lengths = {c: _mean_chars(records, c) for c in open_to}
    named = [c for name in TEXT_NAMES for c in open_to if c.casefold() == name and lengths[c] > 0]
    if named:
        return named[0]
    return max((c for c in open_to if lengths[c] > 0), key=lambda c: lengths[c], default=None)


def guess_label(records: Sequence[Mapping[str, Any]], columns: Sequence[str], *, but: str) -> str | None:
    """The column of the class: one of the usual names with at least two values, else the one of the fewest values that
    says something (two or more, each twice on average, none long); None where there is none."""
    open_to = [c for c in columns if c != but and c not in _OWN_NAMES]
    counts = {c: _values(records, c) for c in open_to}
    named = [c for name in LABEL_NAMES for c in open_to if c.casefold() == name and counts[c]]
    if named:
        return named[0]
    likely = [c for c in open_to if _looks_like_classes(counts[c])]
    return min(likely, key=lambda c: len(counts[c]), default=None)


def _looks_like_classes(counts: Mapping[str, int]) -> bool:
    if len(counts) < 2 or max(map(len, counts)) > _MAX_LABEL_CHARS:
        return False
    return len(counts) <= _MAX_SHARE * sum(counts.values())


def _values(records: Sequence[Mapping[str, Any]], column: str) -> Counter[str]:
    cells = (record.get(column) for record in records[:_LOOKED_AT])
    return Counter(str(cell).strip() for cell in cells if cell is not None and str(cell).strip())


def _mean_chars(records: Sequence[Mapping[str, Any]], column: str) -> float:
    cells = [record.get(column) for record in records[:_LOOKED_AT]]
    return sum(len(cell.strip()) for cell in cells if isinstance(cell, str)) / max(1, len(cells))
