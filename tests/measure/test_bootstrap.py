"""Intervals: paired, the same every time, as wide as theory says, and silent where nothing differs."""

from __future__ import annotations

import numpy as np
import pytest

from synthgen.measure.bootstrap import Interval, holm, interval, macro, resampled_f1
from synthgen.measure.classification import class_f1


def test_resampled_f1_is_that_of_the_rows_drawn() -> None:
    """Every round scores one drawing of the rows: a test set of one kind of row gives its F1 each time."""
    truth = np.array([0] * 10 + [1] * 10)
    perfect = np.stack([truth, truth])
    found = resampled_f1(truth, {"a": perfect, "b": 1 - perfect}, classes=2, seed=0, rounds=50)
    assert found["a"].shape == (50, 2)
    assert np.nanmin(found["a"]) == 1.0
    assert np.nanmax(found["b"]) == 0.0


def test_resampled_f1_spreads_as_a_plain_bootstrap_does() -> None:
    """Mean and spread agree with resampling written the slow way."""
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 3, 120)
    predicted = np.where(rng.random(120) < 0.75, truth, rng.integers(0, 3, 120))
    fast = macro(resampled_f1(truth, {"a": predicted[None]}, classes=3, seed=2, rounds=1500)["a"])
    slow = []
    for _ in range(1500):
        drawn = rng.integers(0, 120, 120)
        slow.append(np.nanmean(class_f1(truth[drawn], predicted[drawn], classes=3)))
    assert fast.mean() == pytest.approx(np.mean(slow), abs=0.005)
    assert fast.std() == pytest.approx(np.std(slow), rel=0.1)


def test_resampled_f1_is_paired_over_rows_and_seeds() -> None:
    """Equal predictions differ by exactly nothing in every round, whatever was drawn."""
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 4, 60)
    predicted = rng.integers(0, 4, (5, 60))
    found = resampled_f1(truth, {"a": predicted, "b": predicted.copy()}, classes=4, seed=0, rounds=100)
    difference = macro(found["a"]) - macro(found["b"])
    assert not difference.any()
    assert interval(0.0, difference) == Interval(0.0, 0.0, 0.0, 1.0)


def test_interval_of_a_clear_difference_excludes_zero() -> None:
    """Bounds are percentiles; the p-value follows from the spread."""
    drawn = np.random.default_rng(0).normal(0.5, 0.1, 20_000)
    found = interval(0.5, drawn)
    assert (found.low, found.high) == pytest.approx((0.304, 0.696), abs=0.01)
    assert found.p_value < 1e-5


def test_holm_by_hand() -> None:
    """The smallest is multiplied by all, the next by one less, never falling."""
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx({"a": 0.03, "c": 0.06, "b": 0.06})
    assert holm({"a": 0.9, "b": 0.8}) == {"b": 1.0, "a": 1.0}
