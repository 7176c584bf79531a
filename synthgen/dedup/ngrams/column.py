"""A numpy array that grows at its end."""

from __future__ import annotations

import math
import mmap
from typing import Any

import numpy as np
import numpy.typing as npt

_FIRST_ROOM, _GROWTH = 256, 1.125
_OWN_BYTES = 1 << 22


def own_zeros(shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """As `numpy.zeros`; much of it stands in a piece of its own, which goes back to the system when nobody holds it any
    more. What `malloc` gave may stay with the process for ever."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size < _OWN_BYTES or not hasattr(mmap, "MAP_PRIVATE"):  # Windows has no such thing
        return np.zeros(shape, dtype=dtype)
    piece = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        piece.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(piece, dtype=dtype).reshape(shape)


class Column:
    """Numbers, or rows of numbers, in one piece of memory with some room behind them.

    Args:
        dtype: Of the numbers.
        width: Numbers in a row, or None.
    """

    def __init__(self, dtype: npt.DTypeLike, width: int | None = None) -> None:
        self._shape: tuple[int, ...] = () if width is None else (width,)
        self._room = np.empty((_FIRST_ROOM, *self._shape), dtype=dtype)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def values(self) -> npt.NDArray[Any]:
        """What is in it: a view, good until it grows."""
        return self._room[: self._count]

    def extend(self, values: npt.NDArray[Any]) -> None:
        """Append rows."""
        needed = self._count + len(values)
        if needed > len(self._room):
            self._grow(max(needed, int(_GROWTH * len(self._room))))
        self._room[self._count : needed] = values
        self._count = needed

    def can_hold(self, values: npt.NDArray[np.integer]) -> bool:
        """Whether the type of a column of integers has all of them."""
        kind = np.iinfo(self._room.dtype)
        return not len(values) or bool(values.min() >= kind.min and values.max() <= kind.max)

    def as_type(self, dtype: npt.DTypeLike) -> Column:
        """The same in another type."""
        found = Column(dtype, *self._shape)
        found.extend(self.values)
        return found

    def _grow(self, rows: int) -> None:
        """Where it stands, if the system can lengthen it there: large columns are moved without a second copy."""
        try:
            self._room.resize((rows, *self._shape))
        except ValueError:  # somebody still looks at it
            grown = np.empty((rows, *self._shape), dtype=self._room.dtype)
            grown[: self._count] = self._room[: self._count]
            self._room = grown

    def drop(self, count: int) -> None:
        """Take the first rows away."""
        left = self._count - count
        self._room[:left] = self._room[count : self._count].copy()
        self._count = left
