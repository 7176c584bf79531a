"""Looking for phrases: named regular expressions over plainly written text, and the evidence of a match."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from synthgen.checks.literals import PatternIndex
from synthgen.text import straighten

_MAX_PHRASE_CHARS = 120
# Who speaks shows in the beginning; a bound keeps a hostile text from costing more.
_MAX_CHARS = 20_000


class Phrases:
    r"""Named rules, tried in order on the text with straight quotes and dashes, case ignored.

    They are compiled when the first text comes: that takes 50 ms, which should not hold up a run's first request.

    Args:
        rules: Alternatives of each rule, as regular expressions in which one space stands for any white space. `^`
            and `$` match at every line, `\A` at the beginning of the text.
    """

    def __init__(self, rules: Mapping[str, Sequence[str]]) -> None:
        self._words = rules

    @cached_property
    def _rules(self) -> list[tuple[str, re.Pattern[str]]]:
        flags = re.IGNORECASE | re.MULTILINE
        return [
            (name, re.compile("|".join(any_of).replace(" ", r"\s+"), flags)) for name, any_of in self._words.items()
        ]

    @cached_property
    def _index(self) -> PatternIndex:
        return PatternIndex([pattern for _, pattern in self._rules])

    def find(self, text: str) -> dict[str, Any] | None:
        """Evidence of the first rule that matches: its name, the words as they stand in `text`, and their offset."""
        plain = straighten(text[:_MAX_CHARS])
        for number in self._index.possible(plain.casefold()):
            name, pattern = self._rules[number]
            if found := pattern.search(plain):
                phrase = text[found.start() : found.end()][:_MAX_PHRASE_CHARS]
                return {"rule": name, "phrase": phrase, "at": found.start()}
        return None
