"""NormalisedTexts are found as a dictionary would find them, however they came and whatever their hashes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgen.dedup import exact as module
from synthgen.dedup.exact import NormalisedTexts

FORMS = st.lists(st.lists(st.sampled_from(["", "a", "b", "ab", "ba", "abc", "zz", "é"]), max_size=6), max_size=8)


@given(parts=FORMS, at_once=st.lists(st.booleans(), min_size=8, max_size=8), kinds=st.integers(1, 5))
def test_first_is_the_first_of_its_form(parts: list[list[str]], at_once: list[bool], kinds: int) -> None:
    """One by one or many at once, in any order of the two, where nearly all hashes collide: never another form's row."""
    rows: list[str] = []
    found = NormalisedTexts(rows.__getitem__, hash_of=lambda normalised_text: len(normalised_text) % kinds - 1)
    for part, is_loaded in zip(parts, at_once, strict=False):
        if is_loaded:
            found.load(part, len(rows))
            rows += part
        for normalised_text in [] if is_loaded else part:
            rows.append(normalised_text)
            found.add(normalised_text, len(rows) - 1)
        expected = {normalised_text: rows.index(normalised_text) for normalised_text in rows}
        assert {normalised_text: found.first(normalised_text) for normalised_text in expected} == expected
        assert found.first("never seen") is None


def test_recent_forms_move_to_the_sorted_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was added one by one is found after it was sorted in too, with clashes."""
    monkeypatch.setattr(module, "MIN_RECENT_FORMS", 3)
    rows = [f"form {i}" for i in range(50)]
    found = NormalisedTexts(rows.__getitem__, hash_of=lambda normalised_text: int(normalised_text[5:]) // 2)
    for place, normalised_text in enumerate(rows):
        found.add(normalised_text, place)
    assert [found.first(normalised_text) for normalised_text in rows] == list(range(50))
