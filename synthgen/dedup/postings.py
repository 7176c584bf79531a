"""Grams of many texts in lists that a search can read the right part of: by gram, half and size.

One list entry is a gram that can be the first one that its text shares with another: the text's place, 64 or 128 bits
of a sketch of the grams behind it, and its budget of differing bits. A list stands in one piece, ordered by the text's
size, so that a search reads the sizes that can match one after the other, which is far quicker than to look rows up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from synthgen.dedup.grams import Integers, Words, spans
from synthgen.dedup.prefixes import Prefixes, as_debts, as_limits

_SIZE_BITS = 24
_MOST_SIZE = (1 << _SIZE_BITS) - 2
LEAST_MERGED_ROWS, _PARTS_RATIO = 32_768, 4
_BLOCK_ENTRIES, _SCAN_BLOCKS = 32, 4096  # a megabyte of words: more leaves the cache, fewer pay for more calls
_MOST_BITS = 63
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
    """The entries of a growing set of texts: most of them in one part, the last ones in another.

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
        self.settle()
        self.load(lots)
        if len(self._parts) > 2 or (len(self._parts) > 1 and self._rows[0] < LEAST_MERGED_ROWS):
            self._merge_last(2)
        if len(self._parts) > 1 and self._rows[1] >= max(LEAST_MERGED_ROWS, self._rows[0] // _PARTS_RATIO):
            self._merge_last(2)

    def load(self, lots: Iterable[tuple[Prefixes, Places]]) -> None:
        """As `add`, for a large part of very many: each stays apart until `settle` or the next `add`."""
        entries, rows = [], 0
        for found, places in lots:
            entries.append(_entries_of(found, places, self._width))
            rows += len(places)
        self._parts.append(Postings.of(entries))
        self._rows.append(rows)

    def settle(self) -> None:
        """Merge what was loaded, all at once: each part's entries are moved once."""
        if len(self._parts) > 2:
            self._merge_last(len(self._parts))

    def _merge_last(self, count: int) -> None:
        self._parts[-count:] = [Postings.merged(self._parts[-count:])]
        self._rows[-count:] = [sum(self._rows[-count:])]

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
    def of(cls, lots: Sequence[_Entries]) -> Postings:
        """Sorted, all lots together."""
        keys = np.concatenate([lot.keys for lot in lots])
        order = _order_of(keys)
        keys = keys[order]
        first = np.flatnonzero(np.diff(keys, prepend=keys[0] - 1))
        columns = []
        for column in zip(*(lot.columns for lot in lots), strict=True):
            columns.append(_empty_blocks(len(keys), column[0].dtype))
            np.concatenate(column).take(order, out=columns[-1].reshape(-1)[: len(keys)], mode="clip")  # no copy before
        return cls(keys[first], np.append(first, len(keys)), columns)

    @classmethod
    def merged(cls, parts: Sequence[Postings]) -> Postings:
        """The entries of all. They are taken out of the parts, so that one column at a time is there twice."""
        runs, lengths = (
            np.concatenate(column)
            for column in zip(*((part._runs, np.diff(part._starts)) for part in parts), strict=True)
        )
        order = np.argsort(runs, kind="stable")
        ends = lengths[order].cumsum()
        begins = np.empty_like(ends)
        begins[order] = ends - lengths[order]
        of_part = np.split(np.arange(len(runs)), np.cumsum([len(part._runs) for part in parts[:-1]]))
        columns = []
        for _ in range(len(parts[0]._columns)):
            column = _empty_blocks(int(ends[-1]), parts[0]._columns[0].dtype)
            for part, own in zip(parts, of_part, strict=True):
                values = part._columns.pop(0).reshape(-1)[: len(part)]
                column.reshape(-1)[spans(begins[own], lengths[own])] = values
            columns.append(column)
        runs = runs[order]
        first = np.flatnonzero(np.diff(runs, prepend=runs[0] - 1))
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


class _Entries(NamedTuple):
    """What is kept of prefixes, in any order: keys; debts, places and words."""

    keys: Integers
    columns: Sequence[npt.NDArray[Any]]


def _entries_of(found: Prefixes, places: Places, width: int) -> _Entries:
    keys = _keys(found.grams * 2 + found.is_late, found.sizes)
    return _Entries(keys, (as_debts(found.budget), places[found.rows], *_as_wide(found.words, width)))


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


def _empty_blocks(count: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Room for a column. What is behind its end in the last block is read like all others: it must be a place."""
    blocks = np.empty((-(-count // _BLOCK_ENTRIES), _BLOCK_ENTRIES), dtype=dtype)
    blocks.reshape(-1)[count:] = 0
    return blocks
