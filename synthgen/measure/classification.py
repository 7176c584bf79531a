"""How right predictions are: accuracy, F1 by class, macro-F1, calibration.

Classes without a true row have no F1 of their own and take no part in the macro mean; predictions of them still count
as wrong for the class that was meant.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
ECE_BINS = 15


@dataclass(frozen=True, slots=True)
class Scores:
    """What predictions of one test set are worth.

    Attributes:
        accuracy: Share of rows read right.
        macro_f1: Mean of `f1` over the classes that have rows.
        f1: For each class code, NaN where no row is of the class.
        ece: Expected calibration error of the predicted class, 0 to 1; None where there are no probabilities.
    """

    accuracy: float
    macro_f1: float
    f1: Floats
    ece: float | None


def score(truth: Codes, predicted: Codes, confidence: Floats | None, *, classes: int) -> Scores:
    """Score predictions.

    Args:
        truth: Class code of each row, shape (n,), n at least 1.
        predicted: Likewise, as predicted.
        confidence: Probability given to the predicted class, shape (n,), or None.
        classes: How many class codes there are.
    """
    f1 = class_f1(truth, predicted, classes=classes)
    ece = None if confidence is None else calibration_error(truth == predicted, confidence)
    return Scores(float(np.mean(truth == predicted)), float(np.nanmean(f1)), f1, ece)


def class_f1(truth: Codes, predicted: Codes, *, classes: int) -> Floats:
    """F1 of each class, 2 tp / (true rows + predicted rows); NaN where the class has no true row."""
    support = np.bincount(truth, minlength=classes)
    called = np.bincount(predicted, minlength=classes)
    hits = np.bincount(truth[truth == predicted], minlength=classes)
    f1 = np.full(classes, np.nan)
    np.divide(2 * hits, support + called, out=f1, where=support > 0)
    return f1


def calibration_error(is_right: npt.NDArray[np.bool_], confidence: Floats, *, bins: int = ECE_BINS) -> float:
    """Expected calibration error (Naeini et al. 2015): the mean gap between confidence and share right, over bins of
    equal width on [0, 1], weighted by their rows."""
    places = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(places, weights=confidence - is_right, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidence))
