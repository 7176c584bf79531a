"""Word edits between two texts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from synthgen.measure.edits import edit_distance, edit_ratio


def by_table(a: list[str], b: list[str]) -> int:
    """The textbook's table, a row at a time."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


WORDS = st.lists(st.sampled_from("abcd"), max_size=90)


@given(WORDS, WORDS)
def test_edit_distance_is_the_textbooks(a: list[str], b: list[str]) -> None:
    """Equal to the quadratic table on any two sequences, empty ones and ones longer than a machine word among them."""
    assert edit_distance(a, b) == edit_distance(b, a) == by_table(a, b)


def test_edit_ratio_counts_words_of_the_longer_text() -> None:
    """Case and punctuation are no edits; a swap of neighbours is two; nothing shared is 1; nothing at all is 0."""
    assert edit_ratio("Where is my card?", "where is my CARD") == 0
    assert edit_ratio("Where is my new card", "Where is my card") == 1 / 5
    assert edit_ratio("is where my card", "where is my card") == 2 / 4
    assert edit_ratio("no", "where is it") == edit_ratio("", "where is it") == 1
    assert edit_ratio("", "") == 0


def test_edit_ratio_of_scripts_without_spaces_goes_by_characters() -> None:
    """One character of four is a quarter, not the whole text."""
    assert edit_ratio("我的卡在", "我的卡呢") == 1 / 4
