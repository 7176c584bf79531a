"""Bounds in characters and words, both inclusive."""

from __future__ import annotations

import pytest

from synthgen.checks.length import Length, LengthCheck
from synthgen.records import Reason
from tests.checks.conftest import MakeRow


@pytest.mark.parametrize(
    ("bounds", "text", "reason"),
    [
        ({"min_chars": 3}, "ab", Reason.TOO_SHORT),
        ({"min_chars": 3}, "abc", None),
        ({"max_chars": 3}, "abcd", Reason.TOO_LONG),
        ({"max_chars": 3}, "abc", None),
        ({"min_words": 2}, "one", Reason.TOO_SHORT),
        ({"min_words": 2}, "one two", None),
        ({"max_words": 2}, "one  two\nthree", Reason.TOO_LONG),
        ({"max_words": 2}, "one two", None),
        ({"min_words": 5}, "我的新卡在哪里", None),
        ({"max_words": 3}, "我的新卡在哪里", Reason.TOO_LONG),
        ({"min_words": 5}, "新しいカードはどこですか", None),
        ({"min_words": 5}, "บัตรใหม่ของฉันอยู่ที่ไหน", None),
        ({"max_words": 3}, "내 새 카드", None),
        ({"max_words": 3}, "wo ist’s denn", None),
        ({"min_words": 4}, "was – denn – das", None),
        ({}, "", None),
    ],
)
def test_length_judges_by_inclusive_bounds(
    row: MakeRow, bounds: dict[str, int], text: str, reason: Reason | None
) -> None:
    """The evidence holds what was measured and the bound it broke."""
    rejection = Length(LengthCheck(check="length", **bounds)).judge(row(text))
    assert (rejection.reason if rejection else None) == reason
    if rejection is not None:
        (bound,) = bounds.items()
        assert bound in rejection.evidence.items()
        assert len(rejection.evidence) == 2
