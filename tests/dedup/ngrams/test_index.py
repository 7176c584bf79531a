"""The lexical index finds every text at or above its threshold, and says the overlap that sets of grams have."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.dedup.ngrams import grams, index, postings
from synthgen.dedup.ngrams.grams import GramOrder, Profiles, sketches
from synthgen.dedup.ngrams.index import LexicalIndex
from synthgen.dedup.ngrams.postings import Lists
from synthgen.dedup.ngrams.prefixes import Plans, prefixes
from synthgen.text import char_ngrams, form_ngrams, jaccard, normalise

WORDS = ["card", "late", "the", "£10", "refund", "ü", "不", "where", "is", "my", "a", "transfer", "payment", "!!"]
THRESHOLDS = [0.1, 0.4, 0.7, 0.8, 0.95, 1.0]


def edited(rng: random.Random, text: str) -> str:
    """The text with a few letters taken out, doubled or swapped for others."""
    ngrams = list(text)
    for _ in range(rng.randrange(5)):
        at = rng.randrange(len(ngrams) + 1)
        ngrams[at : at + rng.randrange(2)] = rng.choice(["", "x", "qu", " "])
    return "".join(ngrams)


def texts_of(seed: int, count: int) -> list[str]:
    rng = random.Random(seed)
    texts = [" ".join(rng.choices(WORDS, k=rng.randrange(1, 14))) for _ in range(max(1, count // 3))]
    return [edited(rng, rng.choice(texts)) for _ in range(count)]


def brute_force(kept: list[str], text: str, threshold: float) -> list[tuple[int, float]]:
    overlaps = [(place, jaccard(char_ngrams(text), char_ngrams(other))) for place, other in enumerate(kept)]
    return sorted((o for o in overlaps if o[1] >= threshold), key=lambda o: (-o[1], o[0]))


@given(seed=st.integers(0, 100_000), threshold=st.sampled_from(THRESHOLDS), ranked=st.integers(0, 30))
@settings(deadline=None, max_examples=50)
def test_lexical_index_finds_what_brute_force_finds(seed: int, threshold: float, ranked: int) -> None:
    """All of them, in order, with the very overlap, whatever texts the grams were ranked by."""
    texts = texts_of(seed, 60)
    filled = LexicalIndex(threshold, GramOrder(map(normalise, texts[:ranked])))
    for number, text in enumerate(texts):
        profile = filled.profiles([normalise(text)])
        expected = brute_force(texts[:number], text, threshold)
        assert [tuple(o) for o in filled.close(profile)] == expected
        nearest = filled.nearest(profile)
        assert (tuple(nearest) if nearest else None) == (expected[0] if expected else None)
        filled.add(profile)


@given(
    seed=st.integers(0, 100_000),
    loaded=st.integers(0, 90),
    is_settled=st.booleans(),
    most_bits=st.sampled_from([0, 63]),
)
@settings(deadline=None, max_examples=25)
def test_lexical_index_loaded_texts_are_found_as_added_ones(
    seed: int, loaded: int, is_settled: bool, most_bits: int
) -> None:
    """In larger lots, whose entries are merged into those before them, settled or not, whichever way they are sorted."""
    normalised, order = [normalise(text) for text in texts_of(seed, 120)], GramOrder()
    added, filled = LexicalIndex(0.7, order), LexicalIndex(0.7, order)
    profiles = added.profiles(normalised)
    with pytest.MonkeyPatch.context() as patch:
        for module, name, value in (
            (index, "RECENT_ROWS", 7),
            (index, "LISTED_ROWS", 20),
            (index, "_LOT_ROWS", 6),
            (postings, "_MAX_BITS", most_bits),
        ):
            patch.setattr(module, name, value)
        for start in range(0, loaded, 11):
            filled.load(profiles.take(range(start, min(start + 11, loaded))))
        if is_settled:
            filled.settle()
        for start in range(loaded, 120, 10):
            filled.add(profiles.take(range(start, min(start + 10, 120))))
        added.add(profiles)
        assert filled.close_each(profiles) == added.close_each(profiles)


@given(texts=st.lists(st.text(max_size=12), max_size=12), threshold=st.sampled_from(THRESHOLDS))
@settings(deadline=None)
def test_lexical_index_takes_any_text(texts: list[str], threshold: float) -> None:
    """Empty, of one letter, of signs, of any script, with halves of characters."""
    filled = LexicalIndex(threshold, GramOrder())
    for number, text in enumerate(texts):
        profile = filled.profiles([normalise(text)])
        assert [tuple(o) for o in filled.close(profile)] == brute_force(texts[:number], text, threshold)
        filled.add(profile)


@pytest.mark.parametrize(("shared", "all_of_them", "threshold"), [(4, 5, 0.8), (7, 10, 0.7), (9, 10, 0.9), (3, 5, 0.6)])
def test_lexical_index_counts_a_pair_that_stands_on_the_threshold(
    shared: int, all_of_them: int, threshold: float
) -> None:
    """4 grams of 5 are 0.8 and no less, although no float is 4/5."""
    ngrams = "abcdefghijklmnopqrstuvwxyz0123456789"
    for times in (1, 2, 3):
        one = ngrams[: all_of_them * times]
        other = ngrams[: shared * times]
        grams = [frozenset(one), frozenset(other)]
        assert jaccard(*grams) == shared / all_of_them
        order = GramOrder()
        filled = LexicalIndex(threshold, order)
        profiles = [_profile_of(order, text) for text in (one, other)]
        filled.add(profiles[0])
        found = filled.nearest(profiles[1])
        assert found is not None
        assert found.jaccard == shared / all_of_them


def _profile_of(order: GramOrder, ngrams: str) -> Profiles:
    """As if each letter were a gram."""
    known = order.profiles([letter * 3 for letter in ngrams])
    grams = np.sort(known.grams[known.starts[:-1] + 1])  # the middle one of three: the letter thrice
    sketch = np.bitwise_xor.reduce([sketches(grams[[at]], np.array([0, 1]))[0] for at in range(len(grams))], axis=0)
    return Profiles(grams, np.array([0, len(grams)]), sketch[None, :])


def test_lexical_index_long_texts() -> None:
    """Texts of a hundred thousand characters beside short ones."""
    rng = random.Random(1)
    long = " ".join("".join(rng.choices("abcdefghij", k=6)) for _ in range(14_000))
    filled = LexicalIndex(0.7, GramOrder())
    for text in (long, "short", long[: len(long) // 2] + long[: len(long) // 2].upper()):
        filled.add(filled.profiles([normalise(text)]))
    found = filled.nearest(filled.profiles([normalise(long.replace("a", "k", 40))]))
    assert found is not None
    assert found.place == 0
    assert filled.nearest(filled.profiles(["short"])) == (1, 1.0)


def test_lexical_index_grows_past_its_first_room() -> None:
    """Rows added one by one for ever: none is lost."""
    texts = [normalise(f"row number {number} of {number * 7919 % 1000} words") for number in range(700)]
    filled = LexicalIndex(1.0, GramOrder(texts[:10]))
    for text in texts:
        filled.add(filled.profiles([text]))
    assert len(filled) == 700
    for place in (0, 255, 256, 511, 699):
        assert filled.nearest(filled.profiles([texts[place]])) == (place, 1.0)


def test_lexical_index_knows_more_grams_than_small_numbers_have_room_for() -> None:
    """As scripts of many signs have: the grams of all texts, before and after, are still theirs."""
    rng = random.Random(4)
    texts = ["".join(chr(rng.randrange(0x4E00, 0x9F00)) for _ in range(12)) for _ in range(4000)]
    order = GramOrder()
    filled = LexicalIndex(0.7, order)
    for start in range(0, len(texts), 500):
        filled.add(filled.profiles(texts[start : start + 500]))
    assert len(order) > 1 << 15
    found = filled.close_each(filled.profiles([text[:-1] for text in texts]))
    assert [[overlap.place for overlap in close] for close in found] == [[place] for place in range(len(texts))]
    assert {overlap.jaccard for close in found for overlap in close} == {10 / 13}


def test_lists_stand_in_few_parts() -> None:
    """However many come and are settled one by one; of those that are settled together, one is left."""
    order, plans = GramOrder(), Plans(0.7)
    grown, loaded = Lists(1), Lists(1)
    for place, text in enumerate(texts_of(3, 150)):
        lot = prefixes(order.profiles([normalise(text)]), plans), np.array([place], dtype=np.int32)
        grown.add([lot])
        grown.settle()
        loaded.add([lot])
    assert (len(grown), len(loaded)) == (2, 150)
    loaded.settle()
    assert len(loaded) == 1


@pytest.mark.parametrize("threshold", [0.0, 1.5])
def test_lexical_index_refuses_a_threshold_that_means_nothing(threshold: float) -> None:
    """At 0 everything would be near everything."""
    with pytest.raises(ValueError, match="threshold"):
        LexicalIndex(threshold, GramOrder())


@pytest.fixture
def small_rooms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows go to the lists, and lists are merged, after a few; they are read in small blocks, a few at a time."""
    monkeypatch.setattr(index, "RECENT_ROWS", 8)
    monkeypatch.setattr(index, "LISTED_ROWS", 10)
    monkeypatch.setattr(index, "LONG_TEXT_GRAMS", 30)
    monkeypatch.setattr(index, "_SCAN_ROWS", 4)
    monkeypatch.setattr(postings, "_PARTS_RATIO", 2)
    monkeypatch.setattr(postings, "_BLOCK_ENTRIES", 4)
    monkeypatch.setattr(postings, "_SCAN_BLOCKS", 5)


