"""Over-used turns of phrase: found with their counts, and nothing cried where rows are like the real ones."""

from __future__ import annotations

from synthgen.measure.tics import find_tics
from synthgen.measure.words import words

REAL = {"a": [words(f"my {thing} number {i} is late") for i, thing in enumerate(["parcel", "card", "box"] * 20)]}


def test_find_tics_names_what_a_generator_keeps_saying() -> None:
    """An opener in every row and a stock phrase in half of them, with counts; their parts are not told again."""
    made = [
        words(f"Hello there, my {row[1]} is late" + (" and I hope this message finds you well" if i % 2 else ""))
        for i, row in enumerate(REAL["a"])
    ]
    found = {tic.phrase: tic for tic in find_tics(REAL, {"a": made})}
    assert found["hello there my"].rows == 60
    assert found["hello there my"].kind == "opener"
    stock = [tic for tic in found.values() if "hope this message finds you" in tic.phrase]
    assert [tic.rows for tic in stock] == [30]
    assert all(tic.expected_rows < 3 for tic in found.values())


def test_find_tics_finds_nothing_among_rows_like_the_real_ones() -> None:
    """Also not where a class says the same thing over and over in both."""
    assert find_tics(REAL, {"a": REAL["a"][::2]}) == []
    assert find_tics(REAL, {}) == []


def test_find_tics_compares_within_the_class() -> None:
    """What only the real rows of another class say is not excused by them."""
    real = {**REAL, "b": [words(f"hello there {i}") for i in range(60)]}
    made = {"a": [words(f"hello there my card {i}") for i in range(60)]}
    assert "hello there my card" in " ".join(tic.phrase for tic in find_tics(real, made))
