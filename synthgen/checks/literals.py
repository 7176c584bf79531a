"""What a regular expression cannot match without: literals, one of which every match holds.

A text that holds none of them needs no search. That is how most rows pass the phrase rules at a tenth of the cost: one
pass over the text (Aho and Corasick, 1975) finds the literals of all patterns.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

from ahocorasick_rs import AhoCorasick

MAX_LITERALS = 64
MAX_OF_A_CLASS = 4
MAX_RUNS = 8
_COMMON = frozenset({"the", "and", "you", "for", "are", "here", "like", "an", "as", "am", "in", "is", "it", "on", "to"})


def required_literals(pattern: re.Pattern[str]) -> frozenset[str] | None:
    """Case-folded strings of which every match of `pattern` holds at least one; None where there is no such set.

    Reads the parsed expression, so it is right for whatever `re` accepts: what it does not know requires nothing.
    """
    found = _of_sequence(_parser.parse(pattern.pattern, pattern.flags))
    if found is None or len(found) > MAX_LITERALS or any(_rarity(literal) == 0 for literal in found):
        return None
    return frozenset(found)


class PatternIndex:
    """Which of several patterns a text can match at all.

    Args:
        patterns: They, case ignored.
    """

    def __init__(self, patterns: Sequence[re.Pattern[str]]) -> None:
        users: dict[str, set[int]] = defaultdict(set)
        self._always = set[int]()
        for number, pattern in enumerate(patterns):
            required = required_literals(pattern)
            if required is None:
                self._always.add(number)
            for literal in required or ():
                users[literal].add(number)
        self._users = list(users.values())
        self._literals = AhoCorasick(list(users))

    def possible(self, folded: str) -> list[int]:
        """Places of the patterns that may match a text, in order.

        Args:
            folded: The text, case-folded.
        """
        found = self._literals.find_matches_as_indexes(folded, overlapping=True)
        if not found and not self._always:
            return []
        return sorted(self._always.union(*[self._users[match[0]] for match in found]))


def _of_sequence(items: Iterable[tuple[Any, Any]]) -> set[str] | None:
    """The best requirement among those of a sequence's parts: all of them hold, so any may be chosen."""
    candidates: list[set[str]] = []
    runs = {""}  # what stands next to each other: one of these
    for op, value in items:
        members = _of_character(op, value)
        if members is not None and len(runs) * len(members) <= MAX_RUNS:
            runs = {run + member for run in runs for member in members}
            continue
        candidates += _worthwhile(runs)
        runs = {""}
        part = _of_item(op, value)
        candidates += [part] if part else []
    return max([*candidates, *_worthwhile(runs)], key=_worth, default=None)


def _of_character(op: Any, value: Any) -> set[str] | None:
    """What one character of the text is, where it is one of a few."""
    if op is _constants.LITERAL:
        return {chr(value)}
    return _of_class(value) if op is _constants.IN else None


def _worthwhile(runs: set[str]) -> list[set[str]]:
    found = {run.strip().casefold() for run in runs}
    return [found] if all(found) else []


def _of_item(op: Any, value: Any) -> set[str] | None:
    if op is _constants.SUBPATTERN:
        return _of_sequence(value[3])
    if op is _constants.BRANCH:
        return _of_branches(value[1])
    if op is _constants.IN:
        return _of_class(value)
    if op in (_constants.MAX_REPEAT, _constants.MIN_REPEAT) and value[0] >= 1:
        least, repeated = value[0], value[2]
        if len(repeated) == 1 and repeated[0][0] is _constants.LITERAL:
            return {(chr(repeated[0][1]) * least).casefold()}
        return _of_sequence(repeated)
    return None


def _of_class(members: Sequence[tuple[Any, Any]]) -> set[str] | None:
    """A class of a few characters is one of them."""
    if len(members) > MAX_OF_A_CLASS or any(op is not _constants.LITERAL for op, _ in members):
        return None
    return {chr(value).casefold() for _, value in members}


def _of_branches(branches: Sequence[Iterable[tuple[Any, Any]]]) -> set[str] | None:
    """One of the branches matches, so what each requires is required together."""
    parts = [_of_sequence(branch) for branch in branches]
    if any(part is None for part in parts):
        return None
    return set().union(*(part for part in parts if part))


def _worth(literals: set[str]) -> tuple[float, int]:
    """Rare literals are best, and few are quickly looked for."""
    return min(_rarity(literal) for literal in literals), -len(literals)


def _rarity(literal: str) -> float:
    """How much a literal tells: long ones are rare; of single characters, letters and spaces are in every
    text."""
    if len(literal) == 1:
        return 0.0 if literal.isalpha() or literal.isspace() else 2.5
    return 1.0 if literal in _COMMON else float(len(literal))