@pytest.mark.usefixtures("small_rooms")
@pytest.mark.parametrize("threshold", THRESHOLDS)
@pytest.mark.parametrize("seed", range(8))
def test_lexical_index_finds_all_in_lists_as_they_grow(seed: int, threshold: float) -> None:
    """In the lists of the first rows, in those of later ones and among the last: by one and by many at once."""
    texts = texts_of(seed, 150)
    order = GramOrder(map(normalise, texts[:20]))
    filled = LexicalIndex(threshold, order)
    for start in range(0, len(texts), 10):
        batch = texts[start : start + 10]
        profiles = order.profiles([normalise(text) for text in batch])
        expected = [brute_force(texts[:start], text, threshold) for text in batch]
        assert [[tuple(o) for o in found] for found in filled.close_each(profiles)] == expected
        assert [tuple(o) for o in filled.close(profiles.take([3]))] == expected[3]
        among = [brute_force(batch[:place], text, threshold) for place, text in enumerate(batch)]
        assert [[tuple(o) for o in found] for found in filled.among(profiles)] == among
        filled.add(profiles)
    assert filled._listed > 100


@pytest.mark.usefixtures("small_rooms")
@pytest.mark.parametrize("threshold", [0.4, 0.7, 0.95])
def test_lexical_index_finds_long_texts_in_lists(threshold: float) -> None:
    """Texts of hundreds of grams, whose budgets of bits do not fit what is stored of them."""
    rng = random.Random(5)
    words = ["".join(rng.choices("abcdefghijklmnop", k=rng.randrange(2, 9))) for _ in range(900)]
    texts = [" ".join(rng.choices(words, k=rng.choice([3, 40, 400]))) for _ in range(30)]
    texts += [" ".join(w for w in rng.choice(texts).split() if rng.random() > 0.1) or "none" for _ in range(60)]
    filled = LexicalIndex(threshold, GramOrder(map(normalise, texts[:5])))
    for start in range(0, len(texts), 9):
        profiles = filled.profiles([normalise(text) for text in texts[start : start + 9]])
        expected = [brute_force(texts[:start], text, threshold) for text in texts[start : start + 9]]
        assert [[tuple(o) for o in found] for found in filled.close_each(profiles)] == expected
        filled.add(profiles)


