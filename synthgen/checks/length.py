"""Characters and words."""

from __future__ import annotations

from synthgen.job import LengthCheck
from synthgen.records import Candidate, Reason, Rejection


class Length:
    """The text is neither too short nor too long; bounds are inclusive."""

    name = "length"

    def __init__(self, config: LengthCheck) -> None:
        self._config = config

    def judge(self, candidate: Candidate) -> Rejection | None:
        config = self._config
        chars, words = len(candidate.text), len(candidate.text.split())
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
