"""Short forms of rows as they are searched: those that came lately in the order they came, the others sorted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from synthgen.dedup.fold import Doubles, Floats
from synthgen.dedup.sectors import Centres, Sectors

Places = npt.NDArray[np.int64]
Pairs = tuple[Places, Places]
SCAN_ROWS = 2048
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
        for start in range(0, self._count, SCAN_ROWS):
            scores = self._heads[start : min(start + SCAN_ROWS, self._count)] @ turned
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

    def __init__(
        self, centres: Centres, heads: Floats, places: npt.NDArray[np.int32], chosen: npt.NDArray[np.int32],
        angles: Floats,
    ) -> None:  # fmt: skip
        order = np.argsort(chosen.astype(np.float64) * 4.0 + angles, kind="stable")  # angles are below 4
        self.centres = centres
        self._heads, self._places = heads[order], places[order]
        self._chosen, self._angles = chosen[order], angles[order]
        self._sectors = Sectors(centres, self._chosen, self._angles)

    def __len__(self) -> int:
        return len(self._places)

    def grown(
        self, heads: Floats, places: npt.NDArray[np.int32], chosen: npt.NDArray[np.int32], angles: Floats
    ) -> Sorted:
        """These rows and others."""
        return Sorted(
            self.centres,
            np.concatenate([self._heads, heads]),
            np.concatenate([self._places, places]),
            np.concatenate([self._chosen, chosen]),
            np.concatenate([self._angles, angles]),
        )

    def search(self, unit: Doubles, heads: Floats, at_least: float, floor: np.float32) -> Iterator[Pairs]:
        """Queries and places whose bound reaches `floor`, of the rows that can be at or above `at_least`."""
        for block in self._sectors.touched(unit, at_least):
            scores = self._heads[block.start : block.end] @ heads[block.queries].T
            if len(close := np.flatnonzero(scores >= floor)):
                rows, queries = np.divmod(close, len(block.queries))
                yield block.queries[queries], self._places[block.start + rows].astype(np.int64)
