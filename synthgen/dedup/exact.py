"""Which row was the first of each normal form: what the exact stage asks.

NormalisedTexts are not kept. Each is found by its hash, 64 bits, and then compared with the form of the row that
stands there, so that no collision decides anything. Those that came lately stand in a dictionary, all others in two
sorted columns, 16 bytes a row.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence

import numpy as np

MIN_RECENT_FORMS, _SORTED_RATIO = 65_536, 8


class NormalisedTexts:
    """A growing set of normal forms.

    Args:
        form_of: The form of the row at a place.
        hash_of: Of a form, 64 bits.
    """

    def __init__(self, form_of: Callable[[int], str], hash_of: Callable[[str], int] = hash) -> None:
        self._form_of, self._hash_of = form_of, hash_of
        # views: a number is read from one as quickly as from a list
        self._hashes = self._places = np.empty(0, dtype=np.int64).data
        self._loaded: list[tuple[int, array[int]]] = []
        self._recent: dict[int, int] = {}
        self._clashes: dict[str, int] = {}

    def add(self, normalised_text: str, place: int) -> None:
        """One more, the form of the row at `place`."""
        before = self._recent.setdefault(self._hash_of(normalised_text), place)
        if before != place and self._form_of(before) != normalised_text:
            self._clashes.setdefault(normalised_text, place)
        if len(self._recent) > MIN_RECENT_FORMS + len(self._hashes) // _SORTED_RATIO:
            self._sort_in()

    def load(self, normalised: Sequence[str], first: int) -> None:
        """As `add`, of many, the first of which stands at `first`: much quicker. They are sorted by the next search."""
        self._loaded.append((first, array("q", map(self._hash_of, normalised))))

    def first(self, normalised_text: str) -> int | None:
        """The place of the first row of this form."""
        self.settle()
        return min(self._places_of(normalised_text), default=None)

    def settle(self) -> None:
        """Sort what was loaded, rather than at the next search."""
        if self._loaded:
            self._sort_in()

    def _sort_in(self) -> None:
        hashes, places = [np.asarray(self._hashes)], [np.asarray(self._places)]
        hashes.append(np.fromiter(self._recent.keys(), dtype=np.int64, count=len(self._recent)))
        places.append(np.fromiter(self._recent.values(), dtype=np.int64, count=len(self._recent)))
        for start, loaded in self._loaded:
            hashes.append(np.asarray(loaded))
            places.append(np.arange(start, start + len(loaded)))
        every = np.concatenate(hashes)
        order = np.argsort(every)
        self._hashes, self._places = every[order].data, np.concatenate(places)[order].data
        self._recent, self._loaded = {}, []

    def _places_of(self, normalised_text: str) -> Iterator[int]:
        found = self._hash_of(normalised_text)
        at = bisect_left(self._hashes, found)
        while at < len(self._hashes) and self._hashes[at] == found:
            if self._form_of(self._places[at]) == normalised_text:
                yield self._places[at]
            at += 1
        if (place := self._recent.get(found)) is not None and self._form_of(place) == normalised_text:
            yield place
        if self._clashes and (place := self._clashes.get(normalised_text)) is not None:
            yield place
