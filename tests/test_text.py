"""The normal form joins what reads the same and keeps apart what does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgen.text import char_ngrams, jaccard, normalise, straighten


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Where is my card?", "where is  my CARD"),
        ("I can’t pay — why?", "I cant pay - why"),
        ("I can´t pay", "I can`t pay"),
        ("“Hello”", "hello!"),
        ("ﬁne", "fine"),
        ("Ｃａｒｄ", "card"),
        ("a.b, c: d", "a b c d"),
        ("soft\u00adhyphen zero\u200bwidth", "softhyphen zerowidth"),
        ("ends 5.", "ends 5"),
        ("好的。", "好的"),
    ],
)
def test_normalise_joins_what_reads_the_same(one: str, other: str) -> None:
    """Case, spacing, punctuation and typography are no difference."""
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I paid £10", "I paid $10"),
        ("3.5 stars", "35 stars"),
        ("it is -5", "it is 5"),
        ("C++", "C#"),
        ("at 10:30", "at 1030"),
        ("great 😀", "great 😡"),
        ("?", "!"),
        ("कब", "कि"),
        ("5% off", "5 off"),
    ],
)
def test_normalise_keeps_apart_what_means_something_else(one: str, other: str) -> None:
    """Signs, marks and emoji carry meaning."""
    assert normalise(one) != normalise(other)


@given(st.text())
def test_normalise_is_its_own_normal_form(text: str) -> None:
    """Normalising twice changes nothing, so n-grams may be taken of either."""
    assert normalise(normalise(text)) == normalise(text)
    assert char_ngrams(normalise(text)) == char_ngrams(text)


@given(st.text())
def test_straighten_keeps_every_place(text: str) -> None:
    """An offset found in the plain text is an offset of the text itself."""
    assert len(straighten(text)) == len(text)


@given(st.text(), st.text())
def test_jaccard_is_a_ratio_and_symmetric(one: str, other: str) -> None:
    """0 to 1, the same in both directions, 1 for a text and itself."""
    a, b = char_ngrams(one), char_ngrams(other)
    assert 0 <= jaccard(a, b) == jaccard(b, a) <= 1
    assert jaccard(a, a) == 1
    assert jaccard(frozenset(), frozenset()) == 1
