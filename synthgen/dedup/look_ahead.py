"""What a search will find for each of some rows, if they are judged one after the other.

Many rows searched for at once cost a fraction each of what one costs: a fifth by character n-grams, a tenth by
vectors. So before a burst of candidates is judged in its order, all of them are looked for among the rows there are,
and among themselves; what is found for one is then the former, and of the latter those that were accepted in the
meantime.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from synthgen.dedup.pool import BatchProfile, Match, Pool, Vector


class _Searched(NamedTuple):
    """What one stage found for each row, by its number.

    Attributes:
        before: Rows of the pool.
        beside: Earlier rows of the burst, by their number.
    """

    before: dict[int, list[Match]]
    beside: dict[int, list[Match]]


class LookAhead:
    """One burst. It holds for as long as nothing but its own rows is accepted, and these in their order.

    Args:
        pool: The accepted rows.
        ids: Candidates in the order in which they will be judged.
        normalised: Their normal forms.
    """

    def __init__(self, pool: Pool, ids: Sequence[str], normalised: Sequence[str]) -> None:
        self._numbers = {candidate: number for number, candidate in enumerate(ids)}
        self._pool, self._normalised = pool, normalised
        self._places: dict[int, int] = {}
        self._last = -1
        self._profiles = pool.profiles(normalised)
        self._lexical = _Searched(
            dict(enumerate(pool.lexical_each(self._profiles, len(ids)))),
            dict(enumerate(pool.lexical_among(self._profiles, len(ids)))),
        )
        self._near = _Searched({}, {})

    def unsettled(self) -> list[int]:
        """The rows that no cheaper stage rejects by what there is now, by number: no others are accepted, so no others
        need vectors. (Where contrasts are kept, character n-grams may let one pass.)"""
        threshold = self._pool.stages.lexical or 0.0
        return [
            number
            for number, matches in self._lexical.before.items()
            if (self._pool.stages.keeps_contrast or not matches or matches[0].similarity < threshold)
            and self._pool.exact(self._normalised[number]) is None
        ]

    def search_vectors(self, vectors: Mapping[int, Vector]) -> None:
        """Search by vector too.

        Args:
            vectors: Those of the rows that are unsettled, by number, ascending.
        """
        if not vectors or not self._pool.compares_vectors:
            return
        numbers, stacked = list(vectors), np.stack(list(vectors.values()))
        before = self._pool.near_each(stacked)
        beside = [[Match(numbers[n], cosine) for n, cosine in found] for found in self._pool.near_among(stacked)]
        self._near = _Searched(dict(zip(numbers, before, strict=True)), dict(zip(numbers, beside, strict=True)))

    def normalised(self, candidate: str) -> str | None:
        """The normal form of one of its rows."""
        number = self._numbers.get(candidate)
        return None if number is None else self._normalised[number]

    def lexical(self, candidate: str) -> list[Match] | None:
        """What `Pool.lexical_each` would find now; None where this does not know."""
        return self._matches(self._lexical, candidate)

    def near(self, candidate: str) -> list[Match] | None:
        """What `Pool.near` would find now; None where this does not know."""
        return self._matches(self._near, candidate)

    def _matches(self, searched: _Searched, candidate: str) -> list[Match] | None:
        number = self._numbers.get(candidate)
        if number is None or number <= self._last or number not in searched.before:
            return None
        places, before = self._places, searched.before[number]
        beside = [Match(places[other], like) for other, like in searched.beside[number] if other in places]
        if not beside:
            return before
        found = sorted([*before, *beside], key=lambda match: (-match.similarity, match.place))
        return found if self._pool.stages.keeps_contrast else found[:1]

    def profile_of(self, candidate: str) -> BatchProfile | None:
        """The grams of one of its rows."""
        number = self._numbers.get(candidate)
        return None if number is None or self._profiles is None else BatchProfile(self._profiles, number)

    def note_accepted(self, candidate: str, place: int) -> bool:
        """A row was accepted and stands at `place`; whether this is still of use."""
        number = self._numbers.get(candidate)
        if number is None or number <= self._last:
            return False
        self._places[number] = place
        self._last = number
        return True
