"""Passages of a real row, word for word: what a model was shown, or has learnt by heart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from synthgen.checks.protocol import Setting
from synthgen.job.checks import CheckBlock
from synthgen.measure.overlap import SharedWords
from synthgen.records import Candidate, Reason, Rejection, Row


class MemorisedCheck(CheckBlock):
    """A passage of a real training row, word for word.

    Attributes:
        max_words: Longest run of words that a row may share with any real row.
    """

    check: Literal["memorised"]
    max_words: Annotated[int, Field(ge=1)] = 12

    def build(self, setting: Setting) -> Memorised:
        return Memorised(self.max_words, setting.real)


class Memorised:
    """The text shares a long run of words with a real row.

    Args:
        max_words: Longest run that is allowed.
        real: The real rows.
    """

    name = "memorised"
    cost = 100

    def __init__(self, max_words: int, real: Sequence[Row]) -> None:
        self._max_words, self._real = max_words, real
        self._shared = SharedWords([row.text for row in real])

    def judge(self, candidate: Candidate) -> Rejection | None:
        count, place, run = self._shared.longest(candidate.text)
        if count <= self._max_words or place is None:
            return None
        row = self._real[place]
        evidence = {"id": row.id, "text": row.text, "shared": run, "words": count, "max_words": self._max_words}
        return Rejection(Reason.MEMORISED, evidence)
