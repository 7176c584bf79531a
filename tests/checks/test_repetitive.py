"""Loops, and people's emphasis that is none."""

from __future__ import annotations

import pytest

from synthgen.checks.repetitive import Repetitive
from synthgen.records import Reason
from tests.checks.conftest import MakeRow


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("a" * 40, "character_loop"),
        ("My number is 1234567890123456789012345678901234567890", "digits"),
        ("My number is " + "12 " * 20, "digits"),
        ("hahaha" * 8, "unit_loop"),
        ("my card my card my card my card my card please", "unit_loop"),
        ("I'm sorry.\n\nI'm sorry.\n\nI'm sorry.\n\nI'm sorry.", "repeated_words"),
        ("the card is late and the card is late, yes the card is late", "repeated_words"),
        ("我的卡" * 12, "unit_loop"),
    ],
)
def test_repetitive_finds_loops(row: MakeRow, text: str, rule: str) -> None:
    """The evidence shows the loop, or the share of repeats and the bound."""
    rejection = Repetitive(0.3).judge(row(text))
    assert rejection is not None
    assert rejection.reason is Reason.REPETITIVE
    assert rejection.evidence["rule"] == rule
    if rule == "repeated_words":
        assert rejection.evidence["repeat_ratio"] > rejection.evidence["max_repeat_ratio"]


@pytest.mark.parametrize(
    "text",
    [
        "no no no no stop talking",
        "You are a very very very very bad girl.",
        "Noooooooo please",
        "love you xxxxxxxxxxxxx",
        "wait.................... what",
        "==============================",
        "My card 4929 1234 5678 9012 and IBAN GB29 NWBK 6016 1331 9268 19",
        "Where is my card?",
        "",
    ],
)
def test_repetitive_leaves_emphasis_alone(row: MakeRow, text: str) -> None:
    """People repeat themselves on purpose, briefly."""
    assert Repetitive(0.3).judge(row(text)) is None


def test_repetitive_bound_is_inclusive(row: MakeRow) -> None:
    """A ratio at the bound is fine, one above it is not."""
    text = "one two three four one two three four"  # 6 word 3-grams, 2 of them repeats
    assert Repetitive(2 / 6).judge(row(text)) is None
    assert Repetitive(0.33).judge(row(text)) is not None
