"""Numbers of grams by their characters, without a look-up in Python for each: those of the commonest characters.

Owns no number: whoever numbers grams keeps them all, and enters here what is asked for most.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_BITS = 6
_CHARACTERS = 1 << _BITS  # 63 of them, and 0 for all others: a megabyte, which stays in the cache
_UNICODE = 0x110000
Signs = npt.NDArray[np.uint32]
Cells = npt.NDArray[np.int32]


class GramTable:
    """A cell for each gram of three of the first 63 characters that were seen; 0 where nothing was entered."""

    def __init__(self) -> None:
        self._ids = np.zeros(_UNICODE, dtype=np.uint8)
        self._numbers = np.zeros(_CHARACTERS**3, dtype=np.int32)
        self._next = 1

    def admit(self, signs: Signs) -> None:
        """Take in characters that are new, the commonest first, while there is room."""
        if self._next < _CHARACTERS and len(new := signs[self._ids[signs] == 0]):
            found, counts = np.unique(new, return_counts=True)
            chosen = found[np.argsort(-counts, kind="stable")][: _CHARACTERS - self._next]
            self._ids[chosen] = np.arange(self._next, self._next + len(chosen))
            self._next += len(chosen)

    def cells(self, signs: Signs) -> Cells:
        """The cell of the gram that begins at each character, but for the last two."""
        ids = self._ids[signs].astype(np.int32)
        return np.asarray((ids[:-2] << (2 * _BITS)) | (ids[1:-1] << _BITS) | ids[2:])

    def look(self, cells: Cells) -> npt.NDArray[np.int32]:
        """What was entered."""
        return self._numbers[cells]

    def enter(self, cells: Cells, numbers: npt.NDArray[np.integer]) -> None:
        """Remember numbers, of those grams that have a cell of their own."""
        last = _CHARACTERS - 1
        is_own = ((cells & last) > 0) & ((cells >> _BITS & last) > 0) & (cells >> 2 * _BITS > 0)
        self._numbers[cells[is_own]] = numbers[is_own]
