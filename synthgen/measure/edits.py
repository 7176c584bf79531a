"""How far one text is from another, in words: the least insertions, deletions and replacements of a word."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from synthgen.measure.words import words


def edit_distance(a: Sequence[str], b: Sequence[str]) -> int:
    """Levenshtein distance of two sequences.

    Myers' bit vectors (1999) as Hyyrö (2003) writes them: one column of the table is two integers of `len(a)` bits, so
    a thousand words against a thousand take a millisecond.
    """
    if not a or not b:
        return max(len(a), len(b))
    places: dict[str, int] = defaultdict(int)
    for i, token in enumerate(a):
        places[token] |= 1 << i
    full, last = (1 << len(a)) - 1, 1 << (len(a) - 1)
    up, down, distance = full, 0, len(a)  # where the column grows, where it falls, its lowest cell
    for token in b:
        equal = places.get(token, 0)
        kept = (((equal & up) + up) ^ up) | equal | down
        grows, falls = (down | ~(kept | up)) & full, up & kept
        distance += bool(grows & last) - bool(falls & last)
        grows = ((grows << 1) | 1) & full
        up = ((falls << 1) | ~(kept | grows)) & full
        down = grows & kept
    return distance


def edit_ratio(text: str, source: str) -> float:
    """Word edits for each word of the longer text, 0 (the same words in the same order) to 1 (none in its place)."""
    a, b = words(text), words(source)
    return edit_distance(a, b) / max(len(a), len(b), 1)
