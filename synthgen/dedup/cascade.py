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

from synthgen.dedup.fold import SCAN_ERROR, as_unit
from synthgen.dedup.grams import GramOrder, Profile
from synthgen.dedup.index import VectorIndex, cosine
from synthgen.dedup.lexical import LexicalIndex

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
    """A batch that was compared by letters with what was there before it.

    Attributes:
        forms: Normal forms.
        profiles: Their grams, or None each.
        found: The nearest rows by the cheap stages, at most one a stage.
        needs_vector: Which rows the cheap stages did not settle.
    """

    forms: Sequence[str]
    profiles: Sequence[Profile | None]
    found: Sequence[list[Found]]
    needs_vector: list[bool]


class _Pool:
    """Rows by form, grams and vector, with the numbers they have outside."""

    def __init__(self, name: str, forms: dict[bytes, int], lexical: LexicalIndex | None, near: VectorIndex | None):
        self.name, self._forms, self._lexical, self._near = name, forms, lexical, near
        self._numbers, self._vector_numbers = array("q"), array("q")

    def add(self, number: int, form: str, profile: Profile | None) -> None:
        self._forms.setdefault(_digest(form), number)
        if self._lexical is not None and profile is not None:
            self._lexical.add(profile)
            self._numbers.append(number)

    def add_vectors(self, numbers: Sequence[int], vectors: Vectors) -> None:
        if self._near is not None and len(numbers):
            self._near.add(vectors)
            self._vector_numbers.extend(numbers)

    def by_text(self, form: str, profile: Profile | None) -> list[Found]:
        number = self._forms.get(_digest(form))
        if number is not None:
            return [Found(1.0, self.name, number, "exact")]
        if self._lexical is None or profile is None:
            return []
        overlap = self._lexical.nearest(profile)
        return [] if overlap is None else [Found(overlap.jaccard, self.name, self._numbers[overlap.place], "lexical")]

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

    def add_against(self, first: int, forms: Sequence[str], vectors: Vectors | None) -> None:
        """Rows that others are compared with and that are not judged themselves.

        Args:
            first: Number of the first of them.
            forms: Their normal forms.
            vectors: One each, or None where embeddings do not count.
        """
        for number, form in enumerate(forms, first):
            self._against.add(number, form, self._profile(form))
        if vectors is not None:
            self._against.add_vectors(range(first, first + len(forms)), vectors)

    def look(self, forms: Sequence[str]) -> Looked:
        """Compare the next batch by its letters with the rows that were there before it."""
        profiles = [self._profile(form) for form in forms]
        found = [
            self._against.by_text(form, profile) + self._kept.by_text(form, profile)
            for form, profile in zip(forms, profiles, strict=True)
        ]
        needs = [self._near_floor is not None and not any(map(self._is_same, row)) for row in found]
        return Looked(forms, profiles, found, needs)

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
        batch = self._pool("kept", has_vectors=False)
        outcomes: list[Outcome] = []
        for place, (form, profile) in enumerate(zip(looked.forms, looked.profiles, strict=True)):
            near = [
                Found(similarity, "kept", numbers[other], "near")
                for other, similarity in among.get(place, ())
                if outcomes[other].duplicate_of is None
            ]
            outcome = self._outcome(found[place] + batch.by_text(form, profile) + near)
            outcomes.append(outcome)
            if outcome.duplicate_of is None:
                batch.add(numbers[place], form, profile)
        self._keep(looked, numbers, vectors, places, outcomes)
        return outcomes

    def _keep(
        self, looked: Looked, numbers: Sequence[int], vectors: Vectors | None, places: list[int],
        outcomes: list[Outcome],
    ) -> None:  # fmt: skip
        for place, outcome in enumerate(outcomes):
            if outcome.duplicate_of is None:
                self._kept.add(numbers[place], looked.forms[place], looked.profiles[place])
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
        pairs: dict[int, list[tuple[int, float]]] = {}
        if self._near_floor is None:
            return pairs
        unit = as_unit(vectors).astype(np.float32)
        for i, j in np.argwhere(np.tril(unit @ unit.T, -1) >= max(self._near_floor - SCAN_ERROR, 1e-6)).tolist():
            similarity = cosine(vectors[i], vectors[j])
            if similarity >= self._near_floor:
                pairs.setdefault(places[i], []).append((places[j], similarity))
        return pairs

    def _profile(self, form: str) -> Profile | None:
        return None if self._lexical_floor is None else self._order.profile(form)

    def _pool(self, name: str, *, has_vectors: bool = True) -> _Pool:
        lexical = None if self._lexical_floor is None else LexicalIndex(self._lexical_floor, self._order)
        has_vectors = has_vectors and self._near_floor is not None
        near = VectorIndex(self._dimensions, self._near_floor) if has_vectors and self._near_floor else None
        return _Pool(name, {}, lexical, near)


def _digest(form: str) -> bytes:
    return blake2b(form.encode("utf-8", "replace"), digest_size=16).digest()
