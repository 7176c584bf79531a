"""Intervals by resampling (Efron and Tibshirani 1993): test rows and seeds are resampled, alike for all
conditions.

Paired: what two conditions have in common (an easy row, a lucky seed) cancels in their difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import erfc, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from synthgen.measure.classification import Codes, Floats

ROUNDS = 2000
CONFIDENCE = 0.95
_MAX_DRAWN = 4_000_000  # drawn at once: 16 MB


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its bounds.

    Attributes:
        value: As measured, without resampling.
        low: Lower bound of the percentile interval.
        high: Upper bound.
        p_value: Two-sided, by the normal approximation with the resampled spread; 1 where nothing differs.
    """

    value: float
    low: float
    high: float
    p_value: float

    def as_json(self) -> dict[str, float]:
        return {"value": round(self.value, 5), "low": round(self.low, 5), "high": round(self.high, 5)}


def resampled_f1(
    truth: Codes, conditions: Mapping[str, npt.NDArray[np.int64]], *, classes: int, seed: int, rounds: int = ROUNDS
) -> dict[str, Floats]:
    """F1 of each class under each resampling, averaged over the drawn seeds.

    Args:
        truth: Class code of each test row, shape (n,).
        conditions: Predicted codes by condition, each of shape (seeds, n).
        classes: How many class codes there are.
        seed: For the resampling.
        rounds: How many resamplings.

    Returns:
        By condition, shape (rounds, classes); NaN where a class was not drawn.
    """
    seeds = len(next(iter(conditions.values())))
    rng = np.random.default_rng(seed)
    seed_weights = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=rounds) / seeds
    found: dict[str, list[Floats]] = {name: [] for name in conditions}
    done = 0
    for weights in _resamples(rng, len(truth), rounds):
        part = seed_weights[done : done + len(weights)]
        support = _weighted_counts(truth, weights, classes)
        for name, predicted in conditions.items():
            by_seed = [_weighted_f1(truth, p, weights, support, classes) for p in predicted]
            found[name].append(np.einsum("sbk,bs->bk", np.stack(by_seed), part))
        done += len(weights)
    return {name: np.concatenate(parts) for name, parts in found.items()}


def _resamples(rng: np.random.Generator, rows: int, rounds: int) -> Iterator[npt.NDArray[np.float32]]:
    """How often each row is drawn, in blocks of shape (rounds, rows)."""
    block = max(1, _MAX_DRAWN // rows)
    for start in range(0, rounds, block):
        count = min(block, rounds - start)
        drawn = rng.integers(0, rows, size=(count, rows))
        flat = (drawn + np.arange(count)[:, None] * rows).ravel()
        yield np.bincount(flat, minlength=count * rows).reshape(count, rows).astype(np.float32)


def _weighted_f1(
    truth: Codes, predicted: Codes, weights: npt.NDArray[np.float32], support: Floats, classes: int
) -> Floats:
    called = _weighted_counts(predicted, weights, classes)
    is_right = truth == predicted
    hits = _weighted_counts(truth[is_right], weights[:, is_right], classes)
    f1 = np.full(support.shape, np.nan)
    np.divide(2 * hits, support + called, out=f1, where=support > 0)
    return f1


def _weighted_counts(codes: Codes, weights: npt.NDArray[np.float32], classes: int) -> Floats:
    """Weight of each class in each round, shape (rounds, classes)."""
    from scipy import sparse

    one_hot: Any = sparse.csr_array(
        (np.ones(len(codes), dtype=np.float32), (codes, np.arange(len(codes)))), shape=(classes, len(codes))
    )
    return np.asarray((one_hot @ weights.T).T, dtype=np.float64)


def interval(value: float, drawn: Floats) -> Interval:
    """Percentile bounds of a figure from its resampled values; NaN values (a class not drawn) are left out."""
    seen = drawn[~np.isnan(drawn)]
    if not len(seen):
        return Interval(value, value, value, 1.0)
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(seen, [tail, 100 - tail])
    spread = float(np.std(seen))
    p_value = erfc(abs(value) / spread / sqrt(2)) if spread > 0 else 1.0
    return Interval(value, float(low), float(high), p_value)


def macro(drawn: Floats) -> Floats:
    """Macro-F1 of each round: the mean over the classes drawn in it."""
    return np.asarray(np.nanmean(drawn, axis=1), dtype=np.float64)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """p-values corrected for looking at many classes (Holm 1979): the chance of one false alarm among all stays the
    level, however many there are."""
    ordered = sorted(p_values, key=lambda name: (p_values[name], name))
    adjusted: dict[str, float] = {}
    least = 0.0
    for place, name in enumerate(ordered):
        least = max(least, min(1.0, p_values[name] * (len(ordered) - place)))
        adjusted[name] = least
    return adjusted
