"""Which real rows of its class a slot shows the model."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import gcd
from typing import Protocol

import numpy as np
import numpy.typing as npt

from synthgen.engine.planning.permutation import permute, pick_distinct

_DIVERSE_POOL = 64


class SeedPicker(Protocol):
    """Picks seeds for the `ordinal`-th slot of one class."""

    def pick(self, ordinal: int) -> Sequence[int]:
        """Places of the seeds among the rows of the class; all different."""
        ...


class RandomPicker:
    """Any rows, each slot for itself."""

    def __init__(self, rows: int, wanted: int, *names: str | int) -> None:
        self._rows, self._wanted, self._names = rows, min(wanted, rows), names

    def pick(self, ordinal: int) -> Sequence[int]:
        return pick_distinct(self._rows, self._wanted, *self._names, ordinal) if self._wanted else ()


class RotatingPicker:
    """Every row equally often.

    Rows are put in an order and dealt out in turn, around and around; once each has been dealt equally often
    (lcm(rows, wanted) of them), a new order begins, so that a row is shown beside others than before.
    """

    def __init__(self, rows: int, wanted: int, *names: str | int) -> None:
        self._rows, self._wanted = rows, min(wanted, rows)
        self._slots_an_order = rows // gcd(rows, self._wanted) if self._wanted else 1
        self._order = lru_cache(maxsize=2)(lambda epoch: permute(rows, *names, epoch))

    def pick(self, ordinal: int) -> Sequence[int]:
        epoch, turn = divmod(ordinal, self._slots_an_order)
        order = self._order(epoch) if self._wanted else []
        return [order[(turn * self._wanted + j) % self._rows] for j in range(self._wanted)]


class DiversePicker:
    """Rows far apart: the first in rotation, each further one farthest from those already picked (max-min cosine
    distance, Gonzalez 1985), among at most 64 rows drawn for the slot."""

    def __init__(self, vectors: npt.NDArray[np.float32], wanted: int, *names: str | int) -> None:
        self._vectors, self._names = vectors, names
        self._wanted = min(wanted, len(vectors))
        self._first = RotatingPicker(len(vectors), min(1, self._wanted), *names)

    def pick(self, ordinal: int) -> Sequence[int]:
        if not self._wanted:
            return ()
        first = self._first.pick(ordinal)[0]
        drawn = pick_distinct(len(self._vectors), _DIVERSE_POOL, *self._names, "pool", ordinal)
        pool = np.array([i for i in drawn if i != first], dtype=np.intp)
        picked = [first]
        closest = np.full(len(pool), -np.inf)
        while len(picked) < self._wanted and len(pool):
            closest = np.maximum(closest, self._vectors[pool] @ self._vectors[picked[-1]])
            farthest = int(np.argmin(np.round(closest, 3)))
            picked.append(int(pool[farthest]))
            pool, closest = np.delete(pool, farthest), np.delete(closest, farthest)
        return picked
