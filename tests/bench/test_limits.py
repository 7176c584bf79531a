"""The yardsticks of `bench.limits`: what a server would have granted, and when a run is back at its rate."""

from __future__ import annotations

import math

import pytest

from bench.limits import Case, Observed, Step, recovery_s
from bench.stage import Ended

ENDED = Ended(5, {}, "", 0.0)


def test_oracle_of_a_sliding_minute_is_its_limit_once_and_then_its_rate() -> None:
    """3,000 in the first minute however late they are asked, 50 a second after it."""
    case = Case({}, 150, per_s=50, burst=3000, window_s=60)
    assert case.oracle(0, 150) == 3000 + 50 * 90
    assert case.oracle(60, 150) == 50 * 90


def test_oracle_follows_the_steps() -> None:
    """Each stretch counts at its own rate; a step that changes no rate changes nothing."""
    steps = (Step(30, {}, 50), Step(45, {}), Step(60, {}, 150))
    case = Case({}, 100, per_s=150, steps=steps)
    assert case.oracle(0, 100) == 150 * 30 + 50 * 30 + 150 * 40
    assert case.oracle(50, 70) == 50 * 10 + 150 * 10
    assert case.shrunk(0.1).oracle(0, 10) == pytest.approx(case.oracle(0, 100) / 10)


@pytest.mark.parametrize(
    ("granted", "seconds"),
    [
        ([100] * 10, 0),
        ([0, 0, 100, 100, 100, 100, 100, 100], 2),
        ([0, 0, 80, 90, 100, 100, 100, 100], 2),
        ([100, 100, 100, 0, 100, 100, 100, 100], 4),
        ([100, 100, 100, 100, 100, 100, 100, 60], 0),
        ([100, 100, 100, 60, 60, 60, 60, 60], math.inf),
        ([89] * 10, math.inf),
    ],
)
def test_recovery_is_when_the_rate_is_back_for_good(granted: list[int], seconds: float) -> None:
    """Three good seconds do not count where what follows is bad, and what never lasts is no recovery."""
    assert recovery_s(granted, start=0, end=len(granted), per_s=100) == seconds
    assert recovery_s([0] * 5 + granted + [0] * 5, start=5, end=5 + len(granted), per_s=100) == seconds


def test_goodput_from_a_moment_counts_its_second_by_share() -> None:
    """The server's seconds and the run's do not begin together; what is cut by the moment counts in part."""
    seen = Observed(0.25, [10, 20, 40, 80], [0] * 4, [0] * 4, {}, ENDED)
    assert seen.granted_from(0) == 150
    assert seen.granted_from(1.75) == 120
    assert seen.granted_from(1.25) == 20 * 0.5 + 120
