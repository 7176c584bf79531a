"""Over-used turns of phrase: found with their counts, and nothing cried where rows are like the real ones."""

from __future__ import annotations

from synthgen.measure.overused_phrases import find_overused_phrases
from synthgen.measure.words import words

REAL = {"a": [words(f"my {thing} number {i} is late") for i, thing in enumerate(["parcel", "card", "box"] * 20)]}


def test_find_tics_names_what_a_generator_keeps_saying() -> None:
    """An opener in every row and a stock phrase in half of them, with counts; their parts are not told again."""
    made = [
        words(f"Hello there, my {row[1]} is late" + (" and I hope this message finds you well" if i % 2 else ""))
        for i, row in enumerate(REAL["a"])
    ]
    found = {phrase.phrase: phrase for phrase in find_overused_phrases(REAL, {"a": made})}
    assert found["hello there my"].rows == 60
    assert found["hello there my"].kind == "opener"
    stock = [phrase for phrase in found.values() if "hope this message finds you" in phrase.phrase]
    assert [phrase.rows for phrase in stock] == [30]
    assert all(phrase.expected_rows < 3 for phrase in found.values())


def test_find_tics_finds_nothing_among_rows_like_the_real_ones() -> None:
    """Also not where a class says the same thing over and over in both."""
    assert find_overused_phrases(REAL, {"a": REAL["a"][::2]}) == []
    assert find_overused_phrases(REAL, {}) == []


def test_find_tics_compares_within_the_class() -> None:
    """What only the real rows of another class say is not excused by them."""
    real = {**REAL, "b": [words(f"hello there {i}") for i in range(60)]}
    made = {"a": [words(f"hello there my card {i}") for i in range(60)]}
    assert "hello there my card" in " ".join(phrase.phrase for phrase in find_overused_phrases(real, made))
