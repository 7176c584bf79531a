"""How far two samples are apart. Each figure depends on the samples' size: compare like with like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import log2
from typing import Any

import numpy as np
import numpy.typing as npt

from synthgen.measure.words import Words, count_ngrams

FOLDS = 5
RIDGE = 1.0
Vectors = npt.NDArray[np.float32]


def jensen_shannon(one: Mapping[Any, float], other: Mapping[Any, float]) -> float:
    """Jensen-Shannon divergence of two count tables in bits (Lin 1991): 0 for equal shares, 1 for nothing in common.

    Two empty tables are equal; an empty one has nothing in common with any other.
    """
    total_one, total_other = sum(one.values()), sum(other.values())
    if not total_one or not total_other:
        return float(bool(total_one) != bool(total_other))
    divergence = 0.0
    for key in one.keys() | other.keys():
        p, q = one.get(key, 0) / total_one, other.get(key, 0) / total_other
        middle = (p + q) / 2
        divergence += (p * log2(p / middle) if p else 0.0) / 2 + (q * log2(q / middle) if q else 0.0) / 2
    return min(1.0, max(0.0, divergence))


def ngram_divergence(one: Sequence[Words], other: Sequence[Words], n: int) -> float:
    """Jensen-Shannon divergence of the samples' word n-grams, in bits."""
    return jensen_shannon(count_ngrams(one, n), count_ngrams(other, n))


def label_divergence(one: Sequence[str], other: Sequence[str]) -> float:
    """Jensen-Shannon divergence of the samples' classes, in bits."""
    return jensen_shannon(Counter(one), Counter(other))


def kolmogorov_smirnov(one: Sequence[float], other: Sequence[float]) -> float:
    """Greatest gap between the two samples' cumulative shares, 0 to 1."""
    a, b = np.sort(np.asarray(one, dtype=float)), np.sort(np.asarray(other, dtype=float))
    places = np.concatenate([a, b])
    below_a = np.searchsorted(a, places, side="right") / len(a)
    below_b = np.searchsorted(b, places, side="right") / len(b)
    return float(np.abs(below_a - below_b).max())


def two_sample_auc(
    one: Vectors,
    other: Vectors,
    *,
    seed: int,
    groups: tuple[Sequence[str], Sequence[str]] | None = None,
    folds: int = FOLDS,
) -> float:
    """How well a classifier that never saw a row tells which sample it is from (Lopez-Paz and Oquab 2017).

    Ridge regression on the vectors, cross-validated; the area under the ROC curve within each fold, averaged. 0.5 is
    indistinguishable, 1 is told apart without a mistake.

    Args:
        one: Unit rows of the first sample, shape (n, d), n at least `folds`.
        other: Of the second, shape (m, d), m at least `folds`.
        seed: For the folds.
        groups: Class of each row of the two samples, where they were drawn with as many rows of each class: then each
            fold holds as many of a class on both sides. (Else a row held out leaves its class short on its own side,
            and the classifier reads it as the other's: 0.47 instead of 0.5 on 77 classes.)
        folds: How many parts.
    """
    vectors = np.concatenate([one, other]).astype(np.float64)
    is_other = np.repeat([False, True], [len(one), len(other)])
    rng = np.random.default_rng(seed)
    sides = groups or ([""] * len(one), [""] * len(other))
    starts = {group: int(rng.integers(folds)) for group in sorted({*sides[0], *sides[1]})}
    fold = np.concatenate([_folds(side, starts, folds, rng) for side in sides])
    areas = []
    for held in range(folds):
        seen = fold != held
        scores = _ridge_scores(vectors[seen], is_other[seen], vectors[~seen])
        areas.append(roc_area(scores, is_other[~seen]))
    return float(np.mean(areas))


def _folds(
    side: Sequence[str], starts: Mapping[str, int], folds: int, rng: np.random.Generator
) -> npt.NDArray[np.intp]:
    """The fold of each row of one side: each class dealt out evenly, from the same start on both sides."""
    found = np.zeros(len(side), dtype=np.intp)
    labels = np.asarray(side)
    for group, start in starts.items():
        places = np.flatnonzero(labels == group)
        found[rng.permutation(places)] = (np.arange(len(places)) + start) % folds
    return found


def _ridge_scores(
    seen: npt.NDArray[np.float64], is_other: npt.NDArray[np.bool_], unseen: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Scores of unseen rows by ridge regression with an intercept, solved in the smaller of rows and dimensions."""
    middle, target = seen.mean(axis=0), np.where(is_other, 1.0, -1.0)
    centred, target = seen - middle, target - target.mean()
    rows, dimensions = centred.shape
    if rows <= dimensions:
        weights = centred.T @ np.linalg.solve(centred @ centred.T + RIDGE * np.eye(rows), target)
    else:
        weights = np.linalg.solve(centred.T @ centred + RIDGE * np.eye(dimensions), centred.T @ target)
    return np.asarray((unseen - middle) @ weights, dtype=np.float64)


def roc_area(scores: npt.NDArray[np.float64], is_positive: npt.NDArray[np.bool_]) -> float:
    """Area under the ROC curve, by ranks (Mann-Whitney); ties count half."""
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2)[place]
    positives, negatives = int(is_positive.sum()), int((~is_positive).sum())
    return float((ranks[is_positive].sum() - positives * (positives + 1) / 2) / (positives * negatives))
