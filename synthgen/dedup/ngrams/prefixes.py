"""Which grams of a text must stand in an index, and where a search has to look: the arithmetic of the prefix filter.

Two sets of m and n grams reach a Jaccard of t only if they share c (m + n) grams, c = t / (1 + t), and so differ in at
most (1 - t) / (1 + t) (m + n) (Bayardo et al. 2007; Xiao et al. 2008). Take the first gram that both hold, in an order
that both keep, at place i of one and j of the other: the i and j grams before it are not shared. Therefore n is at most
(m - i) / c - m, m at most (n - j) / c - n, and behind it the two differ in i + j grams fewer than they may at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from synthgen.dedup.ngrams.column import Column
from synthgen.dedup.ngrams.grams import Integers, Numbers, Profiles, Words, gram_bits, projected_in_two, spans

# A budget of bits in one byte: this much stands for 0. Whatever does not fit counts as enough, never as too little.
ZERO = 128
_MAX_CREDIT, _MIN_BUDGET, _MAX_BUDGET = 63, -64, 127
_FIRST_SIZES = 1024


class SizePlan(NamedTuple):
    """What follows from the number of grams in a text.

    Attributes:
        reach: The size of the largest neighbour whose first shared gram stands at each place; its length is how many
            grams can be the first shared one at all.
        early: How many of these can be it for a neighbour of the same size.
        least: The size of the smallest neighbour.
        apart: In how many grams it may differ from an empty one: what it adds to a pair's budget, rounded down.
    """

    reach: Numbers
    early: int
    least: int
    apart: int


class Plans:
    """Size plans of one threshold, made when they are needed.

    Sizes are decided in whole numbers, for a threshold a trifle lower: 4/5 counts as 0.8, which no float is.
    """

    def __init__(self, threshold: float) -> None:
        exact = Fraction(threshold) * Fraction(10**12 - 1, 10**12)
        self._part, self._whole = exact.numerator, exact.denominator
        self._plans: dict[int, SizePlan] = {}
        self._rows = np.full(_FIRST_SIZES, -1, dtype=np.int32)  # by size, of the columns behind
        self._columns, self._reaches = Column(np.int64, 5), Column(np.int32)

    @property
    def reaches(self) -> Numbers:
        """Of all sizes that were asked for."""
        return self._reaches.values

    def each(self, sizes: Integers) -> tuple[Integers, ...]:
        """As `of`, for many: how many are listed, `early`, `least`, `apart`, and where in `reaches` its own begin."""
        most = int(sizes.max(initial=0))
        if most >= len(self._rows):
            self._rows = np.concatenate([self._rows, np.full(most, -1, dtype=np.int32)])
        rows = self._rows[sizes]
        if (rows < 0).any():
            for size in set(sizes[rows < 0].tolist()):
                self._enter(size)
            rows = self._rows[sizes]
        return tuple(self._columns.values[rows].T)

    def _enter(self, size: int) -> None:
        plan, self._rows[size] = self.of(size), len(self._columns)
        self._columns.extend(np.array([[len(plan.reach), plan.early, plan.least, plan.apart, len(self._reaches)]]))
        self._reaches.extend(plan.reach)

    def of(self, size: int) -> SizePlan:
        found = self._plans.get(size)
        if found is None:
            found = self._plans[size] = self._plan(size)
        return found

    def _plan(self, size: int) -> SizePlan:
        part, both = self._part, self._part + self._whole
        least = -(-part * size // self._whole)
        listed, early = (max(0, size + 1 + (-part * (size + other)) // both) for other in (least, size))
        reach = np.array([(size - i) * both // part - size for i in range(listed)], dtype=np.int64)
        apart = (self._whole - part) * size // both
        return SizePlan(np.minimum(reach, np.iinfo(np.int32).max).astype(np.int32), early, least, apart)


@dataclass(frozen=True, slots=True)
class Prefixes:
    """The grams of texts that can be the first one shared with a neighbour, text after text.

    Attributes:
        rows: Whose it is.
        grams: Its number.
        words: 128 bits of a sketch of the grams behind it, in two columns.
        reach: The size of the largest neighbour that it can be the first shared one with.
        is_late: Whether no neighbour of the same size is among these.
        budget: Bits in which the words of a neighbour may differ, but for what the neighbour adds, and for one.
        sizes: Grams of its text.
        least: The size of its text's smallest neighbour.
    """

    rows: Integers
    grams: Integers
    words: tuple[Words, Words]
    reach: Integers
    is_late: npt.NDArray[np.bool_]
    budget: Integers
    sizes: Integers
    least: Integers


def prefixes(profiles: Profiles, plans: Plans) -> Prefixes:
    """The prefixes of one or more texts."""
    sizes = profiles.sizes
    counts, early, least, apart, reach = plans.each(sizes)
    rows = np.repeat(np.arange(len(sizes)), counts)
    within = spans(np.zeros(len(sizes), dtype=np.int64), counts)
    places = profiles.starts[rows] + within
    grams, wholes, first = profiles.grams[places], projected_in_two(profiles), counts.cumsum() - counts
    words = []
    for own, whole in zip(gram_bits(grams), wholes, strict=True):
        upto = np.bitwise_xor.accumulate(own)
        words.append((whole ^ upto[first] ^ own[first])[rows] ^ upto)  # less what stands up to here
    return Prefixes(
        rows=rows,
        grams=grams.astype(np.int64),
        words=(words[0], words[1]),
        reach=plans.reaches[reach[rows] + within].astype(np.int64),
        is_late=within >= early[rows],
        budget=apart[rows] - within,
        sizes=sizes[rows],
        least=least[rows],
    )


def as_debts(budget: Integers) -> npt.NDArray[np.uint8]:
    """What a stored gram's budget takes from the limit of bits, as one byte."""
    return (ZERO - np.clip(budget, -_MAX_CREDIT, ZERO)).astype(np.uint8)


def as_limits(budget: Integers) -> npt.NDArray[np.uint8]:
    """The limit that differing bits and a stored gram's debt are held against, as one byte."""
    return (ZERO + np.clip(budget + 1, _MIN_BUDGET, _MAX_BUDGET)).astype(np.uint8)
