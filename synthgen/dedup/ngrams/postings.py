"""Grams of many texts in lists that a search can read the right part of: by gram, half and size.

One list entry is a gram that can be the first one that its text shares with another: the text's place, 64 or 128 bits
of a sketch of the grams behind it, and its budget of differing bits. In each part a list stands in one piece, ordered
by the text's size, so that a search reads the sizes that can match one after the other, which is far quicker than to
look rows up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from synthgen.dedup.ngrams.column import Column, own_zeros
from synthgen.dedup.ngrams.grams import Integers, Words, spans
from synthgen.dedup.ngrams.prefixes import Prefixes, as_debts, as_limits

_SIZE_BITS = 24
_MAX_SIZE = (1 << _SIZE_BITS) - 2
_PARTS_RATIO = 8
_BLOCK_ENTRIES, _SCAN_BLOCKS = 32, 4096  # a megabyte of words: more leaves the cache, fewer pay for more calls
_MAX_BITS = 63
_NUMBERED_AT_ONCE = _RUNS_AT_ONCE = 1 << 13  # so that what is computed on the way stays in the cache
Places = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.uint8]
Pairs = tuple[Integers, Integers]


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
    """The entries of a growing set of texts, in a few parts, each several times as large as the next: so each entry is
    moved a few times only, however many there are.

    Args:
        width: Words of a sketch in an entry.
    """

    def __init__(self, width: int) -> None:
        self._entries = _Entries(width)
        self._parts: list[Postings] = []
        self._rows: list[int] = []

    def __len__(self) -> int:
        return len(self._parts)

    def add(self, lots: Iterable[tuple[Prefixes, Places]]) -> None:
        """Enter prefixes, each lot with the places of its texts, as a part of their own until `settle`. Lots are made
        one by one, so that what is computed on the way stays in the cache, and listed together."""
        rows = 0
        for found, places in lots:
            self._entries.add(found, places)
            rows += len(places)
        self._parts.append(self._entries.sorted_out())
        self._rows.append(rows)

    def settle(self) -> None:
        """Merge the last parts, as many as are not much smaller than the one before them, all at once."""
        self._entries.forget()
        count, rows = 1, sum(self._rows[-1:])
        while count < len(self._parts) and rows * _PARTS_RATIO >= self._rows[-count - 1]:
            count += 1
            rows += self._rows[-count]
        if count > 1:
            self._parts[-count:], self._rows[-count:] = [Postings.merged(self._parts[-count:])], [rows]

    def search(self, probes: Probes) -> Iterator[Pairs]:
        """As `Postings.search`."""
        for part in self._parts:
            yield from part.search(probes)


class Postings:
    """Entries in the order of their keys (gram, half, size), read in blocks: what stands in one beside the entries that
    were asked for passes for a candidate at worst. That is cheaper than to cut it off.

    Args:
        runs: The keys there are, ascending.
        starts: Where each one's entries begin, and the end of the last.
        columns: Debts, places, and one or two of words, in blocks.
    """

    def __init__(self, runs: Integers, starts: Integers, columns: list[npt.NDArray[Any]]) -> None:
        self._runs, self._starts, self._columns = runs, starts, columns

    def __len__(self) -> int:
        return int(self._starts[-1])

    @classmethod
    def merged(cls, parts: Sequence[Postings]) -> Postings:
        """The entries of all. They are taken out of the parts, one after the other, so that not all are there twice."""
        runs, lengths = (
            np.concatenate(column)
            for column in zip(*((part._runs, np.diff(part._starts)) for part in parts), strict=True)
        )
        order = np.argsort(runs, kind="stable")  # merges what is in order already
        runs, ends = runs[order], lengths[order].cumsum()
        begins = np.empty_like(ends)
        begins[order] = ends - lengths[order]
        columns = [_zero_blocks(int(ends[-1]), column.dtype) for column in parts[0]._columns]
        done = 0
        for part in parts:
            for start in range(0, len(part._runs), _RUNS_AT_ONCE):
                end = min(start + _RUNS_AT_ONCE, len(part._runs))
                own = slice(done + start, done + end)
                places = spans(begins[own], lengths[own])
                for column, values in zip(columns, part._columns, strict=True):
                    column.reshape(-1)[places] = values.reshape(-1)[part._starts[start] : part._starts[end]]
            done += len(part._runs)
            part._columns.clear()
        first = _first_of_each(runs)
        return cls(runs[first], np.append(begins[order[first]], ends[-1]), columns)

    def search(self, probes: Probes) -> Iterator[Pairs]:
        """Queries and places that can be neighbours, some of them more than once."""
        pieces = self._pieces(probes)
        asked = _as_wide(probes.words, len(self._columns) - 2)
        for part in pieces.parts() if len(pieces.first) else ():
            yield self._scan(probes, asked, part)

    def _scan(self, probes: Probes, asked: Sequence[Words], part: _Pieces) -> Pairs:
        debts, places, *own = self._columns
        blocks, which = spans(part.first, part.counts), np.repeat(part.which, part.counts)
        bits = debts.take(blocks, axis=0)
        for stored, words in zip(own, asked, strict=True):
            unlike = stored.take(blocks, axis=0)
            unlike ^= words[which, None]
            bits += np.bitwise_count(unlike)
        near = np.flatnonzero(bits <= probes.limits[which, None])
        rows, within = np.divmod(near, bits.shape[1])
        return probes.queries[which[rows]], places[blocks[rows], within].astype(np.int64)

    def _pieces(self, probes: Probes) -> _Pieces:
        """The blocks that hold each probe's entries, and which probe it is: those that have any."""
        low = self._runs.searchsorted(_keys(probes.lists, probes.least))
        high = self._runs.searchsorted(_keys(probes.lists, probes.most) + 1)
        which = np.flatnonzero(high > low)
        first = self._starts[low[which]] // _BLOCK_ENTRIES
        return _Pieces(first, (self._starts[high[which]] - 1) // _BLOCK_ENTRIES + 1 - first, which)


class _Entries:
    """Entries in the order they come, and then in that of their keys. Memory is used again for the next ones: to fetch
    it anew from the system takes longer than to fill it.

    Args:
        width: Words of a sketch in an entry.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self.forget()

    def forget(self) -> None:
        """Give the memory back."""
        words = (Column(np.uint64) for _ in range(self._width))
        self._keys, self._columns = Column(np.int64), [Column(np.uint8), Column(np.int32), *words]

    def add(self, found: Prefixes, places: Places) -> None:
        self._keys.extend(_keys(found.grams * 2 + found.is_late, found.sizes))
        words = _as_wide(found.words, self._width)
        added: list[npt.NDArray[Any]] = [as_debts(found.budget), places[found.rows], *words]
        for column, values in zip(self._columns, added, strict=True):
            column.extend(values)

    def sorted_out(self) -> Postings:
        """All of them; none is left."""
        count, keys = len(self._keys), self._keys.values
        order = _sort(keys)
        first = _first_of_each(keys)
        blocks = []
        for column in self._columns:
            blocks.append(_zero_blocks(count, column.values.dtype))
            column.values.take(order, out=blocks[-1].reshape(-1)[:count], mode="clip")  # the other modes copy
        found = Postings(keys[first], np.append(first, count), blocks)
        for column in (self._keys, *self._columns):
            column.drop(count)
        return found


def _sort(keys: Integers) -> Integers:
    """Sort in place, and tell in which order they were, as a stable `argsort` would; several times as quick where a key
    and its place fit one number."""
    bits, least = len(keys).bit_length(), keys.min()
    if int(keys.max() - least).bit_length() + bits > _MAX_BITS:
        order = np.argsort(keys, kind="stable")
        keys[:] = keys[order]
        return order
    keys -= least
    keys <<= bits
    for start in range(0, len(keys), _NUMBERED_AT_ONCE):
        end = min(start + _NUMBERED_AT_ONCE, len(keys))
        keys[start:end] |= np.arange(start, end)
    keys.sort()
    order = keys & ((1 << bits) - 1)
    keys >>= bits
    keys += least
    return order


def _first_of_each(keys: Integers) -> Integers:
    """Where each one stands first, of at least one in order."""
    return np.append(0, np.flatnonzero(keys[1:] != keys[:-1]) + 1)


def _keys(lists: Integers, sizes: Integers) -> Integers:
    return (lists << _SIZE_BITS) | np.minimum(sizes, _MAX_SIZE)


def _as_wide(words: tuple[Words, Words], width: int) -> Sequence[Words]:
    return words if width > 1 else [words[0] ^ words[1]]


def _zero_blocks(count: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Room for a column. What is behind its end in the last block is read like all others: it must be a place."""
    return own_zeros((-(-count // _BLOCK_ENTRIES), _BLOCK_ENTRIES), dtype)
