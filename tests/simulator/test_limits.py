"""Windows that never hold more than was allowed."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from synthgen.simulator.limits import SlidingWindow, spell_duration


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
