"""A pool gives its rows back as they were, whichever way they came."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgen.dedup.ngrams import GramOrder
from synthgen.dedup.pool import Match, Pool, PoolRow, PoolRows, Stages
from synthgen.text import normalise

ROWS = st.lists(st.builds(PoolRow, st.text(max_size=6), st.sampled_from(["a", "b", ""]), st.text(max_size=20)))


def pool() -> Pool:
    return Pool("accepted", Stages(None, None), None, None)


@given(ROWS, ROWS)
def test_rows_come_back_as_they_were(one_by_one: list[PoolRow], at_once: list[PoolRow]) -> None:
    """Any characters, any classes, added alone or together: the same rows, and the first of a form is the one found."""
    found, rows = pool(), [*one_by_one, *at_once]
    for row in one_by_one:
        found.add(row, normalise(row.text), None)
    columns = zip(*at_once, strict=True) if at_once else ((), (), ())
    found.load_texts(PoolRows(*map(list, columns)), [normalise(row.text) for row in at_once])
    assert [found.row(place) for place in range(len(found))] == rows
    normalised = [normalise(row.text) for row in rows]
    assert [found.exact(normalised_text) for normalised_text in normalised] == [
        Match(normalised.index(normalised_text), 1.0) for normalised_text in normalised
    ]


def test_pool_that_compares_ngrams_needs_their_order() -> None:
    """It says so when it is made, not at the first row."""
    with pytest.raises(ValueError, match="order"):
        Pool("accepted", Stages(0.7, None), None, None)


def test_vectors_that_are_too_few_are_noticed() -> None:
    """Rows and vectors may come apart; one that is missing must not shift the others."""
    found = Pool("accepted", Stages(None, 0.9), 4, None)
    found.load_texts(PoolRows(["r1", "r2"], ["a", "a"], ["one", "two"]), ["one", "two"])
    found.load_vectors(np.eye(4, dtype=np.float16)[:1])
    with pytest.raises(ValueError, match="2 rows and vectors of 1"):
        found.settle()


def test_ngrams_that_are_too_few_are_noticed() -> None:
    """The same of character n-grams."""
    found = Pool("accepted", Stages(0.7, None), None, GramOrder([]))
    found.load_texts(PoolRows(["r1", "r2"], ["a", "a"], ["one", "two"]), ["one", "two"])
    found.load_ngrams(found.profiles(["one"]))
    with pytest.raises(ValueError, match="2 rows and character n-grams of 1"):
        found.settle()
