"""The user's own expressions."""

from __future__ import annotations

import pytest

from synthgen.checks.pattern import Pattern, PatternCheck
from synthgen.records import Reason
from tests.checks.conftest import MakeRow


@pytest.mark.parametrize(
    ("config", "text", "pattern"),
    [
        ({"must_match": ["card", "lost"]}, "My CARD is lost", None),
        ({"must_match": ["card", "lost"]}, "My CARD is here", "lost"),
        ({"must_not_match": [r"\bbank\b"]}, "banker", None),
        ({"must_not_match": [r"\bbank\b"]}, "my Bank", r"\bbank\b"),
        ({"must_match": ["card"], "labels": ["other"]}, "nothing", None),
        ({"must_match": ["card"], "labels": ["mine"]}, "nothing", "card"),
    ],
)
def test_pattern_names_the_expression(
    row: MakeRow, config: dict[str, list[str]], text: str, pattern: str | None
) -> None:
    """Case is ignored, all wanted ones must be found, and the one that decided stands in the evidence."""
    rejection = Pattern(PatternCheck(check="pattern", **config)).judge(row(text, "mine"))
    assert (rejection is None) == (pattern is None)
    if rejection is not None:
        assert rejection.reason is Reason.PATTERN
        assert pattern in rejection.evidence.values()
