"""Grams of many texts in lists that a search can read the right part of: by gram, half and size.

One list entry is a gram that can be the first one that its text shares with another: the text's place, 64 or 128 bits
of a sketch of the grams behind it, and its budget of differing bits. A list stands in one piece, ordered by the text's
size, so that a search reads the sizes that can match one after the other, which is far quicker than to look rows up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from synthgen.dedup.grams import Integers, Words, spans
from synthgen.dedup.prefixes import Prefixes, as_debts, as_limits

_SIZE_BITS = 24
_MOST_SIZE = (1 << _SIZE_BITS) - 2
LEAST_MERGED_ROWS, _PARTS_RATIO = 32_768, 4
_BLOCK_ENTRIES, _SCAN_BLOCKS = 32, 4096  # a megabyte of words: more leaves the cache, fewer pay for more calls
_MOST_BITS = 63
_MERGED_ENTRIES = 1 << 16  # at once: half a megabyte of words, likewise
Places = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.uint8]
Pairs = tuple[Integers, Integers]
A = TypeVar("A", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Probes:
    """Parts of lists to read.

    Attributes:
        queries: For whom.
        lists: Which lists, by gram and half.
        least: Sizes from this one on.
        most: Sizes up to this one.
        words: To compare the entries' with, in two columns.
        limits: Most differing bits together with an entry's debt.
    """

    queries: Integers
    lists: Integers
    least: Integers
    most: Integers
    words: tuple[Words, Words]
    limits: Bytes


def some_probes(probes: Probes, wanted: npt.NDArray[np.bool_]) -> Probes:
    """Some of them."""
    return Probes(
        queries=probes.queries[wanted],
        lists=probes.lists[wanted],
        least=probes.least[wanted],
        most=probes.most[wanted],
        words=(probes.words[0][wanted], probes.words[1][wanted]),
        limits=probes.limits[wanted],
    )


def probes_of(found: Prefixes) -> Probes:
    """Where the neighbours of texts stand: of those no larger than the text itself the early halves only. In the order
    of the lists, so that those who read the same one read it one after the other."""
    early = np.flatnonzero(found.reach >= found.least)
    late = np.flatnonzero(found.reach > found.sizes)
    both = np.concatenate([early, late])
    lists = found.grams[both] * 2
    lists[len(early) :] += 1
    least = np.concatenate([found.least[early], found.sizes[late] + 1])
    if found.rows[-1]:  # one text's are few, and in order
        order = np.argsort(_keys(lists, least))
        both, lists, least = both[order], lists[order], least[order]
    return Probes(
        queries=found.rows[both],
        lists=lists,
        least=least,
        most=found.reach[both],
        words=(found.words[0][both], found.words[1][both]),
        limits=as_limits(found.budget[both]),
    )


class _Pieces(NamedTuple):
    """Blocks of entries to read: the first of each piece, how many there are, and for which probe."""

    first: Integers
    counts: Integers
    which: Integers

    def parts(self) -> Iterator[_Pieces]:
        """Some at a time, so that what is computed on the way stays in the cache."""
        before = self.counts.cumsum() - self.counts
        cuts = (np.flatnonzero(np.diff(before // _SCAN_BLOCKS)) + 1).tolist()
        for start, end in zip([0, *cuts], [*cuts, len(self.first)], strict=True):
            if end > start:
                yield _Pieces(*(column[start:end] for column in self))


class Lists:
    """The entries of a growing set of texts: most of them in one piece, the last ones in another.

    Args:
        width: Words of a sketch in an entry.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._parts: list[Postings] = []
        self._rows: list[int] = []

    def __len__(self) -> int:
        return len(self._parts)

    def add(self, lots: Iterable[tuple[Prefixes, Places]]) -> None:
        """Enter prefixes, each lot with the places of its texts. Lots are made one by one, so that what is computed on
        the way stays in the cache, and listed together."""
        entries, rows = [], 0
        for found, places in lots:
            entries.append(_entries_of(found, places, self._width))
            rows += len(places)
        part = Postings.of(entries)
        if self._parts and (len(self._parts) > 1 or self._rows[0] < LEAST_MERGED_ROWS):
            part, rows = self._joined_last(part, rows)
        if self._parts and rows >= max(LEAST_MERGED_ROWS, self._rows[0] // _PARTS_RATIO):
            part, rows = self._joined_last(part, rows)
        self._parts.append(part)
        self._rows.append(rows)

    def _joined_last(self, part: Postings, rows: int) -> tuple[Postings, int]:
        last = self._parts.pop()
        last.absorb(part)
        return last, self._rows.pop() + rows

    def search(self, probes: Probes) -> Iterator[Pairs]:
        """As `Postings.search`."""
        for part in self._parts:
            yield from part.search(probes)


class Postings:
    """Entries in the order of their keys (gram, half, size), read in blocks: what stands in one beside the entries that
    were asked for passes for a candidate at worst. That is cheaper than to cut it off.

    Args:
        keys: One each, ascending.
        words: One column or two.
        debts: One each.
        places: One each.
    """

    def __init__(self, keys: Integers, words: Sequence[Words], debts: Bytes, places: Places) -> None:
        first = np.flatnonzero(np.diff(keys, prepend=keys[0] - 1)) if len(keys) else np.empty(0, dtype=np.int64)
        self._runs, self._starts = keys[first], np.append(first, len(keys))
        self._words = [_in_blocks(column) for column in words]
        self._debts, self._places = _in_blocks(debts), _in_blocks(places)

    def __len__(self) -> int:
        return int(self._starts[-1])

    @classmethod
    def of(cls, lots: Sequence[_Entries]) -> Postings:
        """Sorted, all lots together."""
        keys, debts, places = (
            np.concatenate([getattr(lot, name) for lot in lots]) for name in ("keys", "debts", "places")
        )
        order = _order_of(keys)
        words = [np.concatenate(column)[order] for column in zip(*(lot.words for lot in lots), strict=True)]
        return cls(keys[order], words, debts[order], places[order])

    def absorb(self, other: Postings) -> None:
        """Take in the entries of another, in place."""
        found = self._runs.searchsorted(other._runs)
        is_new = self._runs[np.minimum(found, len(self._runs) - 1)] != other._runs
        lengths = np.diff(other._starts)
        before = self._starts[found + ~is_new]  # of each run of the other: my entries up to the end of the same one
        entries = _Places.behind(np.repeat(before, lengths), len(self))
        for mine, others in zip(self._words, other._words, strict=True):
            entries.merge_blocks(mine, others)
        entries.merge_blocks(self._debts, other._debts)
        entries.merge_blocks(self._places, other._places)
        runs = _Places.behind(found[is_new], len(self._runs))
        counts = runs.merged(np.diff(self._starts), np.zeros(int(is_new.sum()), dtype=np.int64))
        counts[found + is_new.cumsum() - is_new] += lengths
        self._runs = runs.merged(self._runs, other._runs[is_new])
        self._starts = np.append(0, counts.cumsum())

    def search(self, probes: Probes) -> Iterator[Pairs]:
        """Queries and places that can be neighbours, some of them more than once."""
        pieces = self._pieces(probes)
        asked = _as_wide(probes.words, len(self._words))
        for part in pieces.parts() if len(pieces.first) else ():
            yield self._scan(probes, asked, part)

    def _scan(self, probes: Probes, asked: Sequence[Words], part: _Pieces) -> Pairs:
        blocks, which = spans(part.first, part.counts), np.repeat(part.which, part.counts)
        bits = self._debts.take(blocks, axis=0)
        for stored, words in zip(self._words, asked, strict=True):
            unlike = stored.take(blocks, axis=0)
            unlike ^= words[which, None]
            bits += np.bitwise_count(unlike)
        near = np.flatnonzero(bits <= probes.limits[which, None])
        rows, within = np.divmod(near, bits.shape[1])
        return probes.queries[which[rows]], self._places[blocks[rows], within].astype(np.int64)

    def _pieces(self, probes: Probes) -> _Pieces:
        """The blocks that hold each probe's entries, and which probe it is: those that have any."""
        low = self._runs.searchsorted(_keys(probes.lists, probes.least))
        high = self._runs.searchsorted(_keys(probes.lists, probes.most) + 1)
        which = np.flatnonzero(high > low)
        first = self._starts[low[which]] // _BLOCK_ENTRIES
        return _Pieces(first, (self._starts[high[which]] - 1) // _BLOCK_ENTRIES + 1 - first, which)


class _Entries(NamedTuple):
    """What is kept of prefixes, in any order."""

    keys: Integers
    words: Sequence[Words]
    debts: Bytes
    places: Places


def _entries_of(found: Prefixes, places: Places, width: int) -> _Entries:
    keys = _keys(found.grams * 2 + found.is_late, found.sizes)
    return _Entries(keys, _as_wide(found.words, width), as_debts(found.budget), places[found.rows])


def _order_of(keys: Integers) -> Integers:
    """As `argsort`, stable; several times as quick where a key and its place fit one number."""
    bits = len(keys).bit_length()
    apart: Integers = keys - keys.min(initial=0)
    if int(apart.max(initial=0)).bit_length() + bits > _MOST_BITS:
        return np.argsort(keys, kind="stable")
    apart <<= bits
    apart |= np.arange(len(keys))
    apart.sort()
    apart &= (1 << bits) - 1
    return apart


def _keys(lists: Integers, sizes: Integers) -> Integers:
    return (lists << _SIZE_BITS) | np.minimum(sizes, _MOST_SIZE)


def _as_wide(words: tuple[Words, Words], width: int) -> Sequence[Words]:
    return words if width > 1 else [words[0] ^ words[1]]


class _Places(NamedTuple):
    """Where the values of two columns stand in one."""

    is_mine: npt.NDArray[np.bool_]
    others: Integers

    @classmethod
    def behind(cls, before: Integers, count: int) -> _Places:
        """Each value of the other column stands behind so many of the `count` of mine; ascending."""
        others = before + np.arange(len(before))
        is_mine = np.ones(count + len(before), dtype=bool)
        is_mine[others] = False
        return cls(is_mine, others)

    def merged(self, mine: npt.NDArray[A], others: npt.NDArray[A]) -> npt.NDArray[A]:
        both = np.empty(len(self.is_mine), dtype=mine.dtype)
        both[self.is_mine], both[self.others] = mine, others
        return both

    def merge_blocks(self, mine: npt.NDArray[A], others: npt.NDArray[A]) -> None:
        """Put others among mine, both in blocks. From the end on: no value of mine is written over before it has moved,
        and no column is there twice. Nobody else may look at mine."""
        total, added = len(self.is_mine), others.reshape(-1)
        mine.resize(_shape_of(total), refcheck=False)
        both = mine.reshape(-1)
        for start in range((total - 1) // _MERGED_ENTRIES * _MERGED_ENTRIES, -1, -_MERGED_ENTRIES):
            end = min(start + _MERGED_ENTRIES, total)
            first, last = self.others.searchsorted([start, end]).tolist()
            part = np.empty(end - start, dtype=mine.dtype)
            part[self.is_mine[start:end]] = both[start - first : end - last]
            part[self.others[first:last] - start] = added[first:last]
            both[start:end] = part
            if not first:
                break


def _shape_of(count: int) -> tuple[int, int]:
    return -(-count // _BLOCK_ENTRIES), _BLOCK_ENTRIES


def _in_blocks(column: npt.NDArray[A]) -> npt.NDArray[A]:
    """Filled up with zeros, which are a place and the rest of an entry like any other's."""
    blocks = np.zeros(_shape_of(len(column)), dtype=column.dtype)
    blocks.reshape(-1)[: len(column)] = column
    return blocks
