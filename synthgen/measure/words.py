"""Texts as the figures read them: words of the normal form, and n-grams of words.

Scripts written without spaces (Chinese, Japanese, Thai, ...) are read character by character: their runs would
otherwise be one endless word each.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from synthgen.text import normalise

Words: TypeAlias = tuple[str, ...]
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_ANY_UNSPACED = re.compile(rf"[{_UNSPACED}]")
_PARTS = re.compile(rf"[{_UNSPACED}]|[^{_UNSPACED}\s]+")


def words(text: str) -> Words:
    """Words of a text, in order, in normal form (case, quotes and punctuation do not count)."""
    return tuple(_PARTS.findall(normalise(text)))


def count_words(text: str) -> int:
    """Words between blanks; those of `words` where a text holds a script that is written without blanks."""
    if text.isascii() or not _ANY_UNSPACED.search(text):
        return len(text.split())
    return len(words(text))


def ngrams(row: Words, n: int) -> list[Words]:
    """The n-grams of one row, in order; none where it has fewer words."""
    return [row[i : i + n] for i in range(len(row) - n + 1)]


def count_ngrams(rows: Iterable[Words], n: int) -> Counter[Words]:
    """How often each n-gram stands in the rows."""
    found: Counter[Words] = Counter()
    for row in rows:
        found.update(ngrams(row, n))
    return found


def row_counts(rows: Sequence[Words], n: int) -> Counter[Words]:
    """In how many rows each n-gram stands."""
    return Counter(gram for row in rows for gram in set(ngrams(row, n)))
