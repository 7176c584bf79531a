"""The exact stage: normal forms of very many texts, and which row was the first of each.

Normal forms are not kept. Each is found by its hash, 64 bits, and then compared with the form of the row that stands
there, so that no collision decides anything. Those that came lately stand in a dictionary, all others in two sorted
columns, 16 bytes a row.

`normalise_all` is `text.normalise`, two thousand texts at a time in one row of characters; those in ASCII, for others
that is no gain. Which characters go, and beside which others they stay, is asked of the pattern that `normalise` has,
so that there is one rule.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from string import ascii_lowercase, ascii_uppercase

import numpy as np
import numpy.typing as npt

from synthgen.text import PUNCTUATION, normalise

MIN_RECENT_FORMS, _SORTED_RATIO = 65_536, 8
_TEXTS_AT_ONCE = 2048
_BETWEEN, _SPACE = 0, ord(" ")
# Folded, what `str.split` parts words at as a space, and what goes without a trace.
_BLANKS, _DROPPED = b"\t\n\v\f\r\x1c\x1d\x1e\x1f", b"'`"
_PROJECTED = bytes.maketrans(_BLANKS + ascii_uppercase.encode(), b" " * len(_BLANKS) + ascii_lowercase.encode())
# What a character is, as bits.
_BLANK, _POINT, _DASH, _DIGIT, _WORD = (np.uint8(1 << bit) for bit in range(5))


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


def normalise_all(texts: Sequence[str]) -> list[str]:
    """The normal form of each."""
    plain = [text for text in texts if text.isascii()]
    normalised: list[str] = []
    for start in range(0, len(plain), _TEXTS_AT_ONCE):
        normalised += _plain_forms(plain[start : start + _TEXTS_AT_ONCE])
    if len(plain) == len(texts):
        return normalised
    left = iter(normalised)
    return [next(left) if text.isascii() else normalise(text) for text in texts]


def _plain_forms(texts: Sequence[str]) -> list[str]:
    """Of texts in ASCII, parted by a character that no rule looks at."""
    between = chr(_BETWEEN)
    block = f"{between}{between.join(texts)}{between}"
    if block.count(between) > len(texts) + 1:  # one holds it itself
        return [*map(normalise, texts)]
    signs = np.frombuffer(block.encode().translate(_PROJECTED, _DROPPED), dtype=np.uint8)
    is_blank = _blanks(_KINDS.take(signs))
    # Of each run of blanks the first stays, as a space, but where a text begins or ends.
    is_kept = ~is_blank
    is_kept[1:] |= (is_kept[:-1] & is_blank[1:]) & (signs[:-1] != _BETWEEN)
    spaced = signs * ~is_blank + is_blank * np.uint8(_SPACE)  # several times as quick as `where`
    left = spaced[is_kept]
    left = left[:-1][(left[:-1] != _SPACE) | (left[1:] != _BETWEEN)]
    normalised = left.tobytes().decode("ascii").split(between)[1:]
    return (
        normalised
        if all(normalised)
        else [normalised_text or normalise(text) for normalised_text, text in zip(normalised, texts, strict=True)]
    )


def _blanks(kinds: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Which characters are a space or become one; the first and the last part texts."""
    before, own, after = kinds[:-2], kinds[1:-1], kinds[2:]
    found = np.zeros(len(kinds), dtype=bool)
    inner = found[1:-1]
    np.not_equal(own & _BLANK, 0, out=inner)
    inner |= ((own & _POINT) != 0) & ((before & after & _DIGIT) == 0)
    inner |= ((own & _DASH) != 0) & ((after & _WORD) == 0)
    return found


def _kind(sign: str) -> int:
    goes_in = {beside: PUNCTUATION.match(f"{beside}{sign}{beside}", 1) is not None for beside in "1a "}
    found = _DIGIT * sign.isdigit() | _WORD * bool(re.match(r"\w", sign))
    if sign == " " or goes_in["1"]:
        return int(found | _BLANK)
    if goes_in["a"]:
        return int(found | _POINT)  # stays between digits
    return int(found | _DASH * goes_in[" "])  # stays before a letter, a digit or "_"


_KINDS = np.array([_kind(chr(code)) for code in range(128)], dtype=np.uint8)
