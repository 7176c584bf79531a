"""Characters and words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field

from synthgen.checks.protocol import Setting
from synthgen.job.checks import TextCheck
from synthgen.measure.words import count_words
from synthgen.records import Candidate, Reason, Rejection


class LengthCheck(TextCheck):
    """Characters and words; in scripts without blanks (Chinese, Japanese, Thai) each character counts as a word."""

    check: Literal["length"]
    min_chars: Annotated[int, Field(ge=0)] | None = None
    max_chars: Annotated[int, Field(ge=1)] | None = None
    min_words: Annotated[int, Field(ge=0)] | None = None
    max_words: Annotated[int, Field(ge=1)] | None = None

    def build(self, setting: Setting) -> Length:
        return Length(self, count_words if setting.rules >= 2 else _count_between_blanks)


def _count_between_blanks(text: str) -> int:
    """Words by the first rules, which knew no script without blanks."""
    return len(text.split())


class Length:
    """The text is neither too short nor too long; bounds are inclusive."""

    name = "length"
    cost = 10

    def __init__(self, config: LengthCheck, count: Callable[[str], int] = count_words) -> None:
        self._config, self._count = config, count

    def judge(self, candidate: Candidate) -> Rejection | None:
        config = self._config
        chars, words = len(candidate.text), 0
        if config.min_words is not None or config.max_words is not None:
            words = self._count(candidate.text)
        measured = (
            ("chars", chars, config.min_chars, config.max_chars),
            ("words", words, config.min_words, config.max_words),
        )
        for unit, count, least, most in measured:
            if least is not None and count < least:
                return Rejection(Reason.TOO_SHORT, {unit: count, f"min_{unit}": least})
            if most is not None and count > most:
                return Rejection(Reason.TOO_LONG, {unit: count, f"max_{unit}": most})
        return None
