"""Exact search, among a growing set of texts, for the nearest one by Jaccard overlap of character 3-grams.

Prefix filter (Bayardo et al. 2007; Xiao et al. 2008): two sets of m and n grams overlap by a Jaccard of t only if they
share t/(1+t) (m+n) grams; so, in any order of the grams that both keep, one of the first few of each is shared. Those
of the stored rows stand in lists by gram, size and place; a search looks into the lists of its own first few, of the
sizes that could match. Rows whose sketches differ in too many bits are left out, and what remains is counted.
"""

from __future__ import annotations

import math
from array import array
from fractions import Fraction
from itertools import islice
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from synthgen.dedup.grams import SKETCH_BITS, GramOrder, Profile

_WORDS, _FIRST_WORD = SKETCH_BITS // 64, (1 << 64) - 1
_BAND_GROWTH = 1.2
_MOST_BANDS = 256  # keeps a gram, a band and a half in one number
_CHUNK_GRAMS = 1 << 20
Places = npt.NDArray[np.int32]
A = TypeVar("A", bound=np.generic)


class Overlap(NamedTuple):
    """The place of a text in the order it was added, and its Jaccard overlap."""

    place: int
    jaccard: float


class _Probe(NamedTuple):
    """Which lists a search of one size looks into: of the first `prefix` grams, those with these endings."""

    prefix: int
    endings: tuple[int, ...]


class _Sizes(NamedTuple):
    """What follows from the number of grams in a text.

    Attributes:
        probes: Where to look for its neighbours.
        listed: How many of its grams are listed, and how many of these in the first half.
        ending: Of the list that holds the first half; the second half's is one more.
        most_apart: Most grams in which it and a neighbour can differ.
    """

    probes: tuple[_Probe, ...]
    listed: tuple[int, int]
    ending: int
    most_apart: int


class _List(NamedTuple):
    """Rows that have one gram at one place: their places and, beside them, the first words of their sketches. A search
    reads thousands of these one after the other, which is far quicker than to look each up where it stands."""

    places: array[int]
    words: array[int]


class LexicalIndex:
    """A growing set of texts.

    Args:
        threshold: Jaccard overlap from which on neighbours are found, above 0.
        order: Numbers the grams; several indexes may share one, and then their profiles too.
    """

    def __init__(self, threshold: float, order: GramOrder) -> None:
        if not 0 < threshold <= 1:
            raise ValueError(f"threshold must be above 0 and at most 1, not {threshold}")
        self._threshold, self._order = threshold, order
        # Sizes are decided without rounding, for a threshold a trifle lower: 4/5 counts as 0.8, which no float is.
        self._exact = Fraction(threshold) * Fraction(10**12 - 1, 10**12)
        self._lists: dict[int, _List] = {}
        self._rows = _Rows()
        self._sizes: dict[int, _Sizes] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def profile(self, form: str) -> Profile:
        """What `add` and `nearest` take, of a text in normal form."""
        return self._order.profile(form)

    def add(self, profile: Profile) -> None:
        """Append a text."""
        place = self._rows.add(profile)
        sizes = self._of_size(len(profile.grams))
        listed, early = sizes.listed
        lists, word = self._lists, profile.sketch & _FIRST_WORD
        for number, gram in enumerate(islice(profile.grams, listed)):
            key = gram * (2 * _MOST_BANDS) + sizes.ending + (number >= early)
            found = lists.get(key)
            if found is None:
                lists[key] = _List(array("i", (place,)), array("Q", (word,)))
            else:
                found.places.append(place)
                found.words.append(word)

    def nearest(self, profile: Profile) -> Overlap | None:
        """The text of the largest overlap at or above the threshold, the earliest of equals; None where none is."""
        return next(iter(self.close(profile)), None)

    def close(self, profile: Profile) -> list[Overlap]:
        """All texts at or above the threshold, the largest overlap first and the earliest of equals."""
        found = self._listed(profile.grams)
        if not found:
            return []
        size = len(profile.grams)
        words = np.frombuffer(b"".join([one.words for one in found]), dtype=np.uint64)
        bits = np.bitwise_count(words ^ np.uint64(profile.sketch & _FIRST_WORD))
        is_near = bits <= self._of_size(size).most_apart
        places = np.frombuffer(b"".join([one.places for one in found]), dtype=np.int32)[is_near]
        apart_ratio = (1 - self._threshold) / (1 + self._threshold)
        places = self._rows.alike(places, bits[is_near], profile.sketch, size, apart_ratio)
        if not len(places):
            return []
        shared = self._rows.shared(places, profile.grams, len(self._order))
        overlaps = shared / (self._rows.sizes(places) + size - shared)
        is_close = overlaps >= self._threshold
        pairs = zip(places[is_close].tolist(), overlaps[is_close].tolist(), strict=True)
        return [Overlap(place, jaccard) for place, jaccard in sorted(pairs, key=lambda pair: (-pair[1], pair[0]))]

    def _listed(self, grams: list[int]) -> list[_List]:
        get, found = self._lists.get, []
        for prefix, endings in self._of_size(len(grams)).probes:
            for gram in islice(grams, prefix):
                key = gram * (2 * _MOST_BANDS)
                for ending in endings:
                    one = get(key + ending)
                    if one is not None:
                        found.append(one)
        return found

    # --- sizes -------------------------------------------------------------------------------------------------

    def _of_size(self, size: int) -> _Sizes:
        found = self._sizes.get(size)
        if found is None:
            found = self._sizes[size] = self._plan(size)
        return found

    def _plan(self, size: int) -> _Sizes:
        own = _band(size)
        least, most = math.ceil(self._exact * size), math.floor(size / self._exact)
        probes = []
        for band in range(_band(least), _band(most) + 1):
            smallest = max(_smallest(band), least)
            halves = (2 * band, 2 * band + 1) if band > own else (2 * band,)
            probes.append(_Probe(self._prefix(size, smallest), halves))
        early = self._prefix(size, max(_smallest(own), least))
        apart = math.floor((1 - self._exact) / (1 + self._exact) * (size + most))
        return _Sizes(tuple(probes), (self._prefix(size, least), early), 2 * own, apart)

    def _prefix(self, size: int, other: int) -> int:
        """How many of the first grams of a set must hold one that is shared with a set of `other` grams or more."""
        needed = math.ceil(self._exact * (size + other) / (1 + self._exact))
        return max(0, size - needed + 1)


