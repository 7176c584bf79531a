"""Blanks the model left for somebody else to fill."""

from __future__ import annotations

import re
from collections.abc import Sequence

from synthgen.records import Candidate, Reason, Rejection

# `[1]` is a citation and `<3` a heart: brackets count only around words. Dates and numbers masked as XX do count.
PLACEHOLDERS: tuple[str, ...] = (
    r"\[[ ]*[A-Za-z][A-Za-z0-9 _'/#.-]{0,40}\]",
    r"\{\{?[ ]*[A-Za-z_][A-Za-z0-9 _.-]{0,40}\}?\}",
    r"<[ ]*[A-Za-z_][A-Za-z0-9 _/-]{1,40}>",
    r"\bX{4,}\b|\bXX[-/]XX",
    r"_{3,}",
    r"%[A-Z][A-Z_]{2,}%|\$\{[A-Za-z_]{2,}\}",
)


class Placeholder:
    """Finds `[Name]`, `{order_id}`, `<date>`, `XXXX`, `___`; what `allow` lists literally is fine."""

    name = "placeholder"

    def __init__(self, allow: Sequence[str] = ()) -> None:
        self._allow = frozenset(a.casefold() for a in allow)
        self._pattern = re.compile("|".join(f"(?:{p})" for p in PLACEHOLDERS))

    def judge(self, candidate: Candidate) -> Rejection | None:
        for found in self._pattern.finditer(candidate.text):
            if found[0].casefold() not in self._allow:
                return Rejection(Reason.PLACEHOLDER, {"found": found[0]})
        return None
