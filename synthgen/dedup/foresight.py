"""What a search by letters will find for each of some texts, if they are judged one after the other.

Hundreds of texts searched for at once cost a fifth each of what one costs. So before a burst of candidates is judged in
its order, all of them are looked for among the rows there are, and among themselves; what is found for one is then the
former, and of the latter those that were accepted in the meantime.
"""

from __future__ import annotations

from collections.abc import Sequence

from synthgen.dedup.grams import Profiles
from synthgen.dedup.pool import Match, Pool


class Foresight:
    """One burst. It holds for as long as nothing but its own texts is accepted, and these in their order.

    Args:
        pool: The accepted rows.
        ids: Candidates in the order in which they will be judged.
        forms: Their normal forms.
    """

    def __init__(self, pool: Pool, ids: Sequence[str], forms: Sequence[str]) -> None:
        self._numbers = {candidate: number for number, candidate in enumerate(ids)}
        profiles = pool.profiles(forms)
        self._profiles = profiles
        self._before = pool.lexical_each(profiles, len(ids))
        self._beside = pool.lexical_among(profiles, len(ids))
        self._places: dict[int, int] = {}
        self._last = -1
        self._finds_all = pool.stages.finds_all

    def matches(self, candidate: str) -> list[Match] | None:
        """What `Pool.lexical_each` would find now; None where this does not know."""
        number = self._numbers.get(candidate)
        if number is None or number <= self._last:
            return None
        places = self._places
        beside = [Match(places[other], similarity) for other, similarity in self._beside[number] if other in places]
        if not beside:
            return self._before[number]
        found = sorted([*self._before[number], *beside], key=lambda match: (-match.similarity, match.place))
        return found if self._finds_all else found[:1]

    def profiles_of(self, candidate: str) -> Profiles | None:
        """The grams of one of its texts."""
        number = self._numbers.get(candidate)
        return None if number is None or self._profiles is None else self._profiles.take([number])

    def note_accepted(self, candidate: str, place: int) -> bool:
        """A row was accepted and stands at `place`; whether this is still of use."""
        number = self._numbers.get(candidate)
        if number is None or number <= self._last:
            return False
        self._places[number] = place
        self._last = number
        return True
