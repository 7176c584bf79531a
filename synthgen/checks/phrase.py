"""Looking for phrases: named regular expressions over plainly written text, and the evidence of a match."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from synthgen.checks.literals import holds_any, required_literals
from synthgen.text import straighten

_MAX_PHRASE_CHARS = 120
# Who speaks shows in the beginning; a bound keeps a hostile text from costing more.
_MAX_CHARS = 20_000


class Phrases:
    r"""Named rules, tried in order on the text with straight quotes and dashes, case ignored.

    Args:
        rules: Alternatives of each rule, as regular expressions in which one space stands for any white space. `^`
            and `$` match at every line, `\A` at the beginning of the text.
    """

    def __init__(self, rules: Mapping[str, Sequence[str]]) -> None:
        flags = re.IGNORECASE | re.MULTILINE
        self._rules = {name: re.compile("|".join(any_of).replace(" ", r"\s+"), flags) for name, any_of in rules.items()}
        self._required = {name: required_literals(pattern) for name, pattern in self._rules.items()}
        self._any_required = _together(self._required.values())

    def find(self, text: str) -> dict[str, Any] | None:
        """Evidence of the first rule that matches: its name, the words as they stand in `text`, and their offset."""
        plain = straighten(text[:_MAX_CHARS])
        folded = plain.casefold()
        if self._any_required is not None and not holds_any(folded, self._any_required):
            return None
        for name, pattern in self._rules.items():
            required = self._required[name]
            if required is not None and not holds_any(folded, required):
                continue
            if found := pattern.search(plain):
                phrase = text[found.start() : found.end()][:_MAX_PHRASE_CHARS]
                return {"rule": name, "phrase": phrase, "at": found.start()}
        return None


def _together(required: Iterable[frozenset[str] | None]) -> tuple[str, ...] | None:
    """What a text must hold one of for any of several rules; None where a rule requires nothing.

    Of two literals of which one holds the other, the shorter one is enough.
    """
    found: set[str] = set()
    for literals in required:
        if literals is None:
            return None
        found |= literals
    return tuple(sorted(one for one in found if not any(other != one and other in one for other in found)))
