"""Texts as sets of small numbers, the rarest grams first: what the lexical index compares.

Owns the numbering. A gram has one number and a number one gram, so equal numbers are equal grams: there is no hash to
collide. The order of the numbers decides how fast a search is and never what it finds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import reduce
from operator import xor
from typing import NamedTuple

from synthgen.text import form_ngrams

SKETCH_BITS = 256
_MIX, _MASK = 0x9E3779B97F4A7C15, (1 << 64) - 1


class Profile(NamedTuple):
    """A text's character 3-grams.

    Attributes:
        grams: Their numbers, ascending, which is the rarest first.
        sketch: One bit for each gram, drawn by its number; grams on the same bit cancel out. Two sets differ in at
            least as many grams as their sketches in bits.
    """

    grams: list[int]
    sketch: int


class GramOrder:
    """Numbers grams. Those of the first texts are ranked by how many of them hold it; one that comes later is taken
    for rarer than all before it.

    Args:
        forms: Texts in normal form to rank by.
    """

    def __init__(self, forms: Iterable[str] = ()) -> None:
        counts: Counter[str] = Counter()
        for form in forms:
            counts.update(form_ngrams(form))
        ranked = sorted(counts, key=lambda gram: (counts[gram], gram))
        self._numbers = {gram: number for number, gram in enumerate(ranked)}
        self._bits = {number: _bit(number) for number in self._numbers.values()}
        self._next = -1

    def __len__(self) -> int:
        return len(self._numbers)

    def profile(self, form: str) -> Profile:
        """The grams of a text in normal form. Numbers those that are new."""
        numbers = self._numbers
        try:
            grams = [numbers[gram] for gram in form_ngrams(form)]
        except KeyError:
            grams = [numbers[gram] if gram in numbers else self._number(gram) for gram in form_ngrams(form)]
        grams.sort()
        return Profile(grams, reduce(xor, map(self._bits.__getitem__, grams)))

    def _number(self, gram: str) -> int:
        number = self._next
        self._next -= 1
        self._numbers[gram], self._bits[number] = number, _bit(number)
        return number


def _bit(number: int) -> int:
    return 1 << (((number * _MIX) & _MASK) >> 56)