class _Rows:
    """Sketches, sizes and grams of the stored texts."""

    def __init__(self) -> None:
        self._count = 0
        self._sketches = [np.empty(256, dtype=np.uint64) for _ in range(_WORDS - 1)]  # all but the first
        self._sizes = np.empty(256, dtype=np.int32)
        self._starts = np.empty(256, dtype=np.int64)
        self._grams = array("i")
        self._marks = np.zeros(0, dtype=bool)

    def __len__(self) -> int:
        return self._count

    def add(self, profile: Profile) -> int:
        place = self._count
        if place == len(self._sizes):
            self._sketches = [_doubled(words) for words in self._sketches]
            self._sizes, self._starts = _doubled(self._sizes), _doubled(self._starts)
        for words, word in zip(self._sketches, _words(profile.sketch)[1:], strict=True):
            words[place] = word
        self._sizes[place], self._starts[place] = len(profile.grams), len(self._grams)
        self._grams.extend(profile.grams)
        self._count += 1
        return place

    def sizes(self, places: Places) -> npt.NDArray[np.int64]:
        """How many grams the texts at `places` have."""
        return self._sizes[places].astype(np.int64)

    def alike(self, places: Places, bits: npt.NDArray[np.uint8], sketch: int, size: int, apart_ratio: float) -> Places:
        """Those of `places`, once each and ascending, whose sketch does not say that they are too far apart.

        Args:
            places: Some of them more than once.
            bits: In how many bits the first word of each one's sketch differs.
            sketch: To compare with.
            size: Grams of the text it is of.
            apart_ratio: Bits in which one neighbour's can differ, for each gram of the two texts together.
        """
        most = (apart_ratio * (self._sizes.take(places) + size) + 1e-3).astype(np.int32) - bits
        for words, word in zip(self._sketches, _words(sketch)[1:], strict=True):
            is_near = most >= 0
            places, most = places[is_near], most[is_near]
            most -= np.bitwise_count(words.take(places) ^ word)
        places = np.sort(places[most >= 0])
        return places[np.diff(places, prepend=-1) > 0]

    def shared(self, places: Places, grams: list[int], numbered: int) -> npt.NDArray[np.int64]:
        """How many of `grams` each of the texts at `places` has.

        Args:
            places: At least one.
            grams: Their numbers.
            numbered: How many grams there are at all.
        """
        if numbered > len(self._marks):
            self._marks = np.zeros(2 * numbered, dtype=bool)
        self._marks[grams] = True  # a negative number counts from the end
        cuts = np.flatnonzero(np.diff(self.sizes(places).cumsum() // _CHUNK_GRAMS)) + 1
        counts = np.concatenate([self._count_marked(part) for part in np.split(places, cuts)])
        self._marks[grams] = False
        return counts

    def _count_marked(self, places: Places) -> npt.NDArray[np.int64]:
        sizes = self.sizes(places)
        ends = sizes.cumsum()
        within = np.arange(ends[-1]) + np.repeat(self._starts[places] - (ends - sizes), sizes)
        marked = self._marks[np.frombuffer(self._grams, dtype=np.int32)[within]]
        return np.add.reduceat(marked, ends - sizes, dtype=np.int64)


def _doubled(values: npt.NDArray[A]) -> npt.NDArray[A]:
    return np.concatenate([values, np.empty_like(values)])


def _words(sketch: int) -> npt.NDArray[np.uint64]:
    return np.frombuffer(sketch.to_bytes(SKETCH_BITS // 8, "little"), dtype="<u8")


def _band(size: int) -> int:
    """Sizes in one band differ by less than a fifth."""
    return min(_MOST_BANDS - 1, int(math.log(max(1, size)) / math.log(_BAND_GROWTH)))


def _smallest(band: int) -> int:
    """No size in the band is smaller."""
    return max(1, math.floor(_BAND_GROWTH**band))
