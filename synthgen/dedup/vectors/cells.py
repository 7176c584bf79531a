"""Rows grouped so that a search can leave out most of them: by their nearest centre, and by the angle to it.

Works on short forms (`projection`), which are unit vectors no further apart than the rows themselves. Two bounds by the
triangle inequality on the sphere. A row within `reach` of a query lies, seen from its centre, at the query's own angle
give or take `reach`: rows sorted by centre and angle fall into rings. And it lies on its centre's side of the plane
halfway to any other centre, which a query deep on that other's side is too far from. Leaving a block out never loses a
row.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from synthgen.dedup.vectors.projection import Floats

ROWS_A_CENTRE, MAX_CENTRES = 512, 1024
_ROUNDS = 4
_QUERIES_AT_ONCE, _BLOCKS_AT_ONCE = 128, 64  # what is computed on the way stays in the cache
BLOCK_ROWS = 512
# How many centres around a query planes are looked at to; more leave out little more.
_PLANES = 8
# What two differences of float32 sums of unit vectors can err by, the row's when it was assigned and the query's.
_PLANE_ERROR = 5e-4
# Arc cosines of float32 sums: what is at most 5e-5 in a cosine is 0.01 in an angle near 0, and 5e-4 in others.
_SMALL_ANGLE, _SMALL_ANGLE_ERROR, _ANGLE_ERROR = 0.1, 0.01, 0.0006


class Centres:
    """Directions that rows are grouped around.

    Args:
        heads: Unit short forms, shape (n, width); any choice is right, a near one is quick.
    """

    def __init__(self, heads: Floats) -> None:
        self._heads = heads
        wide = heads.astype(np.float64)
        lengths = np.einsum("ij,ij->i", wide, wide)
        squares = lengths[:, None] + lengths[None, :] - 2.0 * (wide @ wide.T)
        self._apart = np.sqrt(np.maximum(squares, 0.0)).astype(np.float32)

    def __len__(self) -> int:
        return len(self._heads)

    def cosines(self, heads: Floats) -> Floats:
        """Of each row to each centre, shape (n, centres)."""
        return np.asarray(heads @ self._heads.T)

    def assign(self, heads: Floats) -> tuple[npt.NDArray[np.int32], Floats]:
        """Each row's nearest centre and the angle to it."""
        cosines = self.cosines(heads)
        chosen = cosines.argmax(axis=1)
        return chosen.astype(np.int32), _angles(cosines[np.arange(len(heads)), chosen])

    def reached(self, cosines: Floats, sine: float) -> npt.NDArray[np.bool_]:
        """Whose rows a query can be near, shape (n, centres): not beyond a plane by more than its reach.

        Args:
            cosines: Of the queries, as `cosines` gives them.
            sine: Of the reach.
        """
        is_reached = np.ones(cosines.shape, dtype=bool)
        rows, left = np.arange(len(cosines)), cosines.copy()
        for _ in range(min(_PLANES, len(self))):
            other = left.argmax(axis=1)
            beyond = cosines[rows, other][:, None] - cosines
            left[rows, other] = -np.inf
            is_reached &= beyond <= self._apart[other] * np.float32(sine) + np.float32(_PLANE_ERROR)
        return is_reached


def choose_centres(heads: Floats, rows: int) -> Centres:
    """Centres for about `rows` rows, from a sample of them: spherical k-means, started evenly over the sample."""
    count = max(1, min(MAX_CENTRES, rows // ROWS_A_CENTRE, len(heads)))
    centres = heads[np.linspace(0, len(heads) - 1, count).astype(np.int64)]
    for _ in range(_ROUNDS if count > 1 else 0):
        chosen = (heads @ centres.T).argmax(axis=1)
        order = np.argsort(chosen, kind="stable")
        held, starts = np.unique(chosen[order], return_index=True)
        centres[held] = np.add.reduceat(heads[order], starts, axis=0)
        centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-12)
    return Centres(centres)


class Block(NamedTuple):
    """Rows `start` to `end` of the sorted order, and which queries can have a near row among them."""

    start: int
    end: int
    queries: npt.NDArray[np.int64]


class Cells:
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

    def touched(self, heads: Floats, at_least: float) -> Iterator[Block]:
        """Blocks that can hold a row at or above a cosine to one of the queries."""
        near, far = self._views(heads, math.acos(at_least) + 1e-6)
        for first in range(0, len(self._starts), _BLOCKS_AT_ONCE):
            part = slice(first, first + _BLOCKS_AT_ONCE)
            owners = self._owners[part]
            is_touched = near[owners] <= self._farthest[part, None]
            is_touched &= far[owners] >= self._nearest[part, None]
            for block in np.flatnonzero(is_touched.any(axis=1)):
                queries = np.flatnonzero(is_touched[block])
                yield Block(int(self._starts[first + block]), int(self._ends[first + block]), queries)

    def _views(self, heads: Floats, reach: float) -> tuple[Floats, Floats]:
        """The least and the largest angle that a near row can have to each centre, shape (centres, n): none where the
        centre's rows are out of reach."""
        shape = len(self._centres), len(heads)
        near, far = np.full(shape, np.inf, dtype=np.float32), np.full(shape, -np.inf, dtype=np.float32)
        for start in range(0, len(heads), _QUERIES_AT_ONCE):
            cosines = self._centres.cosines(heads[start : start + _QUERIES_AT_ONCE])
            reached = np.flatnonzero(self._centres.reached(cosines, math.sin(reach)))
            angles = _angles(cosines.ravel()[reached])
            queries, centres = np.divmod(reached, shape[0])
            near[centres, queries + start] = _less(angles) - np.float32(reach)
            far[centres, queries + start] = _more(angles) + np.float32(reach)
        return near, far


def _angles(cosines: Floats) -> Floats:
    return np.asarray(np.arccos(np.clip(cosines, -1.0, 1.0)), dtype=np.float32)


def _less(angles: Floats) -> Floats:
    return np.asarray(angles - np.where(angles < _SMALL_ANGLE, _SMALL_ANGLE_ERROR, _ANGLE_ERROR), dtype=np.float32)


def _more(angles: Floats) -> Floats:
    return np.asarray(angles + np.where(angles < _SMALL_ANGLE, _SMALL_ANGLE_ERROR, _ANGLE_ERROR), dtype=np.float32)


def _cuts(start: int, end: int) -> npt.NDArray[np.int64]:
    """Starts of the blocks of one centre: even ones, so that none is a sliver."""
    count = max(1, round((end - start) / BLOCK_ROWS)) if end > start else 0
    return np.linspace(start, end, count, endpoint=False).astype(np.int64)
