"""Loops, which weak models fall into: the same words, characters or digits over and over."""

from __future__ import annotations

import re

from synthgen.records import Candidate, Reason, Rejection
from synthgen.text import normalise

_SAME_CHARACTER = re.compile(r"([^\W\d_])\1{7,}|([^\w\s.!?*=~-])\2{7,}")
_SAME_CHUNK = re.compile(r"([^\W_]{2,12}?)\1{4,}")
_SAME_WORD = re.compile(r"\b(\w+)(?:\W+\1\b){3,}")
_LONG_DIGITS = re.compile(r"\d{21,}")
_SEARCHED_CHARS = 4000
_LEAST_TRIGRAMS = 4


class Repetitive:
    """Finds one character eight times, a chunk five times, a word four times on end, over twenty digits, or too
    many word 3-grams that came before in the same text.

    Args:
        max_repeat_ratio: Share of the word 3-grams that may be repeats.
    """

    name = "repetitive"

    def __init__(self, max_repeat_ratio: float) -> None:
        self._max_repeat_ratio = max_repeat_ratio

    def judge(self, candidate: Candidate) -> Rejection | None:
        text = candidate.text[:_SEARCHED_CHARS].casefold()
        for pattern in (_SAME_CHARACTER, _SAME_WORD, _SAME_CHUNK, _LONG_DIGITS):
            if found := pattern.search(text):
                return Rejection(Reason.REPETITIVE, {"found": found[0][:80]})
        words = normalise(candidate.text).split()
        trigrams = list(zip(words, words[1:], words[2:], strict=False))
        if len(trigrams) < _LEAST_TRIGRAMS:
            return None
        ratio = round(1 - len(set(trigrams)) / len(trigrams), 4)
        if ratio <= self._max_repeat_ratio:
            return None
        return Rejection(Reason.REPETITIVE, {"repeat_ratio": ratio, "max_repeat_ratio": self._max_repeat_ratio})
