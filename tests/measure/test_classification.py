"""Scores of predictions, against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from synthgen.measure.classification import calibration_error, class_f1, score


def test_scores_agree_with_scikit_learn() -> None:
    """Accuracy, F1 by class and macro-F1 are scikit-learn's, wherever every class has rows."""
    rng = np.random.default_rng(0)
    for classes in (2, 5, 20):
        truth = np.concatenate([np.arange(classes), rng.integers(0, classes, 200)])
        predicted = np.where(rng.random(len(truth)) < 0.7, truth, rng.integers(0, classes, len(truth)))
        found = score(truth, predicted, None, classes=classes)
        assert found.accuracy == pytest.approx(accuracy_score(truth, predicted))
        assert found.f1 == pytest.approx(f1_score(truth, predicted, average=None))
        assert found.macro_f1 == pytest.approx(f1_score(truth, predicted, average="macro"))
        assert found.ece is None


def test_class_without_rows_has_no_f1_and_no_part_in_the_mean() -> None:
    """A prediction of it still costs the class that was meant."""
    truth, predicted = np.array([0, 0, 1, 1]), np.array([0, 2, 1, 1])
    assert class_f1(truth, predicted, classes=3) == pytest.approx([2 / 3, 1.0, np.nan], nan_ok=True)
    assert score(truth, predicted, None, classes=3).macro_f1 == pytest.approx(5 / 6)


def test_calibration_error_by_hand() -> None:
    """Two bins of ten: 0.95 said and 1 of 2 right (gap .45), 0.25 said and 1 of 1 right (gap .75)."""
    is_right, confidence = np.array([True, False, True]), np.array([0.95, 0.95, 0.25])
    assert calibration_error(is_right, confidence, bins=10) == pytest.approx((2 * 0.45 + 0.75) / 3)
    assert calibration_error(np.array([True]), np.array([1.0])) == 0.0
