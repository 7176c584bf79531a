"""Multinomial logistic regression for many fits of nearly the same rows.

The optimum is that of scikit-learn's `LogisticRegression(C=strength)` (three classes or more; a test compares them).
What is different is the way there: the first fit of all rows gives the start and, class by class, the curvature that
the later fits are preconditioned with. On 10,003 rows of 384 dimensions and 77 classes a fit then takes 23 passes over
the rows in place of 57, and an evaluation has fifty of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

STRENGTH = 10.0
_GRADIENT = 1e-4
_MAX_STEPS = 500
_MEMORY = 20
_MIN_ROWS_TO_PRECONDITION = 1000
_MAX_CURVATURE = 60_000_000  # numbers: 240 MB
_MIN_WEIGHT = 1e-4

Floats32 = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Logistic:
    """A trained classifier.

    Attributes:
        weights: Shape (dimensions, classes).
        bias: Shape (classes,); minus infinity for a class that no row taught.
    """

    weights: Floats32
    bias: Floats32

    def probabilities(self, vectors: Floats32) -> Floats32:
        """Shape (n, classes)."""
        return _softmax(vectors @ self.weights + self.bias)


class LogisticTrainer:
    """Fits logistic regressions of the rows it was made with, or of some of them.

    Args:
        vectors: All rows, shape (n, d).
        codes: Class code of each, shape (n,).
        classes: How many class codes there are.
        strength: Inverse of the penalty on the weights (scikit-learn's C). The bias goes free.
    """

    def __init__(self, vectors: Floats32, codes: Codes, classes: int, *, strength: float = STRENGTH) -> None:
        self._codes, self._classes, self._strength = codes, classes, strength
        self._middle = vectors.mean(axis=0)
        self._vectors = np.asarray(vectors - self._middle, dtype=np.float32)
        dimensions = vectors.shape[1]
        self._start = np.zeros((dimensions, classes)), np.zeros(classes)
        self._roots: npt.NDArray[np.float32] | None = None
        self._bias_scale = np.ones(classes)
        if len(vectors) >= _MIN_ROWS_TO_PRECONDITION and classes * dimensions**2 <= _MAX_CURVATURE:
            self._start = self._solve(np.arange(len(vectors)), None, gradient=_GRADIENT)
            self._roots = self._curvature_roots()

    def fit(self, places: npt.NDArray[np.int64], weights: Floats | None = None) -> Logistic:
        """Train on some of the rows.

        Args:
            places: Which, shape (m,); a place named twice counts twice.
            weights: Weight of each, shape (m,); None weighs all alike.
        """
        w, bias = self._solve(places, weights, gradient=_GRADIENT if self._roots is not None else _GRADIENT / 10)
        return Logistic(w.astype(np.float32), (bias - self._middle @ w).astype(np.float32))

    def _solve(
        self, places: npt.NDArray[np.int64], weights: Floats | None, *, gradient: float
    ) -> tuple[Floats, Floats]:
        """Weights and bias (of centred rows) at the optimum."""
        from scipy.optimize import minimize

        problem = _Problem(self._vectors[places], self._codes[places], weights, self._classes, self._strength)
        start, bias = self._start
        absent = ~problem.is_present
        dimensions = start.shape[0]

        def value(point: Floats) -> tuple[float, Floats]:
            step, step_bias = self._unpack(point, dimensions)
            loss, slope, slope_bias = problem.loss(start + step, bias + step_bias)
            slope[:, absent] = 0.0
            slope_bias[absent] = 0.0
            return loss, self._pack(slope, slope_bias)

        options = {"maxcor": _MEMORY, "gtol": gradient, "ftol": 0.0, "maxiter": _MAX_STEPS}
        zero = np.zeros((dimensions + 1) * self._classes)
        found: Any = minimize(value, zero, jac=True, method="L-BFGS-B", options=options)
        step, step_bias = self._unpack(found.x, dimensions)
        final_bias = bias + step_bias
        final_bias[absent] = -np.inf
        return start + step, final_bias

    def _unpack(self, point: Floats, dimensions: int) -> tuple[Floats, Floats]:
        step = point[: dimensions * self._classes].reshape(self._classes, dimensions)
        if self._roots is not None:
            step = np.matmul(self._roots, step.astype(np.float32)[:, :, None])[:, :, 0].astype(np.float64)
        return step.T, point[dimensions * self._classes :] * self._bias_scale

    def _pack(self, slope: Floats, slope_bias: Floats) -> Floats:
        by_class = slope.T
        if self._roots is not None:
            by_class = np.matmul(self._roots.transpose(0, 2, 1), by_class.astype(np.float32)[:, :, None])[:, :, 0]
        return np.concatenate([by_class.ravel().astype(np.float64), slope_bias * self._bias_scale])

    def _curvature_roots(self) -> npt.NDArray[np.float32]:
        """For each class a root of the inverse of its block of the Hessian at the start, shape (classes, d, d)."""
        vectors, (weights, bias) = self._vectors, self._start
        rows, dimensions = vectors.shape
        shares = _softmax(vectors @ weights.astype(np.float32) + bias.astype(np.float32))
        penalty = np.eye(dimensions) / (self._strength * rows)
        roots = np.empty((self._classes, dimensions, dimensions), dtype=np.float32)
        for code in range(self._classes):
            curvature = shares[:, code] * (1 - shares[:, code])
            counts = curvature > _MIN_WEIGHT
            part = vectors[counts] * np.sqrt(curvature[counts])[:, None]
            self._bias_scale[code] = 1 / np.sqrt(max(float(curvature.mean()), 1e-6))
            roots[code] = np.linalg.inv(np.linalg.cholesky((part.T @ part) / rows + penalty)).T
        return roots


class _Problem:
    """Mean cross-entropy of some rows and the penalty, with the gradient."""

    def __init__(self, vectors: Floats32, codes: Codes, weights: Floats | None, classes: int, strength: float) -> None:
        self._vectors, self._codes = vectors, codes
        total = float(len(codes)) if weights is None else float(weights.sum())
        self._weights = None if weights is None else (weights / total * len(codes)).astype(np.float32)
        self._penalty = 1 / (strength * total)
        self.is_present = np.bincount(codes, minlength=classes) > 0

    def loss(self, weights: Floats, bias: Floats) -> tuple[float, Floats, Floats]:
        rows = np.arange(len(self._codes))
        scores = self._vectors @ weights.astype(np.float32)
        scores += bias.astype(np.float32)
        scores[:, ~self.is_present] = -np.inf
        scores -= scores.max(axis=1, keepdims=True)
        meant = scores[rows, self._codes].copy()
        np.exp(scores, out=scores)
        sums = scores.sum(axis=1)
        losses = np.log(sums) - meant
        scores /= sums[:, None]
        scores[rows, self._codes] -= 1
        if self._weights is not None:
            losses *= self._weights
            scores *= self._weights[:, None]
        loss = float(losses.mean(dtype=np.float64)) + self._penalty / 2 * float((weights * weights).sum())
        slope = (self._vectors.T @ scores).astype(np.float64) / len(rows) + self._penalty * weights
        return loss, slope, scores.sum(axis=0, dtype=np.float64) / len(rows)


def _softmax(scores: Floats32) -> Floats32:
    scores = scores - scores.max(axis=1, keepdims=True)
    np.exp(scores, out=scores)
    return np.asarray(scores / scores.sum(axis=1, keepdims=True), dtype=np.float32)


def balanced_weights(codes: Codes, classes: int) -> Floats:
    """A weight for each row so that every class that has rows weighs as much, the mean being 1."""
    counts = np.bincount(codes, minlength=classes)
    return np.asarray(len(codes) / (np.count_nonzero(counts) * counts[codes]), dtype=np.float64)


def encode_labels(labels: Sequence[str], names: Sequence[str]) -> Codes:
    """Class codes of labels, by their place in `names`."""
    places = {name: place for place, name in enumerate(names)}
    return np.fromiter((places[label] for label in labels), dtype=np.int64, count=len(labels))
