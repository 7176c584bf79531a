"""Divergences against scipy and scikit-learn, or by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import ks_2samp
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from synthgen.measure.divergence import (
    jensen_shannon,
    kolmogorov_smirnov,
    label_divergence,
    ngram_divergence,
    roc_area,
    two_sample_auc,
)
from synthgen.measure.words import words


def test_jensen_shannon_agrees_with_scipy() -> None:
    """scipy gives the square root of it."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        p, q = rng.integers(0, 9, 12), rng.integers(0, 9, 12)
        tables = [{i: int(n) for i, n in enumerate(counts) if n} for counts in (p, q)]
        assert jensen_shannon(*tables) == pytest.approx(jensenshannon(p, q, base=2) ** 2)


def test_jensen_shannon_by_hand() -> None:
    """Equal shares 0, nothing shared 1, half shared 0.3113 bits; an empty sample shares nothing."""
    assert jensen_shannon({"a": 1, "b": 1}, {"a": 5, "b": 5}) == 0.0
    assert label_divergence(["x"], ["y"]) == 1.0
    assert ngram_divergence([words("a b c")], [words("a b c a")], 2) == pytest.approx(0.2 * 0 + 0.1908745, abs=1e-6)
    assert jensen_shannon({}, {"a": 1}) == 1.0
    assert jensen_shannon({}, {}) == 0.0


def test_kolmogorov_smirnov_agrees_with_scipy() -> None:
    """Also with ties, as word counts have."""
    rng = np.random.default_rng(1)
    one, other = rng.integers(1, 12, 80), rng.integers(3, 15, 50)
    assert kolmogorov_smirnov(list(one), list(other)) == pytest.approx(ks_2samp(one, other).statistic)


def test_roc_area_agrees_with_scikit_learn() -> None:
    """Also with ties."""
    rng = np.random.default_rng(2)
    scores, is_positive = rng.integers(0, 10, 100).astype(float), rng.random(100) < 0.3
    assert roc_area(scores, is_positive) == pytest.approx(roc_auc_score(is_positive, scores))


@pytest.mark.parametrize("rows", [40, 400])
def test_two_sample_auc_agrees_with_scikit_learn(rows: int) -> None:
    """The same folds through scikit-learn's ridge regression give the same area, in either way of solving it."""
    rng = np.random.default_rng(3)
    one, other = (_units(rng.normal(size=(rows, 50)) + shift) for shift in (0.0, 0.1))
    found = two_sample_auc(one, other, seed=7)
    start = np.random.default_rng(7)
    first = int(start.integers(5))
    fold = np.zeros(2 * rows, dtype=int)
    for side in (0, 1):
        fold[start.permutation(np.arange(rows)) + side * rows] = (np.arange(rows) + first) % 5
    x, y = np.concatenate([one, other]).astype(float), np.repeat([False, True], rows)
    areas = []
    for held in range(5):
        model = Ridge(alpha=1.0).fit(x[fold != held], np.where(y[fold != held], 1.0, -1.0))
        areas.append(roc_auc_score(y[fold == held], model.predict(x[fold == held])))
    assert found == pytest.approx(np.mean(areas))


def test_two_sample_auc_of_one_source_is_a_half() -> None:
    """Also where the source has many tight classes, of which each sample has as many: the folds are dealt by class."""
    rng = np.random.default_rng(4)
    centres = rng.normal(size=(40, 64))
    labels = [str(i) for i in range(40) for _ in range(6)]
    areas = []
    for seed in range(6):
        one, other = (_units(np.repeat(centres, 6, axis=0) + rng.normal(scale=0.4, size=(240, 64))) for _ in range(2))
        areas.append(two_sample_auc(one, other, seed=seed, groups=(labels, labels)))
    assert np.mean(areas) == pytest.approx(0.5, abs=0.03)
    assert two_sample_auc(one, _units(other + 0.2), seed=0) > 0.9


def _units(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
