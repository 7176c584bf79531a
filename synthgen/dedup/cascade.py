"""Many rows through the cascade, in batches that decide as if they came one by one.

A batch is compared with the rows kept before it all at once, which is what makes a million rows bearable; within the
batch each row is compared with those kept before it in its turn. Rows that the cheap stages settle need no vector.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from synthgen.dedup.ngrams.grams import GramOrder, Profiles
from synthgen.dedup.ngrams.index import LexicalIndex, Overlap
from synthgen.dedup.vectors.index import Neighbour, VectorIndex

Vectors = npt.NDArray[np.float16]
_LEAST = 0.05


class Found(NamedTuple):
    """A row that another is compared with.

    Attributes:
        similarity: 1, the Jaccard overlap or the cosine.
        pool: `against` for rows that are only compared with, `kept` for the others.
        row: Its number in its pool, as it was given in; from 0.
        stage: `exact`, `lexical` or `near`.
    """

    similarity: float
    pool: str
    row: int
    stage: str


class Outcome(NamedTuple):
    """What became of a row.

    Attributes:
        duplicate_of: The row that it repeats; None where it is kept.
        nearest: Of a kept row, the nearest one below a threshold, where it is within the margin.
    """

    duplicate_of: Found | None
    nearest: Found | None = None


class Looked(NamedTuple):
    """A batch that was compared by character n-grams with what was there before it.

    Attributes:
        normalised: Normal forms.
        profiles: Their grams, or None where they do not count.
        found: The nearest rows by the cheap stages, at most one a stage.
        needs_vector: Which rows the cheap stages did not settle.
    """

    normalised: Sequence[str]
    profiles: Profiles | None
    found: Sequence[list[Found]]
    needs_vector: list[bool]


class _Pool:
    """Rows by form, grams and vector, with the numbers they have outside."""

    def __init__(self, name: str, normalised: dict[bytes, int], lexical: LexicalIndex | None, near: VectorIndex | None):
        self.name, self._normalised, self._lexical, self._near = name, normalised, lexical, near
        self._numbers, self._vector_numbers = array("q"), array("q")

    def add(self, numbers: Sequence[int], normalised: Sequence[str], profiles: Profiles | None) -> None:
        for number, normalised_text in zip(numbers, normalised, strict=True):
            self._normalised.setdefault(_digest(normalised_text), number)
        if self._lexical is not None and profiles is not None:
            self._lexical.add(profiles)
            self._numbers.extend(numbers)

    def add_vectors(self, numbers: Sequence[int], vectors: Vectors) -> None:
        if self._near is not None and len(numbers):
            self._near.add(vectors)
            self._vector_numbers.extend(numbers)

    def by_text(self, normalised: Sequence[str], profiles: Profiles | None) -> list[list[Found]]:
        """The nearest row to each, if any: by its form, else by its character n-grams."""
        places = [self._normalised.get(_digest(normalised_text)) for normalised_text in normalised]
        found = [[] if place is None else [Found(1.0, self.name, place, "exact")] for place in places]
        if self._lexical is not None and profiles is not None:
            new = [row for row, place in enumerate(places) if place is None]
            for row, overlaps in zip(new, self._lexical.close_each(profiles.take(new)), strict=True):
                found[row] = [Found(o.jaccard, self.name, self._numbers[o.place], "lexical") for o in overlaps[:1]]
        return found

    def among(self, profiles: Profiles) -> list[Sequence[Overlap]]:
        """For each row of a batch, the earlier ones of it that are near by character n-grams."""
        return [] if self._lexical is None else self._lexical.among(profiles)

    def near_among(self, vectors: Vectors) -> list[list[Neighbour]]:
        """The same by vector."""
        return [] if self._near is None else self._near.among(vectors)

    def by_vector(self, vectors: Vectors) -> list[Found | None]:
        if self._near is None:
            return [None] * len(vectors)
        return [
            None if n is None else Found(n.similarity, self.name, self._vector_numbers[n.place], "near")
            for n in self._near.nearest_each(vectors)
        ]


class Cascade:
    """Keeps the first of every group of rows that are near each other.

    Args:
        lexical: Jaccard overlap from which on two rows are the same, or None.
        near: Cosine from which on two rows are the same, or None.
        dimensions: Length of the vectors; not looked at where `near` is None.
        order: Numbers the grams.
        margin: How far below a threshold the nearest row of a kept one is told.
    """

    def __init__(
        self, *, lexical: float | None, near: float | None, dimensions: int, order: GramOrder, margin: float = 0.0
    ) -> None:
        self._thresholds = {"exact": 1.0, "lexical": lexical or 2.0, "near": near or 2.0}
        self._lexical_floor = None if lexical is None else max(lexical - margin, min(lexical, _LEAST))
        self._near_floor = None if near is None else max(near - margin, min(near, _LEAST))
        self._dimensions, self._order, self._has_margin = dimensions, order, margin > 0
        self._against, self._kept = self._pool("against"), self._pool("kept")
        self._count = 0

    def add_against(self, first: int, normalised: Sequence[str], vectors: Vectors | None) -> None:
        """Rows that others are compared with and that are not judged themselves.

        Args:
            first: Number of the first of them.
            normalised: Their normal forms.
            vectors: One each, or None where embeddings do not count.
        """
        self._against.add(range(first, first + len(normalised)), normalised, self._profiles(normalised))
        if vectors is not None:
            self._against.add_vectors(range(first, first + len(normalised)), vectors)

    def look(self, normalised: Sequence[str]) -> Looked:
        """Compare the next batch by its character n-grams with the rows that were there before it."""
        profiles = self._profiles(normalised)
        pools = [pool.by_text(normalised, profiles) for pool in (self._against, self._kept)]
        found = [against + kept for against, kept in zip(*pools, strict=True)]
        needs = [self._near_floor is not None and not any(map(self._is_same, row)) for row in found]
        return Looked(normalised, profiles, found, needs)

    def settle(self, looked: Looked, numbers: Sequence[int], vectors: Vectors | None) -> list[Outcome]:
        """Decide on a batch, in its order, and keep what is new.

        Args:
            looked: The batch.
            numbers: What the rows are called.
            vectors: One for each row that needs one, in order; None where embeddings do not count.
        """
        places = [place for place, needs in enumerate(looked.needs_vector) if needs]
        found = [list(row) for row in looked.found]
        among: dict[int, list[tuple[int, float]]] = {}
        if vectors is not None and len(vectors):
            for pool in (self._against, self._kept):
                for place, nearest in zip(places, pool.by_vector(vectors), strict=True):
                    found[place] += [] if nearest is None else [nearest]
            among = self._near_pairs(places, vectors)
        alike = self._alike(looked)
        first: dict[str, int] = {}
        outcomes: list[Outcome] = []
        for place, normalised_text in enumerate(looked.normalised):
            within = [
                Found(similarity, "kept", numbers[other], stage)
                for stage, pairs in (("lexical", alike), ("near", among))
                for other, similarity in pairs.get(place, ())
                if outcomes[other].duplicate_of is None
            ]
            same = [Found(1.0, "kept", numbers[first[normalised_text]], "exact")] if normalised_text in first else []
            outcome = self._outcome(found[place] + same + within)
            outcomes.append(outcome)
            if outcome.duplicate_of is None:
                first[normalised_text] = place
        self._keep(looked, numbers, vectors, places, outcomes)
        return outcomes

    def _keep(
        self, looked: Looked, numbers: Sequence[int], vectors: Vectors | None, places: list[int],
        outcomes: list[Outcome],
    ) -> None:  # fmt: skip
        new = [place for place, outcome in enumerate(outcomes) if outcome.duplicate_of is None]
        profiles = None if looked.profiles is None else looked.profiles.take(new)
        self._kept.add([numbers[place] for place in new], [looked.normalised[place] for place in new], profiles)
        if vectors is not None:
            is_kept = [outcomes[place].duplicate_of is None for place in places]
            kept = [numbers[place] for place, keep in zip(places, is_kept, strict=True) if keep]
            self._kept.add_vectors(kept, vectors[np.array(is_kept, dtype=bool)])

    def _outcome(self, found: list[Found]) -> Outcome:
        """The cheapest stage that objects, by its nearest row; the earliest of equals."""
        for stage in ("exact", "lexical", "near"):
            same = [f for f in found if f.stage == stage and self._is_same(f)]
            if same:
                return Outcome(max(same, key=lambda f: (f.similarity, f.pool == "against", -f.row)))
        if not (self._has_margin and found):
            return Outcome(None)
        return Outcome(None, min(found, key=lambda f: (self._thresholds[f.stage] - f.similarity, f.row)))

    def _is_same(self, found: Found) -> bool:
        return found.similarity >= self._thresholds[found.stage]

    def _near_pairs(self, places: list[int], vectors: Vectors) -> dict[int, list[tuple[int, float]]]:
        """For each row of a batch, the earlier ones of it that are near, with the cosine that decides."""
        among = self._kept.near_among(vectors)
        return {
            places[one]: [(places[other], similarity) for other, similarity in found]
            for one, found in enumerate(among)
            if found
        }

    def _alike(self, looked: Looked) -> dict[int, Sequence[Overlap]]:
        """For each row of a batch, the earlier ones of it that are near by character n-grams."""
        if looked.profiles is None:
            return {}
        return {place: close for place, close in enumerate(self._kept.among(looked.profiles)) if close}

    def _profiles(self, normalised: Sequence[str]) -> Profiles | None:
        return None if self._lexical_floor is None else self._order.profiles(normalised)

    def _pool(self, name: str) -> _Pool:
        lexical = None if self._lexical_floor is None else LexicalIndex(self._lexical_floor, self._order)
        near = None if self._near_floor is None else VectorIndex(self._dimensions, self._near_floor)
        return _Pool(name, {}, lexical, near)


def _digest(normalised_text: str) -> bytes:
    return blake2b(normalised_text.encode("utf-8", "replace"), digest_size=16).digest()
