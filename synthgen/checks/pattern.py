"""The user's own regular expressions."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator

from synthgen.checks.protocol import Setting
from synthgen.job.checks import TextCheck
from synthgen.job.strict import compiled
from synthgen.records import Candidate, Reason, Rejection

_MAX_CHARS = 20_000


class PatternCheck(TextCheck):
    """The user's own regular expressions, searched in the text, case ignored.

    Attributes:
        must_match: Every one of these must be found; per class where a mapping is given.
        must_not_match: None of these may be found.
        labels: Classes it applies to; empty means all.
    """

    check: Literal["pattern"]
    must_match: list[str] = Field(default_factory=list)
    must_not_match: list[str] = Field(default_factory=list)
    labels: list[str] = Field(default_factory=list)

    @field_validator("must_match", "must_not_match")
    @classmethod
    def _compile(cls, value: list[str]) -> list[str]:
        return [compiled(v) for v in value]

    def build(self, setting: Setting) -> Pattern:
        return Pattern(self)


class Pattern:
    """Every `must_match` is found in the text and no `must_not_match` is; case is ignored. Only the first 20,000
    characters are searched, which bounds what a slow expression can cost."""

    name = "pattern"
    cost = 30

    def __init__(self, config: PatternCheck) -> None:
        self._labels = frozenset(config.labels)
        self._must = [re.compile(p, re.IGNORECASE) for p in config.must_match]
        self._must_not = [re.compile(p, re.IGNORECASE) for p in config.must_not_match]

    def judge(self, candidate: Candidate) -> Rejection | None:
        if self._labels and candidate.label not in self._labels:
            return None
        text = candidate.text[:_MAX_CHARS]
        for pattern in self._must:
            if not pattern.search(text):
                return Rejection(Reason.PATTERN, {"must_match": pattern.pattern})
        for pattern in self._must_not:
            if found := pattern.search(text):
                return Rejection(Reason.PATTERN, {"must_not_match": pattern.pattern, "found": found[0][:80]})
        return None
