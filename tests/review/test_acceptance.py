"""What a number of errors proves."""

from __future__ import annotations

from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.review.acceptance import lower_bound, min_rows_to_pass, run_acceptance_test, upper_bound


def at_most(errors: int, looked_at: int, ratio: float) -> float:
    """Binomial probability of so few errors, added up term by term."""
    return sum(comb(looked_at, k) * ratio**k * (1 - ratio) ** (looked_at - k) for k in range(errors + 1))


@settings(deadline=None)
@given(st.integers(1, 150), st.data())
def test_bounds_are_clopper_pearson(looked_at: int, data: st.DataObject) -> None:
    """At the upper bound so few errors, at the lower bound so many, have a chance of exactly 5 %: the definition, by the
    binomial sum instead of the beta distribution that computes it."""
    errors = data.draw(st.integers(0, looked_at))
    if errors < looked_at:
        assert at_most(errors, looked_at, upper_bound(looked_at, errors)) == pytest.approx(0.05, abs=1e-9)
    else:
        assert upper_bound(looked_at, errors) == 1.0
    if errors:
        assert 1 - at_most(errors - 1, looked_at, lower_bound(looked_at, errors)) == pytest.approx(0.05, abs=1e-9)
    else:
        assert lower_bound(looked_at, errors) == 0.0


@pytest.mark.parametrize(("errors", "rows"), [(0, 59), (1, 93), (2, 124), (3, 153)])
def test_least_rows_to_pass(errors: int, rows: int) -> None:
    """59 rows with no error, 93 with one: one row less does not pass."""
    assert min_rows_to_pass(errors) == rows
    assert run_acceptance_test(looked_at=rows, errors=errors, rows=5000).state == "passed"
    assert run_acceptance_test(looked_at=rows - 1, errors=errors, rows=5000).state == "undecided"
    assert run_acceptance_test(looked_at=rows - 1, errors=errors, rows=5000).more_rows == 1


def test_gate_fails_only_when_the_lower_bound_says_so() -> None:
    """Ten errors in a hundred: between 5.5 % and 16.4 %. Nine leave it open, though 9 % is far over 5 %."""
    assert run_acceptance_test(looked_at=100, errors=10, rows=5000).state == "failed"
    acceptance = run_acceptance_test(looked_at=100, errors=9, rows=5000)
    assert acceptance.state == "undecided"
    assert acceptance.more_rows == min_rows_to_pass(9) - 100


def test_gate_of_every_row_needs_no_bound() -> None:
    """Where all rows were looked at, the error rate is known: 44 rows without an error pass, 2 of 40 (5 %) fail."""
    assert run_acceptance_test(looked_at=44, errors=0, rows=44).state == "passed"
    assert run_acceptance_test(looked_at=40, errors=1, rows=40).state == "passed"
    assert run_acceptance_test(looked_at=40, errors=2, rows=40).state == "failed"
    half = run_acceptance_test(looked_at=20, errors=0, rows=44)
    assert (half.state, half.more_rows) == ("undecided", 24)
    assert "24 more" in half.sentence()


def test_gate_says_when_nothing_can_help() -> None:
    """Three errors among the first 20 of 40 rows: however the others turn out, it cannot pass."""
    acceptance = run_acceptance_test(looked_at=20, errors=3, rows=40)
    assert acceptance.state == "undecided"
    assert acceptance.more_rows is None
    assert "more" not in acceptance.sentence()


def test_gate_before_anybody_looked() -> None:
    """Unreviewed is not passed, and says what it would take; an empty run has no gate either."""
    acceptance = run_acceptance_test(looked_at=0, errors=0, rows=500)
    assert (acceptance.state, acceptance.more_rows, acceptance.error_ratio) == ("unreviewed", 59, None)
    assert run_acceptance_test(looked_at=0, errors=0, rows=0).state == "unreviewed"
    with pytest.raises(ValueError, match="3 errors"):
        run_acceptance_test(looked_at=2, errors=3, rows=5)
