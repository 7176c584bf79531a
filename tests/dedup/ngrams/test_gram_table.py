"""The table says what was entered for a gram, and nothing of any other gram."""

from __future__ import annotations

import itertools

import numpy as np

from synthgen.dedup.ngrams.gram_table import GramTable
from synthgen.dedup.ngrams.grams import GramOrder
from synthgen.text import form_ngrams


def signs_of(text: str) -> np.ndarray:
    return np.array([ord(sign) for sign in text], dtype=np.uint32)


def test_gram_table_gives_back_what_was_entered() -> None:
    """And 0 for grams that were not, of characters that it knows and of others."""
    table = GramTable()
    table.admit(signs_of("abc"))
    cells = table.cells(signs_of("abcab"))
    table.enter(cells, np.array([7, -8, 9]))
    assert table.look(cells).tolist() == [7, -8, 9]
    assert table.look(table.cells(signs_of("cba"))).tolist() == [0]
    assert table.look(table.cells(signs_of("abz"))).tolist() == [0]


def test_gram_table_keeps_nothing_of_a_gram_without_a_cell() -> None:
    """Two grams with a character beyond the first 63 would share one."""
    table = GramTable()
    table.admit(signs_of("".join(chr(0x400 + n) for n in range(63))))
    for text in ("zÐÐ", "ÐzÐ", "ÐÐz", "zzz"):
        table.enter(table.cells(signs_of(text)), np.array([5]))
        assert table.look(table.cells(signs_of(text))).tolist() == [0]


def test_grams_of_more_characters_than_the_table_has_are_numbered_apart() -> None:
    """One number for one gram, in a text of hundreds of characters and in any other."""
    ngrams = "".join(chr(0x4E00 + n) for n in range(200)) + "abcdefgh"
    normalised = [ngrams, ngrams[::-1], ngrams[50:] + ngrams[:50], "abc " + ngrams[:70]]
    order = GramOrder(normalised[:1])
    profiles = order.profiles(normalised)
    sets = [set(profiles.grams[a:b].tolist()) for a, b in itertools.pairwise(profiles.starts.tolist())]
    for one, other in itertools.product(range(len(normalised)), repeat=2):
        assert len(sets[one] & sets[other]) == len(form_ngrams(normalised[one]) & form_ngrams(normalised[other]))
    assert 0 not in set.union(*sets)
