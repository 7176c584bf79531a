"""Which rows to take so that they lie far apart."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from synthgen.measure.classification import Floats

Vectors = npt.NDArray[np.float32]


def farthest_first(candidates: Vectors, taken: Vectors, count: int, *, worth: Floats) -> list[int]:
    """Pick rows one after the other, each the farthest from all that was taken before (Gonzalez 1985).

    Args:
        candidates: Unit rows to pick from, shape (n, d).
        taken: Unit rows that are there already, shape (m, d); m may be 0.
        count: How many to pick, at most n.
        worth: Distance of each candidate is multiplied by this, shape (n,).

    Returns:
        Places in the order picked. Where nothing is taken yet, the first is the one nearest to the mean.
    """
    if not count:
        return []
    picked: list[int] = []
    closest = (candidates @ taken.T).max(axis=1) if len(taken) else None
    if closest is None:
        picked.append(int(np.argmax(np.round(candidates @ candidates.mean(axis=0), 6) * worth)))
        closest = candidates @ candidates[picked[0]]
    is_open = np.ones(len(candidates), dtype=bool)
    is_open[picked] = False
    while len(picked) < count:
        distance = np.where(is_open, np.round(1 - closest, 6) * worth, -np.inf)
        place = int(np.argmax(distance))
        picked.append(place)
        is_open[place] = False
        closest = np.maximum(closest, candidates @ candidates[place])
    return picked
