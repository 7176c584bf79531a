"""Exact search, among a growing set of texts, for the nearest one by Jaccard overlap of character 3-grams.

Prefix filter (Bayardo et al. 2007; Xiao et al. 2008): of two near sets one of the first few grams is shared, in any
order of the grams that both keep (`prefixes`). These stand in lists (`postings`); the texts that came last are scanned
whole. Texts whose sketches differ in too many bits are left out, and of what remains the shared grams are counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from synthgen.dedup.ngrams.column import Column
from synthgen.dedup.ngrams.grams import SKETCH_WORDS, GramOrder, Integers, Profiles, Words, projected, spans
from synthgen.dedup.ngrams.postings import Lists, Pairs, Places, probes_of, some_probes
from synthgen.dedup.ngrams.prefixes import Plans, Prefixes, prefixes

RECENT_ROWS, LISTED_ROWS = 1024, 131_072
# A word of 64 bits says of two short texts that they are unlike; all its bits are even odds where they are longer.
LONG_TEXT_GRAMS = 96
_SCAN_ROWS, _LOT_ROWS = 64, 8192
_CHUNK_GRAMS = 1 << 20
_QUERY_SHIFT, _GRAM_OFFSET = 33, 1 << 31
_ENOUGH_BITS = 64
Bytes = npt.NDArray[np.uint8]


class Overlap(NamedTuple):
    """The place of a text in the order it was added, and its Jaccard overlap."""

    place: int
    jaccard: float


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
        self._plans = Plans(threshold)
        self._rows = _Rows()
        self._last = "", order.profiles([""])
        self._words, self._aparts = Column(np.uint64), Column(np.uint8)  # of the recent texts
        self._short, self._long, self._listed = Lists(1), Lists(2), 0

    def __len__(self) -> int:
        return len(self._rows)

    def profiles(self, normalised: Sequence[str]) -> Profiles:
        """What the other methods take, of texts in normal form."""
        if len(normalised) != 1:
            return self._order.profiles(normalised)
        if self._last[0] != normalised[0]:  # a text that was searched for is often added next
            self._last = normalised[0], self._order.profiles(normalised)
        return self._last[1]

    def add(self, profiles: Profiles) -> None:
        """Append texts."""
        self._keep(profiles)
        if len(self._rows) - self._listed >= RECENT_ROWS:
            self.settle()

    def load(self, profiles: Profiles) -> None:
        """As `add`, for very many: they are listed in larger lots, the last ones by `settle` or the next `add`."""
        self._keep(profiles)
        while len(self._rows) - self._listed >= LISTED_ROWS:
            self._list(LISTED_ROWS)

    def settle(self) -> None:
        """List what was loaded: until then all of it is scanned."""
        while len(self._rows) - self._listed >= RECENT_ROWS:
            self._list(min(len(self._rows) - self._listed, LISTED_ROWS))
        self._short.settle()
        self._long.settle()

    def _keep(self, profiles: Profiles) -> None:
        self._rows.add(profiles)
        self._words.extend(projected(profiles))
        self._aparts.extend(self._apart(profiles))

    def nearest(self, profile: Profiles) -> Overlap | None:
        """The text of the largest overlap at or above the threshold, the earliest of equals; None where none is."""
        return next(iter(self.close(profile)), None)

    def close(self, profile: Profiles) -> Sequence[Overlap]:
        """All texts at or above the threshold, the largest overlap first and the earliest of equals."""
        return self.close_each(profile)[0]

    def close_each(self, profiles: Profiles) -> list[Sequence[Overlap]]:
        """As `close`, for each of a batch; hundreds at once are much cheaper than one."""
        queries, places = self._alike(profiles, *self._recent())
        pairs = [(queries, places + self._listed)]
        if self._listed and len(profiles):
            probes = probes_of(prefixes(profiles, self._plans))
            for lists, wanted in (
                (self._short, probes.least < LONG_TEXT_GRAMS),
                (self._long, probes.most >= LONG_TEXT_GRAMS),
            ):
                if len(lists) and wanted.any():
                    pairs += lists.search(probes if wanted.all() else some_probes(probes, wanted))
        return self._settled(profiles, self._rows, pairs)

    def among(self, profiles: Profiles) -> list[Sequence[Overlap]]:
        """For each of a batch, those before it in the batch at or above the threshold, as `close` orders them."""
        rows = _Rows()
        rows.add(profiles)
        queries, places = self._alike(profiles, projected(profiles), self._apart(profiles), profiles.sizes)
        is_earlier = places < queries
        return self._settled(profiles, rows, [(queries[is_earlier], places[is_earlier])])

    # --- searching ---------------------------------------------------------------------------------------------

    def _alike(self, profiles: Profiles, words: Words, apart: Bytes, sizes: Integers) -> Pairs:
        """Pairs whose sizes and sketches, folded to 64 bits, do not say that they are too far apart: both sides by
        size, so that few of each other's are looked at."""
        limits = self._apart(profiles) + np.uint8(1)  # what rounding down took from both
        asked, own = projected(profiles), profiles.sizes
        by_size, places = np.argsort(own, kind="stable"), np.argsort(sizes, kind="stable")
        words, apart, sizes = words[places], apart[places], sizes[places]
        found = [_NONE]
        for start in range(0, len(own) if len(words) else 0, _SCAN_ROWS):
            part = by_size[start : start + _SCAN_ROWS]
            least, most = self._plans.of(int(own[part[0]])).least, self._plans.of(int(own[part[-1]])).reach[0]
            low, high = sizes.searchsorted([least, most + 1]).tolist()
            bits = np.bitwise_count(asked[part, None] ^ words[low:high])
            if len(near := np.flatnonzero(bits <= limits[part, None] + apart[low:high])):
                queries, rows = np.divmod(near, high - low)
                found.append((part[queries], places[low + rows]))
        return _joined(found)

    def _apart(self, profiles: Profiles) -> Bytes:
        """What each text adds to the number of grams in which it may differ from another."""
        _, _, _, apart, _ = self._plans.each(profiles.sizes)
        return np.minimum(apart, _ENOUGH_BITS).astype(np.uint8)

    def _settled(self, profiles: Profiles, rows: _Rows, pairs: list[Pairs]) -> list[Sequence[Overlap]]:
        """Those of the pairs that are near, by query."""
        found: list[Sequence[Overlap]] = [()] * len(profiles)
        queries, places = _distinct(*_joined(pairs), len(rows))
        sizes = profiles.sizes[queries] + rows.sizes(places)
        counts = np.bitwise_count(profiles.sketches[queries] ^ rows.sketches(places))
        bits = counts[:, 0].astype(np.int64)
        for column in range(1, SKETCH_WORDS):
            bits += counts[:, column]
        is_near = bits <= sizes * ((1 - self._threshold) / (1 + self._threshold)) + 1e-3
        if not is_near.any():
            return found
        queries, places, sizes = queries[is_near], places[is_near], sizes[is_near]
        shared = rows.shared(profiles, queries, places)
        overlaps = shared / (sizes - shared)
        is_close = overlaps >= self._threshold
        queries, places, overlaps = queries[is_close], places[is_close], overlaps[is_close]
        order = np.lexsort((places, -overlaps, queries))
        close = [*map(Overlap, places[order].tolist(), overlaps[order].tolist())]
        ends = np.flatnonzero(np.diff(queries[order], append=-1)) + 1
        start = 0
        for query, end in zip(queries[order[ends - 1]].tolist(), ends.tolist(), strict=True):
            found[query] = close[start:end]
            start = end
        return found

    # --- growing -----------------------------------------------------------------------------------------------

    def _list(self, count: int) -> None:
        """Put some of the recent texts in lists."""
        is_long = self._rows.sizes_from(self._listed)[:count] >= LONG_TEXT_GRAMS
        for lists, is_wanted in ((self._short, ~is_long), (self._long, is_long)):
            if is_wanted.any():
                lists.add(self._lots(is_wanted))
        self._listed += count
        self._words.drop(count)
        self._aparts.drop(count)

    def _lots(self, is_wanted: npt.NDArray[np.bool_]) -> Iterator[tuple[Prefixes, Places]]:
        """Prefixes and places of some of the first recent texts, a few thousand at a time."""
        for start in range(0, len(is_wanted), _LOT_ROWS):
            wanted = np.flatnonzero(is_wanted[start : start + _LOT_ROWS])
            first = self._listed + start
            profiles = self._rows.profiles(first, first + min(_LOT_ROWS, len(is_wanted) - start)).take(wanted)
            yield prefixes(profiles, self._plans), (wanted + first).astype(np.int32)

    def _recent(self) -> tuple[Words, Bytes, Integers]:
        return self._words.values, self._aparts.values, self._rows.sizes_from(self._listed)


