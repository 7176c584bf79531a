"""The table of a bench can say MISSED, and its exit code says it too."""

from __future__ import annotations

import pytest

from bench.stage import Figure, at_least, at_most, conclude, equal, shown, sparkline


@pytest.mark.parametrize(
    ("figures", "code"),
    [
        ([at_least("a", 0.9, 0.9), at_most("b", 3, 3), equal("c", "x", "x"), shown("d", 1)], 0),
        ([at_least("a", 0.89, 0.9), equal("c", 1, 1)], 1),
        ([at_most("b", float("inf"), 3)], 1),
        ([equal("c", None, 0)], 1),
        ([shown("d", 1)], 1),
        ([], 1),
    ],
)
def test_a_bench_fails_where_a_figure_is_missed_or_nothing_was_judged(
    figures: list[Figure], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 1 and the word MISSED for a missed figure; a table that judges nothing is no success either."""
    assert conclude("title", figures) == code
    said = capsys.readouterr().out
    assert ("MISSED" in said) == any(f.is_met is False for f in figures)


def test_not_a_number_is_missed() -> None:
    """A figure that could not be computed meets no expectation."""
    assert at_least("a", float("nan"), 0).is_met is False
    assert at_most("a", float("nan"), 0).is_met is False


def test_sparkline_shows_highest_and_nothing() -> None:
    """Full bars at the top, blanks at zero, and no bar beyond the top."""
    assert sparkline([0, 5, 10]) == " ▄█"
    assert sparkline([0, 5, 40], top=10) == " ▄█"
    assert sparkline([]) == ""
