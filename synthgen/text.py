"""Texts as the checks and dedup compare them: normal form, character n-grams, overlap."""

from __future__ import annotations

import re
import unicodedata

_NOT_WORD = re.compile(r"[\W_]+")
_QUOTES = str.maketrans(dict.fromkeys("'’‘ʼ`´", ""))


def normalise(text: str) -> str:
    """One spelling of what reads the same: Unicode compatibility form, case folded, apostrophes dropped, every other
    run of punctuation and white space one space. Two texts are exact duplicates where these are equal and not empty."""
    folded = unicodedata.normalize("NFKC", text).casefold().translate(_QUOTES)
    words = _NOT_WORD.sub(" ", folded).strip()
    return words or folded.strip()


def char_ngrams(text: str, n: int = 3) -> frozenset[str]:
    """Character n-grams of the normal form, padded so that short texts and word ends count."""
    padded = f" {normalise(text)} "
    return frozenset(padded[i : i + n] for i in range(max(1, len(padded) - n + 1)))


def jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    """Shared share of two sets, 0 to 1."""
    if not a and not b:
        return 1.0
    return len(a & b) / len(a | b)
