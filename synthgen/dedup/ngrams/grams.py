"""Texts as sets of small numbers, the rarest grams first: what the lexical index compares.

Owns the numbering. A gram has one number and a number one gram, so equal numbers are equal grams: there is no hash to
collide. The order of the numbers decides how fast a search is and never what it finds.

Grams are counted as `text.form_ngrams` counts them, for many texts at once: three characters packed in one number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthgen.dedup.ngrams.gram_table import GramTable, Signs

SKETCH_WORDS = 4
_MIX = np.uint64(0x9E3779B97F4A7C15)
# A row for each word of a sketch: what the gram on each of its 256 places sets in it.
_BIT_OF_PLACE = np.kron(np.eye(SKETCH_WORDS, dtype=np.uint64), np.uint64(1) << np.arange(64, dtype=np.uint64))
_CHARACTER_BITS = 21
_EMPTY = "  \U0010ffff"  # an empty text is one gram, two spaces, which no other text in normal form has
_MAX_CHARACTERS = 1 << 17  # at once: 40 bytes each, and more would leave the cache
_SHIFT, _OFFSET = 34, 1 << 33

Words = npt.NDArray[np.uint64]
Integers = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Profiles:
    """The character 3-grams of texts.

    Attributes:
        grams: Their numbers, text after text, ascending within each, which is the rarest first.
        starts: Where each text's begin, and the end of the last: shape (n + 1,).
        sketches: One bit for each gram of a text, drawn by its number; grams on the same bit cancel out. Two sets
            differ in at least as many grams as their sketches in bits. Shape (n, 4).
    """

    grams: Numbers
    starts: Integers
    sketches: Words

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def sizes(self) -> Integers:
        """How many grams each has."""
        return np.diff(self.starts)

    def take(self, places: npt.NDArray[np.integer] | Sequence[int]) -> Profiles:
        """Those of the texts at `places`, in that order."""
        wanted = np.asarray(places, dtype=np.int64)
        sizes = self.sizes[wanted]
        grams = self.grams[spans(self.starts[wanted], sizes)]
        return Profiles(grams, _starts(sizes), self.sketches[wanted])


class GramOrder:
    """Numbers grams, none of them 0. Those of the first texts are ranked by how many of them hold it; one that comes
    later is taken for rarer than all before it.

    Args:
        normalised: Texts in normal form to rank by.
    """

    def __init__(self, normalised: Iterable[str] = ()) -> None:
        counts: Counter[int] = Counter()
        self._table = GramTable()
        for part in _parts(list(normalised)):
            signs, lengths, begins = _signs(part)
            self._table.admit(signs)
            rows = np.repeat(np.arange(len(part)), lengths - 2)
            distinct, first = np.unique(_codes(signs, begins), return_inverse=True)
            held = np.unique(first * len(part) + rows) // len(part)
            counts.update(dict(zip(distinct.tolist(), np.bincount(held).tolist(), strict=True)))
        ranked = sorted(counts, key=lambda code: (counts[code], code))
        self._numbers = {code: number for number, code in enumerate(ranked, 1)}
        self._next = -1

    def __len__(self) -> int:
        return len(self._numbers)

    def profiles(self, normalised: Sequence[str]) -> Profiles:
        """The grams of texts in normal form. Numbers those that are new."""
        parts = [self._profiles(part) for part in _parts(normalised)]
        return joined(parts)

    def _profiles(self, normalised: Sequence[str]) -> Profiles:
        signs, lengths, begins = _signs(normalised)
        keys = np.repeat((np.arange(len(normalised)) << _SHIFT) + _OFFSET, lengths - 2)
        keys += self._numbered(signs, begins)
        keys.sort()
        is_first = np.ones(len(keys), dtype=bool)
        np.not_equal(keys[1:], keys[:-1], out=is_first[1:])
        keys = keys[is_first]
        grams = ((keys & ((1 << _SHIFT) - 1)) - _OFFSET).astype(np.int32)
        starts = _starts(np.bincount(keys >> _SHIFT, minlength=len(normalised)))
        return Profiles(grams, starts, sketches(grams, starts))

    def _numbered(self, signs: Signs, begins: Integers) -> Numbers:
        table = self._table
        table.admit(signs)
        cells = table.cells(signs)[begins]
        numbers = table.look(cells)
        if len(missing := np.flatnonzero(numbers == 0)):
            distinct, which = np.unique(_codes(signs, begins[missing]), return_inverse=True)
            numbers[missing] = np.array([self._number(code) for code in distinct.tolist()], dtype=np.int32)[which]
            table.enter(cells[missing], numbers[missing])
        return numbers

    def _number(self, code: int) -> int:
        number = self._numbers.setdefault(code, self._next)
        if number == self._next:
            self._next -= 1
        return number


def joined(parts: Sequence[Profiles]) -> Profiles:
    """The texts of all parts, one after the other."""
    if len(parts) == 1:
        return parts[0]
    sizes = np.concatenate([np.empty(0, dtype=np.int64), *(part.sizes for part in parts)])
    grams = np.concatenate([np.empty(0, dtype=np.int32), *(part.grams for part in parts)])
    none = np.empty((0, SKETCH_WORDS), dtype=np.uint64)
    return Profiles(grams, _starts(sizes), np.concatenate([none, *(part.sketches for part in parts)]))


def gram_bits(grams: Numbers) -> tuple[Words, Words]:
    """Each gram's bit, in one of two columns: a sketch folded to 128 bits."""
    places = _gram_places(grams)
    first, second = ((_BIT_OF_PLACE[word] | _BIT_OF_PLACE[word + 2]).take(places) for word in range(2))
    return first, second


