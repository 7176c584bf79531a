"""Exact nearest neighbour by cosine over a growing set of vectors.

No approximate graph: a missed neighbour is a broken promise. Values are float16, as the journal stores them; a scan in
float32 finds the few that could be nearest, and float64 settles which is, so the number compared with a threshold
depends on the two stored vectors alone, never on how the scan was blocked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

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
        self._vectors = np.zeros((_FIRST_CAPACITY, dimensions), dtype=np.float32)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, vectors: npt.NDArray[np.float16]) -> None:
        """Append vectors, shape (n, dimensions) or (dimensions,)."""
        rows = np.atleast_2d(vectors).astype(np.float32)
        needed = self._count + len(rows)
        if needed > len(self._vectors):
            grown = np.zeros((max(needed, 2 * len(self._vectors)), self._vectors.shape[1]), dtype=np.float32)
            grown[: self._count] = self._vectors[: self._count]
            self._vectors = grown
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        self._vectors[self._count : needed] = rows / np.where(lengths == 0, 1.0, lengths)
        self._count = needed

    def nearest(self, vector: npt.NDArray[np.float16]) -> Neighbour | None:
        """The nearest vector, the earliest of equals; None where there is none."""
        if not self._count:
            return None
        query = _unit(vector.astype(np.float32))
        scores = np.concatenate([block @ query for block in self._blocks()])
        close = np.flatnonzero(scores >= scores.max() - _SCAN_ERROR)
        return max(
            (Neighbour(int(i), self._exact(query, int(i))) for i in close), key=lambda n: (n.similarity, -n.place)
        )

    def _blocks(self) -> Sequence[npt.NDArray[np.float32]]:
        return [self._vectors[i : min(i + _BLOCK_ROWS, self._count)] for i in range(0, self._count, _BLOCK_ROWS)]

    def _exact(self, query: npt.NDArray[np.float32], place: int) -> float:
        """Cosine in float64, summed in one fixed order, rounded to nine digits."""
        a, b = query.astype(np.float64), self._vectors[place].astype(np.float64)
        length = float(np.sqrt(np.sum(a * a)) * np.sqrt(np.sum(b * b)))
        return round(float(np.sum(a * b)) / length, 9) if length else 0.0


def _unit(vector: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    length = float(np.linalg.norm(vector))
    return vector / np.float32(length) if length else vector