class _Rows:
    """Sketches and grams of the stored texts."""

    def __init__(self) -> None:
        self._sketches = Column(np.uint64, SKETCH_WORDS)
        self._ends, self._grams = Column(np.int64), Column(np.int16)  # half as much, while the numbers fit
        self._ends.extend(np.zeros(1, dtype=np.int64))

    def __len__(self) -> int:
        return len(self._sketches)

    def add(self, profiles: Profiles) -> None:
        self._ends.extend(profiles.starts[1:] + len(self._grams))
        if not self._grams.can_hold(profiles.grams):
            self._grams = self._grams.as_type(np.int32)
        self._grams.extend(profiles.grams)
        self._sketches.extend(profiles.sketches)

    def profiles(self, start: int, end: int | None = None) -> Profiles:
        """Those from `start` on."""
        ends = self._ends.values[start : len(self) + 1 if end is None else end + 1]
        grams = self._grams.values[ends[0] : ends[-1]]
        return Profiles(grams.astype(np.int32), ends - ends[0], self._sketches.values[start:end])

    def sizes(self, places: Integers) -> Integers:
        """How many grams the texts at `places` have."""
        ends = self._ends.values
        return np.asarray(ends[places + 1] - ends[places], dtype=np.int64)

    def sizes_from(self, start: int) -> Integers:
        """Of the texts from `start` on."""
        return np.diff(self._ends.values[start:])

    def sketches(self, places: Integers) -> npt.NDArray[np.uint64]:
        return np.asarray(self._sketches.values[places])

    def shared(self, profiles: Profiles, queries: Integers, places: Integers) -> Integers:
        """How many grams each of some pairs has in common."""
        known = (np.repeat(np.arange(len(profiles)), profiles.sizes) << _QUERY_SHIFT) + profiles.grams + _GRAM_OFFSET
        cuts = np.flatnonzero(np.diff(self.sizes(places).cumsum() // _CHUNK_GRAMS)) + 1
        parts = zip(np.split(queries, cuts), np.split(places, cuts), strict=True)
        return np.concatenate([self._count_known(known, *part) for part in parts])

    def _count_known(self, known: Integers, queries: Integers, places: Integers) -> Integers:
        if not len(places):
            return np.empty(0, dtype=np.int64)
        sizes = self.sizes(places)
        grams = self._grams.values[spans(self._ends.values[places], sizes)]
        wanted = (np.repeat(queries, sizes) << _QUERY_SHIFT) + grams + _GRAM_OFFSET
        is_known = known[np.minimum(known.searchsorted(wanted), len(known) - 1)] == wanted
        return np.add.reduceat(is_known, sizes.cumsum() - sizes, dtype=np.int64)


_NONE: Pairs = (np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))


def _joined(pairs: list[Pairs]) -> Pairs:
    queries, places = (np.concatenate(column) for column in zip(*pairs, strict=True))
    return queries, places


def _distinct(queries: Integers, places: Integers, count: int) -> Pairs:
    """Each pair once, by query and place."""
    keys = np.sort(queries * count + places)
    return np.divmod(keys[np.diff(keys, prepend=-1) > 0], max(1, count))
