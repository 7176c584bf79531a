"""How near the accepted rows stand to the row most like them, from stored vectors: exact, for a sample of them.

Dedup notes a neighbour only where it is close to the threshold; a picture of how varied a run is needs the others too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt

MAX_ROWS = 1_000
_BLOCK = 8_192
Place = tuple[int, int]
Vectors = npt.NDArray[np.float32]


def nearest_similarities(
    asked: Sequence[tuple[Place, bytes]], accepted: Iterable[tuple[Place, bytes]], real: Sequence[bytes]
) -> list[float]:
    """Cosine of each asked row with the nearest other accepted row or real row.

    Args:
        asked: Places and vectors (float16 bytes) of the rows to look at.
        accepted: Likewise of all accepted rows, the asked ones among them; read once, in blocks.
        real: Vectors of the real rows.

    Returns:
        One for each asked row, in order; -1 where there is no other row. Empty where vectors differ in length.
    """
    if len({len(vector) for _, vector in asked} | {len(vector) for vector in real}) != 1:
        return []
    rows = _unit([vector for _, vector in asked])
    numbers = {place: number for number, (place, _) in enumerate(asked)}
    best = np.full(len(rows), -1.0, dtype=np.float32)
    for start in range(0, len(real), _BLOCK):
        best = np.maximum(best, (rows @ _unit(real[start : start + _BLOCK]).T).max(axis=1))
    for block in _blocks(accepted):
        similarities = rows @ _unit([vector for _, vector in block]).T
        itself = [(numbers[place], column) for column, (place, _) in enumerate(block) if place in numbers]
        for number, column in itself:
            similarities[number, column] = -1.0
        best = np.maximum(best, similarities.max(axis=1))
    return [float(found) for found in best]


def _unit(vectors: Sequence[bytes]) -> Vectors:
    stacked = np.stack([np.frombuffer(vector, dtype=np.float16) for vector in vectors]).astype(np.float32)
    return np.asarray(stacked / np.maximum(np.linalg.norm(stacked, axis=1, keepdims=True), 1e-12), dtype=np.float32)


def _blocks(rows: Iterable[tuple[Place, bytes]]) -> Iterator[list[tuple[Place, bytes]]]:
    remaining = iter(rows)
    while block := list(islice(remaining, _BLOCK)):
        yield block