@given(texts=st.lists(st.text(max_size=20), min_size=1, max_size=12))
@settings(deadline=None)
def test_profiles_are_the_sets_that_the_text_has(texts: list[str]) -> None:
    """As many grams as `form_ngrams` says, the same ones shared, whatever company a text is counted in."""
    normalised = [normalise(text) for text in texts]
    order = GramOrder(normalised[:3])
    profiles = order.profiles(normalised)
    sets = [set(profiles.grams[a:b].tolist()) for a, b in itertools.pairwise(profiles.starts.tolist())]
    for place, normalised_text in enumerate(normalised):
        alone = order.profiles([normalised_text])
        assert set(alone.grams.tolist()) == sets[place]
        assert np.array_equal(alone.sketches[0], profiles.sketches[place])
        assert len(sets[place]) == len(form_ngrams(normalised_text))
        assert len(sets[place] & sets[0]) == len(form_ngrams(normalised_text) & form_ngrams(normalised[0]))


def test_profiles_of_many_long_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted a part at a time, they are what they are alone."""
    monkeypatch.setattr(grams, "_MAX_CHARACTERS", 30)
    normalised = ["one two three", "", "four", "a text that is longer than all the room there is", "five six", "seven"]
    order = GramOrder(normalised)
    profiles = order.profiles(normalised)
    assert profiles.sizes.tolist() == [len(form_ngrams(normalised_text)) for normalised_text in normalised]
    assert len(order.profiles([])) == 0


@pytest.mark.usefixtures("small_rooms")
@pytest.mark.parametrize("threshold", THRESHOLDS)
@pytest.mark.parametrize("seed", range(3))
def test_lexical_index_looks_at_all_sizes_that_can_be_near(seed: int, threshold: float) -> None:
    """A text and its beginnings: of the smallest and the largest neighbour each has, none is passed over, in the lists,
    among the last texts and within a batch."""
    rng = random.Random(seed)
    whole = "".join(rng.sample("abcdefghijklmnopqrstuvwxyz0123456789£éßñçøåæœþðλ", 46))
    texts = [whole[:size] for size in range(46)] + [whole[size:] for size in range(1, 46)]
    rng.shuffle(texts)
    order = GramOrder([normalise(whole)])
    filled = LexicalIndex(threshold, order)
    for start in range(0, len(texts), 13):
        batch = texts[start : start + 13]
        profiles = order.profiles([normalise(text) for text in batch])
        expected = [brute_force(texts[:start], text, threshold) for text in batch]
        assert [[tuple(o) for o in found] for found in filled.close_each(profiles)] == expected
        among = [brute_force(batch[:place], text, threshold) for place, text in enumerate(batch)]
        assert [[tuple(o) for o in found] for found in filled.among(profiles)] == among
        filled.add(profiles)
