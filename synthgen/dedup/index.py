"""Exact nearest neighbour by cosine over a growing set of vectors.

No approximate graph: a missed neighbour is a broken promise. A scan in float32 finds the few rows that could be
nearest, and float64 settles which is. Vectors are float16, as the journal stores them, so that this last step has no
rounding to speak of: all values are multiples of 2^-24, products multiples of 2^-48, and the sum of a unit vector's
fits the 53 bits of a float64 whole. The dot product is therefore the same in any order of summing, of the two
arguments and of the blocks, and anybody can compute it again from the stored bytes.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

# A hundred times what float32 can err in a sum of 384 products of unit vectors.
_SCAN_ERROR = 1e-4
_FIRST_CAPACITY = 256
_BLOCK_ROWS = 65_536


class Neighbour(NamedTuple):
    """The place of a vector in the order it was added, and its cosine."""

    place: int
    similarity: float


class VectorIndex:
    """A growing set of vectors.

    Args:
        dimensions: Length of each vector.
    """

    def __init__(self, dimensions: int) -> None:
        # float16 values as float32, exactly: what the scan multiplies and what decides are the same numbers.
        self._vectors = np.zeros((_FIRST_CAPACITY, dimensions), dtype=np.float32)
        self._scales = np.zeros(_FIRST_CAPACITY, dtype=np.float32)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, vectors: npt.NDArray[np.float16]) -> None:
        """Append vectors, shape (n, dimensions) or (dimensions,)."""
        rows = np.atleast_2d(vectors).astype(np.float32)
        needed = self._count + len(rows)
        if needed > len(self._vectors):
            capacity = max(needed, 2 * len(self._vectors))
            self._vectors = _grown(self._vectors, capacity)
            self._scales = _grown(self._scales, capacity)
        self._vectors[self._count : needed] = rows
        self._scales[self._count : needed] = _scales(rows)
        self._count = needed

    def nearest(self, vector: npt.NDArray[np.float16]) -> Neighbour | None:
        """The nearest vector, the earliest of equals; None where there is none."""
        if not self._count:
            return None
        query = vector.astype(np.float32)
        scores = self._scan(query) * _scales(query[None, :])[0]
        close = np.flatnonzero(scores >= scores.max() - _SCAN_ERROR)
        found = (Neighbour(int(place), cosine(query, self._vectors[place])) for place in close)
        return max(found, key=lambda neighbour: (neighbour.similarity, -neighbour.place))

    def _scan(self, query: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        scores = np.empty(self._count, dtype=np.float32)
        for start in range(0, self._count, _BLOCK_ROWS):
            end = min(start + _BLOCK_ROWS, self._count)
            np.matmul(self._vectors[start:end], query, out=scores[start:end])
        scores *= self._scales[: self._count]
        return scores


def cosine(one: npt.NDArray[np.floating], other: npt.NDArray[np.floating]) -> float:
    """The cosine that decides: of float16 values, the same whichever comes first. A zero vector is like nothing."""
    a, b = one.astype(np.float64), other.astype(np.float64)
    length = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / length if length else 0.0


def _scales(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """One over each row's length, 0 for a zero row."""
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    return np.asarray(np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0), dtype=np.float32)


def _grown(array: npt.NDArray[np.float32], capacity: int) -> npt.NDArray[np.float32]:
    grown = np.zeros((capacity, *array.shape[1:]), dtype=array.dtype)
    grown[: len(array)] = array
    return grown
