"""Loops: what weak models fall into when they do not know how to end."""

from __future__ import annotations

import re
from collections import Counter
from typing import Annotated, Any, Literal

from pydantic import Field

from synthgen.checks.protocol import Setting
from synthgen.job.checks import TextCheck
from synthgen.records import Candidate, Reason, Rejection
from synthgen.text import normalise

_WORD = re.compile(r"\w+(?:['’]\w+)*")
# Shorter texts repeat words on purpose: "no no no no stop talking", "very very very very bad".
_MIN_WORDS = 8
# Emphasis is shorter ("sooooooooo", "hi hi hi hi hi hi", 13 kisses), rows of dots and stars are decoration.
_CHARACTER_LOOP = re.compile(r"([^\W_])\1{19,}")
_UNIT_LOOP = re.compile(r"([^\W_][^\n]{1,23}?)\1{4,}")
_MIN_LOOP_CHARS = 30
# A loop of period p and length L repeats L - 2 - p triples: 18 characters of a run of 20, 22 of a unit loop of 30.
_MIN_REPEATED_TRIPLES = 17
_MAX_PERIOD = 24
_PROBE_EVERY = 10
_MIN_RETURNS = 3
_LOOP_DIGITS = 32
_DIGITS = re.compile(r"\d(?:[ \-]?\d){31,}")
# The loops of longer texts show in their beginning, too.
_MAX_CHARS = 20_000


class RepetitiveCheck(TextCheck):
    """Loops: the same words or characters over and over.

    Attributes:
        max_repeat_ratio: Share of word 3-grams that may be repeats of an earlier one in the same text.
    """

    check: Literal["repetitive"]
    max_repeat_ratio: Annotated[float, Field(ge=0, le=1)] = 0.3

    def build(self, setting: Setting) -> Repetitive:
        return Repetitive(self.max_repeat_ratio)


class Repetitive:
    """Rejects runs of the same characters, chunks or digits, and texts that mostly repeat themselves.

    Args:
        max_repeat_ratio: Share of the word 3-grams that may be repeats of an earlier one.
    """

    name = "repetitive"
    cost = 70

    def __init__(self, max_repeat_ratio: float) -> None:
        self._max_ratio = max_repeat_ratio

    def judge(self, candidate: Candidate) -> Rejection | None:
        text = candidate.text[:_MAX_CHARS]
        evidence = _loop(text) or self._repeats(text)
        return None if evidence is None else Rejection(Reason.REPETITIVE, evidence)

    def _repeats(self, text: str) -> dict[str, Any] | None:
        if _repeats_few_words(text):
            return None
        words = _WORD.findall(text.casefold())
        if len(words) < _MIN_WORDS or len(words) - len(set(words)) < 3:
            return None  # of too few words, or with no three of them that come again
        grams = list(zip(words, words[1:], words[2:], strict=False))
        ratio = (len(grams) - len(set(grams))) / len(grams)
        if ratio <= self._max_ratio:
            return None
        most, times = Counter(grams).most_common(1)[0]
        evidence = {"rule": "repeated_words", "repeat_ratio": round(ratio, 4), "max_repeat_ratio": self._max_ratio}
        return {**evidence, "phrase": " ".join(most), "times": times}


def _repeats_few_words(text: str) -> bool:
    """Whether the words of the normal form, which others look at too, show that fewer than three come again.

    In plain ASCII each word begins with one of these, so that words that come again are no more than these.
    """
    if not text.isascii() or "`" in text or "''" in text:
        return False
    words = normalise(text).split()
    return len(words) - len(set(words)) < 3


def _loop(text: str) -> dict[str, Any] | None:
    if not _may_loop(text):
        return None
    for rule, pattern in (("character_loop", _CHARACTER_LOOP), ("digits", _DIGITS), ("unit_loop", _UNIT_LOOP)):
        for found in pattern.finditer(text):
            if rule != "unit_loop" or len(found[0]) >= _MIN_LOOP_CHARS:
                unit = found[1] if pattern.groups else found[0]
                return {"rule": rule, "phrase": found[0][:120], "unit": unit[:60], "at": found.start()}
    return None


def _may_loop(text: str) -> bool:
    """Whether a loop is possible: each kind repeats three characters in a row at least so often, or holds digits."""
    triples = len(text) - 2
    if triples <= _MIN_REPEATED_TRIPLES:
        return False
    if _holds_many_digits(text):
        return True
    if not _comes_again_soon(text):
        return False
    return triples - len(set(zip(text, text[1:], text[2:], strict=False))) >= _MIN_REPEATED_TRIPLES


def _comes_again_soon(text: str) -> bool:
    """Whether one of every tenth three characters comes again, and again, and again, each within a loop's period.

    A loop of period p is at least max(20, 5p) long (30 where p > 1), so one of these stands in its first ten places and
    then at least three times more, p apart or nearer.
    """
    for i in range(0, len(text) - 2, _PROBE_EVERY):
        triple, at, times = text[i : i + 3], i, 0
        while times < _MIN_RETURNS and (at := text.find(triple, at + 1, at + 3 + _MAX_PERIOD)) >= 0:
            times += 1
        if times == _MIN_RETURNS:
            return True
    return False


def _holds_many_digits(text: str) -> bool:
    return len(text) >= _LOOP_DIGITS and sum(map(text.count, "0123456789")) >= _LOOP_DIGITS
