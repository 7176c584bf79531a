"""The user's own regular expressions."""

from __future__ import annotations

import re

from synthgen.job import PatternCheck
from synthgen.records import Candidate, Reason, Rejection

_MAX_CHARS = 20_000


class Pattern:
    """Every `must_match` is found in the text and no `must_not_match` is; case is ignored. Only the first 20,000
    characters are searched, which bounds what a slow expression can cost."""

    name = "pattern"

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
