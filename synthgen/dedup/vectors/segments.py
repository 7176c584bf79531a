"""Short forms of rows as they are searched: those that came lately in the order they came, the others sorted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from synthgen.dedup.vectors.cells import Cells, Centres
from synthgen.dedup.vectors.projection import Floats

Places = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int32]
Pairs = tuple[Places, Places]
A = TypeVar("A", bound=np.generic)
SCAN_ROWS, SCAN_CELLS = 256, 1 << 18  # of products at once: a megabyte, which stays in the cache
_FIRST_CAPACITY = 256


class Recent:
    """Short forms in the order they came; all are scanned.

    Args:
        first: Place of the first of them.
        width: Numbers in a short form.
    """

    def __init__(self, first: int, width: int) -> None:
        self._first, self._count = first, 0
        self._heads = np.empty((_FIRST_CAPACITY, width), dtype=np.float32)

    def __len__(self) -> int:
        return self._count

    def add(self, heads: Floats) -> None:
        needed = self._count + len(heads)
        if needed > len(self._heads):
            grown = np.empty((max(needed, 2 * len(self._heads)), self._heads.shape[1]), dtype=np.float32)
            grown[: self._count] = self._heads[: self._count]
            self._heads = grown
        self._heads[self._count : needed] = heads
        self._count = needed

    def search(self, heads: Floats, floor: np.float32) -> Iterator[Pairs]:
        """Queries and places whose bound reaches `floor`."""
        turned = np.ascontiguousarray(heads.T)
        step = max(SCAN_ROWS, SCAN_CELLS // max(1, len(heads)))
        for start in range(0, self._count, step):
            scores = self._heads[start : min(start + step, self._count)] @ turned
            if len(close := np.flatnonzero(scores >= floor)):
                rows, queries = np.divmod(close, len(heads))
                yield queries, rows + (self._first + start)


class Sorted:
    """Short forms sorted by centre and angle; only the blocks that a query can touch are scanned.

    Args:
        centres: Whose angles they are sorted by.
        heads: Short forms, shape (n, width), in any order.
        places: Where each stands in the index.
        chosen: Each row's centre.
        angles: Each row's angle to its centre.
    """

    def __init__(self, centres: Centres, heads: Floats, places: Numbers, chosen: Numbers, angles: Floats) -> None:
        order = np.argsort(_keys(chosen, angles))
        self._hold(centres, heads[order], places[order], chosen[order], angles[order])

    def _hold(self, centres: Centres, heads: Floats, places: Numbers, chosen: Numbers, angles: Floats) -> None:
        self.centres = centres
        self._heads, self._places, self._chosen, self._angles = heads, places, chosen, angles
        self._cells = Cells(centres, chosen, angles)

    def __len__(self) -> int:
        return len(self._places)

    def grow(self, heads: Floats, places: Numbers, chosen: Numbers, angles: Floats) -> None:
        """Take in more rows: merged, so that one column at a time is there twice."""
        order = np.argsort(_keys(chosen, angles))
        mine, others = _keys(self._chosen, self._angles), _keys(chosen, angles)[order]
        is_other = np.zeros(len(mine) + len(others), dtype=bool)
        is_other[mine.searchsorted(others, side="right") + np.arange(len(others))] = True
        del mine, others
        self._heads = _merged(is_other, self._heads, heads[order])
        self._hold(
            self.centres,
            self._heads,
            _merged(is_other, self._places, places[order]),
            _merged(is_other, self._chosen, chosen[order]),
            _merged(is_other, self._angles, angles[order]),
        )

    def search(self, heads: Floats, at_least: float, floor: np.float32) -> Iterator[Pairs]:
        """Queries and places whose bound reaches `floor`, of the rows that can be at or above `at_least`."""
        for block in self._cells.touched(heads, at_least):
            scores = self._heads[block.start : block.end] @ heads[block.queries].T
            if len(close := np.flatnonzero(scores >= floor)):
                rows, queries = np.divmod(close, len(block.queries))
                yield block.queries[queries], self._places[block.start + rows].astype(np.int64)


def _keys(chosen: Numbers, angles: Floats) -> npt.NDArray[np.float64]:
    return chosen.astype(np.float64) * 4.0 + angles  # angles are below 4


def _merged(is_other: npt.NDArray[np.bool_], mine: npt.NDArray[A], others: npt.NDArray[A]) -> npt.NDArray[A]:
    both = np.empty((len(is_other), *mine.shape[1:]), dtype=mine.dtype)
    both[is_other] = others
    both[~is_other] = mine
    return both
