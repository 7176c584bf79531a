"""Rows grouped so that a search can leave out most of them: by their nearest centre, and by the angle to it.

For angles on the sphere the triangle inequality holds: a row within `reach` of a query lies, seen from any centre, at
the query's own angle give or take `reach`. So rows sorted by centre and angle fall into blocks of which a search needs
only those whose ring it can touch. Leaving a block out never loses a row.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from synthgen.dedup.fold import Doubles, Floats

ROWS_A_CENTRE, MOST_CENTRES = 512, 1024
_ROUNDS = 4
BLOCK_ROWS = 512
# Arc cosines of float32 sums: what is at most 5e-5 in a cosine is 0.01 in an angle near 0, and 5e-4 in others.
_SMALL_ANGLE, _SMALL_ANGLE_ERROR, _ANGLE_ERROR = 0.1, 0.01, 0.0006


class Centres:
    """Directions that rows are grouped around.

    Args:
        vectors: Unit rows, shape (n, dimensions).
        heads: Their short forms, which decide who belongs where; any choice is right, a near one is quick.
    """

    def __init__(self, vectors: Floats, heads: Floats) -> None:
        self._vectors, self._heads = vectors, heads

    def __len__(self) -> int:
        return len(self._vectors)

    def angles(self, unit: Doubles) -> Floats:
        """From each row to each centre, shape (n, centres)."""
        cosines = unit.astype(np.float32) @ self._vectors.T
        return np.asarray(np.arccos(np.clip(cosines, -1.0, 1.0)), dtype=np.float32)

    def assign(self, unit: Doubles, heads: Floats) -> tuple[npt.NDArray[np.int32], Floats]:
        """Each row's centre and the angle to it."""
        chosen = (heads @ self._heads.T).argmax(axis=1).astype(np.int32)
        cosines = np.einsum("ij,ij->i", unit.astype(np.float32), self._vectors[chosen])
        return chosen, np.arccos(np.clip(cosines, -1.0, 1.0)).astype(np.float32)


def choose_centres(unit: Doubles, heads: Floats, rows: int) -> Centres:
    """Centres for about `rows` rows, from a sample of them: spherical k-means, started evenly over the sample."""
    count = max(1, min(MOST_CENTRES, rows // ROWS_A_CENTRE, len(unit)))
    places = np.linspace(0, len(unit) - 1, count).astype(np.int64)
    vectors, short = unit[places], heads[places]
    for _ in range(_ROUNDS if count > 1 else 0):
        chosen = (heads @ short.T).argmax(axis=1)
        for centre in range(count):
            members = chosen == centre
            if members.any():
                vectors[centre] = unit[members].sum(axis=0)
                short[centre] = heads[members].mean(axis=0)
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        short /= np.maximum(np.linalg.norm(short, axis=1, keepdims=True), 1e-12)
    return Centres(vectors.astype(np.float32), short)


class Block(NamedTuple):
    """Rows `start` to `end` of the sorted order, and which queries can have a near row among them."""

    start: int
    end: int
    queries: npt.NDArray[np.int64]


class Sectors:
    """The blocks of one sorted order.

    Args:
        centres: Whose angles the rows are sorted by.
        chosen: Each row's centre, ascending.
        angles: Each row's angle to it, ascending within a centre.
    """

    def __init__(self, centres: Centres, chosen: npt.NDArray[np.int32], angles: Floats) -> None:
        self._centres = centres
        counts = np.bincount(chosen, minlength=len(centres))
        self._starts = np.concatenate([_cuts(int(e - n), int(e)) for n, e in zip(counts, counts.cumsum(), strict=True)])
        self._ends = np.append(self._starts[1:], len(chosen)).astype(np.int64)
        self._owners = chosen[self._starts]
        self._nearest, self._farthest = _less(angles[self._starts]), _more(angles[self._ends - 1])

    def touched(self, unit: Doubles, at_least: float) -> Iterator[Block]:
        """Blocks that can hold a row at or above a cosine to one of the queries."""
        reach = np.float32(math.acos(at_least) + 1e-6)
        angles = self._centres.angles(unit)
        near, far = (_less(angles) - reach)[:, self._owners], (_more(angles) + reach)[:, self._owners]
        is_touched = (near <= self._farthest) & (far >= self._nearest)
        for block in np.flatnonzero(is_touched.any(axis=0)):
            yield Block(int(self._starts[block]), int(self._ends[block]), np.flatnonzero(is_touched[:, block]))


def _less(angles: Floats) -> Floats:
    return np.asarray(angles - np.where(angles < _SMALL_ANGLE, _SMALL_ANGLE_ERROR, _ANGLE_ERROR), dtype=np.float32)


def _more(angles: Floats) -> Floats:
    return np.asarray(angles + np.where(angles < _SMALL_ANGLE, _SMALL_ANGLE_ERROR, _ANGLE_ERROR), dtype=np.float32)


def _cuts(start: int, end: int) -> npt.NDArray[np.int64]:
    """Starts of the blocks of one centre: even ones, so that none is a sliver."""
    count = max(1, round((end - start) / BLOCK_ROWS)) if end > start else 0
    return np.linspace(start, end, count, endpoint=False).astype(np.int64)
