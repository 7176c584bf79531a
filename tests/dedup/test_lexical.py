"""The lexical index finds every text at or above its threshold, and says the overlap that sets of grams have."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.dedup.grams import GramOrder
from synthgen.dedup.lexical import LexicalIndex
from synthgen.text import char_ngrams, jaccard, normalise

WORDS = ["card", "late", "the", "£10", "refund", "ü", "不", "where", "is", "my", "a", "transfer", "payment", "!!"]
THRESHOLDS = [0.1, 0.4, 0.7, 0.8, 0.95, 1.0]


def edited(rng: random.Random, text: str) -> str:
    """The text with a few letters taken out, doubled or swapped for others."""
    letters = list(text)
    for _ in range(rng.randrange(5)):
        at = rng.randrange(len(letters) + 1)
        letters[at : at + rng.randrange(2)] = rng.choice(["", "x", "qu", " "])
    return "".join(letters)


def texts_of(seed: int, count: int) -> list[str]:
    rng = random.Random(seed)
    texts = [" ".join(rng.choices(WORDS, k=rng.randrange(1, 14))) for _ in range(max(1, count // 3))]
    return [edited(rng, rng.choice(texts)) for _ in range(count)]


def brute_force(kept: list[str], text: str, threshold: float) -> list[tuple[int, float]]:
    overlaps = [(place, jaccard(char_ngrams(text), char_ngrams(other))) for place, other in enumerate(kept)]
    return sorted((o for o in overlaps if o[1] >= threshold), key=lambda o: (-o[1], o[0]))


@given(seed=st.integers(0, 100_000), threshold=st.sampled_from(THRESHOLDS), ranked=st.integers(0, 30))
@settings(deadline=None, max_examples=150)
def test_lexical_index_finds_what_brute_force_finds(seed: int, threshold: float, ranked: int) -> None:
    """All of them, in order, with the very overlap, whatever texts the grams were ranked by."""
    texts = texts_of(seed, 60)
    filled = LexicalIndex(threshold, GramOrder(map(normalise, texts[:ranked])))
    for number, text in enumerate(texts):
        profile = filled.profile(normalise(text))
        expected = brute_force(texts[:number], text, threshold)
        assert [tuple(o) for o in filled.close(profile)] == expected
        nearest = filled.nearest(profile)
        assert (tuple(nearest) if nearest else None) == (expected[0] if expected else None)
        filled.add(profile)


@given(texts=st.lists(st.text(max_size=12), max_size=12), threshold=st.sampled_from(THRESHOLDS))
@settings(deadline=None)
def test_lexical_index_takes_any_text(texts: list[str], threshold: float) -> None:
    """Empty, of one letter, of signs, of any script, with halves of characters."""
    filled = LexicalIndex(threshold, GramOrder())
    for number, text in enumerate(texts):
        profile = filled.profile(normalise(text))
        assert [tuple(o) for o in filled.close(profile)] == brute_force(texts[:number], text, threshold)
        filled.add(profile)


@pytest.mark.parametrize(("shared", "all_of_them", "threshold"), [(4, 5, 0.8), (7, 10, 0.7), (9, 10, 0.9), (3, 5, 0.6)])
def test_lexical_index_counts_a_pair_that_stands_on_the_threshold(
    shared: int, all_of_them: int, threshold: float
) -> None:
    """4 grams of 5 are 0.8 and no less, although no float is 4/5."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    for times in (1, 2, 3):
        one = letters[: all_of_them * times]
        other = letters[: shared * times]
        grams = [frozenset(one), frozenset(other)]
        assert jaccard(*grams) == shared / all_of_them
        order = GramOrder()
        filled = LexicalIndex(threshold, order)
        profiles = [_profile_of(order, text) for text in (one, other)]
        filled.add(profiles[0])
        found = filled.nearest(profiles[1])
        assert found is not None
        assert found.jaccard == shared / all_of_them


def _profile_of(order: GramOrder, letters: str) -> object:
    """As if each letter were a gram."""
    from functools import reduce
    from operator import xor

    from synthgen.dedup.grams import Profile, _bit

    numbers = sorted(order.profile(letter * 3).grams[1] for letter in letters)
    return Profile(numbers, reduce(xor, map(_bit, numbers)))


def test_lexical_index_long_texts() -> None:
    """Texts of a hundred thousand characters beside short ones."""
    rng = random.Random(1)
    long = " ".join("".join(rng.choices("abcdefghij", k=6)) for _ in range(14_000))
    filled = LexicalIndex(0.7, GramOrder())
    for text in (long, "short", long[: len(long) // 2] + long[: len(long) // 2].upper()):
        filled.add(filled.profile(normalise(text)))
    found = filled.nearest(filled.profile(normalise(long.replace("a", "k", 40))))
    assert found is not None
    assert found.place == 0
    assert filled.nearest(filled.profile("short")) == (1, 1.0)


def test_lexical_index_grows_past_its_first_room() -> None:
    """Rows added one by one for ever: none is lost."""
    texts = [normalise(f"row number {number} of {number * 7919 % 1000} words") for number in range(700)]
    filled = LexicalIndex(1.0, GramOrder(texts[:10]))
    for text in texts:
        filled.add(filled.profile(text))
    assert len(filled) == 700
    for place in (0, 255, 256, 511, 699):
        assert filled.nearest(filled.profile(texts[place])) == (place, 1.0)


@pytest.mark.parametrize("threshold", [0.0, 1.5])
def test_lexical_index_refuses_a_threshold_that_means_nothing(threshold: float) -> None:
    """At 0 everything would be near everything."""
    with pytest.raises(ValueError, match="threshold"):
        LexicalIndex(threshold, GramOrder())
