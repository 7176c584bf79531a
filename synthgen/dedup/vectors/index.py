"""Exact search, among a growing set of vectors, for the nearest one at or above a cosine.

No approximate graph: a missed neighbour is a broken promise. Short forms of the vectors (`projection`), grouped by
direction (`sectors`), leave a handful of rows that could be near enough; float64 settles which is. Vectors are
float16, as the journal stores them, so that this last step has no rounding to speak of: all values are multiples of
2^-24, products multiples of 2^-48, and the sum of a unit vector's fits the 53 bits of a float64 whole. The dot product
is therefore the same in any order of summing, of the two arguments and of the blocks, and anybody can compute it again
from the stored bytes.

Below its threshold the index knows nothing: the nearest row of a text that is like no other has to be searched for
among all of them, and nobody is served by it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from synthgen.dedup.vectors.cells import Centres, choose_centres
from synthgen.dedup.vectors.projection import SCAN_ERROR, Floats, as_floats, as_short_unit, fitted, whole
from synthgen.dedup.vectors.segments import Recent, Sorted

CHUNK_ROWS = 32_768
FIRST_FIT_ROWS = 1024
FIRST_SORT_ROWS = 16_384
MIN_RECENT_ROWS = 8192
# A row that is not sorted is scanned for every query, and to sort some in costs a copy of all.
_SORTED_RATIO = 32
_REFIT_GROWTH = 4
_SAMPLE_ROWS = 16_384
_ROWS_FOR_TWO = 131_072  # from so many on two threads are quicker than one
VERIFY_ROWS, PROJECTED_ROWS = 4096, 512  # at once: float32 rows that stay in the cache

Vectors = npt.NDArray[np.float16]
Places = npt.NDArray[np.int64]


class Neighbour(NamedTuple):
    """The place of a vector in the order it was added, and its cosine."""

    place: int
    similarity: float


class VectorIndex:
    """A growing set of vectors.

    A vector costs two bytes a dimension, and its short form (33 to 129 numbers) four bytes each.

    Args:
        dimensions: Length of each vector.
        at_least: Cosine from which on neighbours are found, above 0.
    """

    def __init__(self, dimensions: int, at_least: float) -> None:
        if not 0 < at_least <= 1:
            raise ValueError(f"at_least must be above 0 and at most 1, not {at_least}")
        self._dimensions, self._at_least = dimensions, at_least
        self._chunks: list[Vectors] = []
        self._count = 0
        self._projection = whole(dimensions)
        self._next_fit = FIRST_FIT_ROWS
        self._sorted: Sorted | None = None
        self._recent = Recent(0, self._projection.width)
        self._is_loading = False

    def __len__(self) -> int:
        return self._count

    def add(self, vectors: Vectors) -> None:
        """Append vectors, shape (n, dimensions) or (dimensions,)."""
        rows = np.atleast_2d(np.asarray(vectors, dtype=np.float16))
        if self._is_loading:
            self._store(rows)
            return
        for start in range(0, len(rows), CHUNK_ROWS):
            part = rows[start : start + CHUNK_ROWS]
            self._store(part)
            self._recent.add(self._projection.projection(as_short_unit(part)))
        if self._count >= self._next_fit:
            self._refit()
        elif self._sorted is not None and len(self._recent) > MIN_RECENT_ROWS + len(self._sorted) // _SORTED_RATIO:
            self._sort_in(self._sorted)

    def load(self, vectors: Vectors) -> None:
        """As `add`, for the first of very many: they are only kept, and sorted all at once before the next search."""
        self._is_loading = self._is_loading or not self._count
        self.add(vectors)

    def settle(self) -> None:
        """Sort what was loaded now, rather than at the next search."""
        if not self._is_loading:
            return
        self._is_loading = False
        if self._count >= self._next_fit:
            self._refit()
        else:
            self._recent.add(self._projection.projection(as_short_unit(self.vectors(np.arange(self._count)))))

    def nearest(self, vector: Vectors) -> Neighbour | None:
        """The nearest vector at or above the threshold, the earliest of equals; None where there is none."""
        return self.nearest_each(vector[None, :])[0]

    def nearest_each(self, vectors: Vectors) -> list[Neighbour | None]:
        """As `nearest`, for each of a batch, shape (n, dimensions); 64 to 512 at once are much cheaper than one."""
        return [found[0] if found else None for found in self._search(vectors, only_nearest=True)]

    def close(self, vector: Vectors) -> list[Neighbour]:
        """All vectors at or above the threshold, the nearest first and the earliest of equals."""
        return self.close_each(vector[None, :])[0]

    def close_each(self, vectors: Vectors) -> list[list[Neighbour]]:
        """As `close`, for each of a batch."""
        return self._search(vectors, only_nearest=False)

    def among(self, vectors: Vectors) -> list[list[Neighbour]]:
        """For each of a batch, those before it in the batch at or above the threshold."""
        found: list[list[Neighbour]] = [[] for _ in vectors]
        unit = as_short_unit(vectors)
        for one, other in np.argwhere(np.tril(unit @ unit.T, -1) >= self._at_least - SCAN_ERROR).tolist():
            similarity = cosine(vectors[one], vectors[other])
            if similarity >= self._at_least:
                found[one].append(Neighbour(other, similarity))
        return found

    def vectors(self, places: Places) -> Vectors:
        """The vectors at `places`, shape (n, dimensions)."""
        found = np.empty((len(places), self._dimensions), dtype=np.float16)
        chunks = places // CHUNK_ROWS
        for chunk in np.unique(chunks):
            wanted = chunks == chunk
            found[wanted] = self._chunks[chunk][places[wanted] % CHUNK_ROWS]
        return found

    # --- searching ---------------------------------------------------------------------------------------------

    def _search(self, vectors: Vectors, *, only_nearest: bool) -> list[list[Neighbour]]:
        found: list[list[Neighbour]] = [[] for _ in vectors]
        self.settle()
        if not self._count or not len(vectors):
            return found
        unit = as_short_unit(vectors)
        pairs = list(self._close_pairs(self._projection.projection(unit)))
        if pairs:
            queries, places = (np.concatenate(column) for column in zip(*pairs, strict=True))
            for query, place in self._settled(unit, queries, places, only_nearest):
                similarity = cosine(vectors[query], self._vector(place))
                if similarity >= self._at_least:
                    found[query].append(Neighbour(place, similarity))
        return [sorted(close, key=lambda n: (-n.similarity, n.place)) for close in found]

    def _close_pairs(self, heads: Floats) -> Iterator[tuple[Places, Places]]:
        """Queries and places of which the bound says that they could be near enough."""
        floor = np.float32(self._at_least - SCAN_ERROR)
        yield from self._recent.search(heads, floor)
        if self._sorted is not None:
            yield from self._sorted.search(heads, self._at_least, floor)

    def _settled(self, unit: Floats, queries: Places, places: Places, only_nearest: bool) -> Iterator[tuple[int, int]]:
        """Those pairs that are near enough but for rounding, or only each query's nearest but for rounding."""
        rough = np.empty(len(places), dtype=np.float32)
        for start in range(0, len(places), VERIFY_ROWS):
            part = slice(start, start + VERIFY_ROWS)
            rough[part] = rough_cosines(self.vectors(places[part]), unit[queries[part]])
        floor = np.full(len(unit), self._at_least, dtype=np.float32)
        if only_nearest:
            np.maximum.at(floor, queries, rough)
        is_close = rough >= floor[queries] - 2 * SCAN_ERROR
        yield from zip(queries[is_close].tolist(), places[is_close].tolist(), strict=True)

    def _run(self, start: int, end: int) -> Vectors:
        """The vectors from `start` to `end`, without a copy where they stand in one piece."""
        chunk, within = divmod(start, CHUNK_ROWS)
        if within + end - start <= CHUNK_ROWS:
            return self._chunks[chunk][within : within + end - start]
        return self.vectors(np.arange(start, end))

    def _vector(self, place: int) -> Vectors:
        row: Vectors = self._chunks[place // CHUNK_ROWS][place % CHUNK_ROWS]
        return row

    # --- growing -----------------------------------------------------------------------------------------------

    def _store(self, rows: Vectors) -> None:
        while len(rows):
            within = self._count % CHUNK_ROWS
            if within == 0:
                self._chunks.append(np.empty((CHUNK_ROWS, self._dimensions), dtype=np.float16))
            part = rows[: CHUNK_ROWS - within]
            self._chunks[-1][within : within + len(part)] = part
            self._count += len(part)
            rows = rows[len(part) :]

    def _refit(self) -> None:
        """Choose basis and centres anew by what the rows have become, and fold and sort them all again."""
        self._next_fit = _REFIT_GROWTH * self._count
        places = np.linspace(0, self._count - 1, min(self._count, _SAMPLE_ROWS)).astype(np.int64)
        sample = as_short_unit(self.vectors(places))
        self._projection = fitted(sample, self._at_least)
        if self._count < FIRST_SORT_ROWS:
            self._recent = Recent(0, self._projection.width)
            self._recent.add(self._projection.projection(as_short_unit(self.vectors(np.arange(self._count)))))
            return
        centres = choose_centres(self._projection.projection(sample), self._count)
        self._recent, self._sorted = (
            Recent(self._count, self._projection.width),
            None,
        )  # gives the old memory back first
        self._sorted = Sorted(centres, *self._assigned(centres, 0))

    def _sort_in(self, before: Sorted) -> None:
        """Move the recent rows to the sorted ones."""
        recent = self._assigned(before.centres, self._count - len(self._recent))
        self._recent = Recent(self._count, self._projection.width)
        before.grow(*recent)

    def _assigned(
        self, centres: Centres, since: int
    ) -> tuple[Floats, npt.NDArray[np.int32], npt.NDArray[np.int32], Floats]:
        """Short forms, places, centres and angles of the rows from `since` on."""
        count = self._count - since
        heads = np.empty((count, self._projection.width), dtype=np.float32)
        chosen, angles = np.empty(count, dtype=np.int32), np.empty(count, dtype=np.float32)

        def assign(start: int) -> None:
            part = slice(start, min(start + PROJECTED_ROWS, count))
            unit = as_short_unit(self._run(since + part.start, since + part.stop))
            heads[part] = self._projection.projection(unit)
            chosen[part], angles[part] = centres.assign(heads[part])

        starts = range(0, count, PROJECTED_ROWS)
        if count < _ROWS_FOR_TWO:
            for start in starts:
                assign(start)
        else:
            with ThreadPoolExecutor(max_workers=2, thread_name_prefix="vectors") as two:
                deque(two.map(assign, starts), maxlen=0)
        return heads, np.arange(since, self._count, dtype=np.int32), chosen, angles


def cosine(one: npt.NDArray[np.floating], other: npt.NDArray[np.floating]) -> float:
    """The cosine that decides: of float16 values, the same whichever comes first. A zero vector is like nothing."""
    a, b = one.astype(np.float64), other.astype(np.float64)
    length = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / length if length else 0.0


def rough_cosines(rows: Vectors, units: Floats) -> Floats:
    """Of each row and the unit vector beside it, to within the scan's error."""
    wide = as_floats(rows)
    lengths = np.sqrt(np.vecdot(wide, wide))
    products = np.vecdot(wide, units)
    return np.asarray(np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0))
