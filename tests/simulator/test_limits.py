"""Windows that never hold more than was allowed."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from synthgen.simulator.gate import Gate
from synthgen.simulator.limits import SlidingWindow, spell_duration
from synthgen.simulator.replies import Refusal
from synthgen.simulator.settings import SimulatorSettings


@given(
    st.integers(1, 20),
    st.lists(st.tuples(st.floats(0, 0.5), st.integers(1, 5)), max_size=80),
)
@example(5, [(0.5, 1), (0.3927344712905908, 1), (0.1916698283012062, 1), (0.5, 1), (0.5, 4)])  # a wait rounded to 0
def test_window_never_holds_more_than_its_limit(limit: int, arrivals: list[tuple[float, int]]) -> None:
    """Whatever the arrivals, the grants of any window of that length sum to at most the limit."""
    window, now, granted = SlidingWindow(limit, 1.0), 0.0, []
    for gap, amount in arrivals:
        now += gap
        if window.wait_s(now, amount) == 0:
            window.take(now, amount)
            granted.append((now, amount))
    for at, _ in granted:
        assert sum(amount for then, amount in granted if at - 1.0 < then <= at) <= limit


def test_window_names_the_wait_after_which_it_fits() -> None:
    """Asking again after the wait that was named is granted, a moment earlier is not."""
    window = SlidingWindow(2, 60.0)
    window.take(0.0)
    window.take(10.0)
    assert window.wait_s(20.0) == 40.0
    assert window.wait_s(20.0, 2) == 50.0
    assert window.wait_s(59.9) > 0
    assert window.wait_s(60.0) == 0
    assert window.remaining(60.0) == 1


def test_duration_is_spelt_as_openai_does() -> None:
    """Milliseconds, seconds, minutes and seconds."""
    assert [spell_duration(s) for s in (0.12, 1, 1.5, 360)] == ["120ms", "1s", "1.5s", "6m0s"]


def test_gate_gives_a_stray_429_after_every_period() -> None:
    """One request a period is turned away though there is room, with the wait of a 429 that no limit caused; changed
    or switched off, the period begins anew."""
    settings = SimulatorSettings(stray_every_s=2.0, retry_after_s=89.0)
    gate = Gate(settings)

    def turned_away(*moments: float) -> list[float]:
        refused: list[float] = []
        for now in moments:
            with contextlib.suppress(Refusal):
                refused.append(now)
                gate.check_stray(now)
                refused.pop()
        return refused

    assert turned_away(10.0, 11.9, 12.0, 12.1, 13.9, 14.5, 16.4, 16.5) == [12.0, 14.5, 16.5]
    gate.apply(settings.with_changes({"stray_every_s": 5.0}))
    assert turned_away(20.0, 24.9, 25.0) == [25.0]
    gate.apply(settings.with_changes({"stray_every_s": None}))
    assert turned_away(40.0, 80.0) == []
    gate.apply(settings)
    gate.check_stray(90.0)
    with pytest.raises(Refusal) as refusal:
        gate.check_stray(92.0)
    assert (refusal.value.status, refusal.value.headers["retry-after"]) == (429, "89")
