"""What a pattern cannot match without."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.checks import chatter, refusal, repetitive
from synthgen.checks.literals import PatternIndex, required_literals
from synthgen.checks.phrase import Phrases


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("apple", {"apple"}),
        ("Apple|PEAR", {"apple", "pear"}),
        (r"\bapple\s+pie\b", {"apple"}),
        (r"(?:red|green) apples?", {"apple"}),
        (r"apples?|\w+", None),
        (r"(?:apple)?", None),
        (r"^#{2,6}\s", {"##"}),
        (r"[-*]\s", {"-", "*"}),
        (r"[a-z]+", None),
        (r"x", None),
        (r"the (?:apple|pear)", {"apple", "pear"}),
    ],
)
def test_required_literals_of_a_pattern(pattern: str, expected: set[str] | None) -> None:
    """Alternatives are united, optional parts require nothing, of a sequence the rarest part counts."""
    assert required_literals(re.compile(pattern, re.IGNORECASE)) == expected


_RULES = {**chatter._RULES, **{f"refusal_{name}": rules for name, rules in refusal._RULES.items()}}
_WORDS = sorted({word for rules in _RULES.values() for rule in rules for word in re.findall(r"[a-zA-Z']{2,}", rule)})


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([*_WORDS, ":", "1.", "2.", "\n", "- ", "#", "**", "I", "a", "ſupport", "K"]), max_size=12)
)
def test_no_text_that_matches_is_passed_over(words: list[str]) -> None:
    """Whatever a rule finds, its literals let through; upper case and letters that fold to others included."""
    phrases = Phrases(_RULES)
    for text in (" ".join(words), " ".join(words).upper()):
        possible = phrases._index.possible(text.casefold())
        for number, (name, pattern) in enumerate(phrases._rules):
            assert number in possible or not pattern.search(text), (name, text)


def test_index_names_the_patterns_that_may_match() -> None:
    """Those of which a literal stands in the text, also inside another one's, and those that require nothing."""
    patterns = [re.compile(pattern, re.IGNORECASE) for pattern in ("apple pie", "pie", r"\w+!", r"[a-z]\d", "plum")]
    index = PatternIndex(patterns)
    assert index.possible("an apple pie") == [0, 1, 3]
    assert index.possible("plum!") == [2, 3, 4]
    assert PatternIndex(patterns[:2]).possible("nothing") == []
    assert PatternIndex([re.compile("x")]).possible("") == [0]


def test_loops_are_not_passed_over() -> None:
    """Whatever the loop patterns find, the look before lets through."""
    chance = random.Random(0)
    found = 0
    for _ in range(20_000):
        unit = "".join(chance.choice("ab 1") for _ in range(chance.randint(1, 26)))
        before, after = ("".join(chance.choice("xyz ") for _ in range(chance.randint(0, 30))) for _ in range(2))
        text = before + unit * chance.randint(1, 34) + after
        loops = [repetitive._CHARACTER_LOOP.search(text), repetitive._DIGITS.search(text)]
        loops += [m for m in repetitive._UNIT_LOOP.finditer(text) if len(m[0]) >= repetitive._MIN_LOOP_CHARS]
        if any(loops):
            found += 1
            assert repetitive._may_loop(text), text
    assert found > 5_000
