"""Many texts at once have the normal forms that each has alone."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgen.dedup import exact
from synthgen.dedup.exact import normalise_all
from synthgen.text import normalise

ODD = "ab1 .,:-!?'`_\t\n\x1f\x85\u200b\u2019\u2013£éßΣς\u0301½०\ud800\N{GRINNING FACE}\0"
ASCII = "".join(map(chr, range(1, 128)))


@given(texts=st.lists(st.text(alphabet=st.sampled_from(ODD), max_size=8), max_size=40), at_once=st.integers(1, 50))
def test_forms_of_all_are_those_of_each(texts: list[str], at_once: int) -> None:
    """Whatever stands beside a text, and where the texts hold the very character that parts them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact, "_TEXTS_AT_ONCE", at_once)
        assert normalise_all(texts) == [normalise(text) for text in texts]


@given(texts=st.lists(st.text(alphabet=st.sampled_from("ab19 .,:-_!'\t"), max_size=12), max_size=40))
def test_signs_stay_beside_what_they_stay_beside_alone(texts: list[str]) -> None:
    """Between digits, before a letter, at both ends of a text."""
    assert normalise_all(texts) == [normalise(text) for text in texts]


def test_every_sign_beside_every_other() -> None:
    """All of ASCII, three in a row where the one in the middle can be punctuation."""
    marks = string.punctuation + string.whitespace
    texts = [one + mark + other for one in ASCII for mark in marks for other in ASCII]
    assert normalise_all(texts) == [normalise(text) for text in texts]