def projected(profiles: Profiles) -> Words:
    """The sketches in 64 bits."""
    return np.asarray(np.bitwise_xor.reduce(profiles.sketches, axis=1))


def projected_in_two(profiles: Profiles) -> tuple[Words, Words]:
    """The sketches in 128 bits, in two columns."""
    sketched = profiles.sketches
    return sketched[:, 0] ^ sketched[:, 2], sketched[:, 1] ^ sketched[:, 3]


def _gram_places(grams: Numbers) -> Integers:
    """The bit of a sketch that each gram stands on, 0 to 255."""
    return ((grams.astype(np.int64).view(np.uint64) * _MIX) >> np.uint64(56)).view(np.int64)


def spans(starts: Integers, lengths: Integers) -> Integers:
    """Numbers from each start on, as many as each length says, one after the other."""
    ends = lengths.cumsum()
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) + np.repeat(starts - (ends - lengths), lengths)


def sketches(grams: Numbers, starts: Integers) -> Words:
    """The sketches of texts with at least one gram each."""
    places = _gram_places(grams)
    return np.stack([np.bitwise_xor.reduceat(bits.take(places), starts[:-1]) for bits in _BIT_OF_PLACE], axis=1)


def _signs(normalised: Sequence[str]) -> tuple[Signs, Integers, Integers]:
    """The characters of texts one after the other, how many each has, and where grams begin."""
    padded = [f" {normalised_text} " if normalised_text else _EMPTY for normalised_text in normalised]
    lengths = np.fromiter(map(len, padded), dtype=np.int64, count=len(padded))
    signs = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), dtype="<u4")
    is_begin = np.ones(len(signs), dtype=bool)
    ends = lengths.cumsum()
    is_begin[ends - 1] = is_begin[ends - 2] = False
    return signs, lengths, np.flatnonzero(is_begin)


def _codes(signs: Signs, begins: Integers) -> Integers:
    """The grams that begin at some characters, as numbers that are unlike for unlike grams."""
    wide = [signs[begins + place].astype(np.int64) for place in range(3)]
    return (wide[0] << (2 * _CHARACTER_BITS)) | (wide[1] << _CHARACTER_BITS) | wide[2]


def _parts(normalised: Sequence[str]) -> Iterator[Sequence[str]]:
    """Runs of texts of at most about `_MAX_CHARACTERS`, or of one text that is longer."""
    start = room = 0
    for place, normalised_text in enumerate(normalised):
        room += len(normalised_text) + 2
        if room > _MAX_CHARACTERS and place > start:
            yield normalised[start:place]
            start, room = place, len(normalised_text) + 2
    if start < len(normalised):
        yield normalised[start:]


def _starts(sizes: Integers) -> Integers:
    return np.concatenate([np.zeros(1, dtype=np.int64), np.asarray(sizes, dtype=np.int64).cumsum()])
