"""Forms are found as a dictionary would find them, however they came and whatever their hashes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgen.dedup import forms as module
from synthgen.dedup.forms import Forms

FORMS = st.lists(st.lists(st.sampled_from(["", "a", "b", "ab", "ba", "abc", "zz", "é"]), max_size=6), max_size=8)


@given(parts=FORMS, at_once=st.lists(st.booleans(), min_size=8, max_size=8), kinds=st.integers(1, 5))
def test_first_is_the_first_of_its_form(parts: list[list[str]], at_once: list[bool], kinds: int) -> None:
    """One by one or many at once, in any order of the two, where nearly all hashes collide: never another form's row."""
    rows: list[str] = []
    found = Forms(rows.__getitem__, hash_of=lambda form: len(form) % kinds - 1)
    for part, is_loaded in zip(parts, at_once, strict=False):
        if is_loaded:
            found.load(part, len(rows))
            rows += part
        for form in [] if is_loaded else part:
            rows.append(form)
            found.add(form, len(rows) - 1)
        expected = {form: rows.index(form) for form in rows}
        assert {form: found.first(form) for form in expected} == expected
        assert found.first("never seen") is None


def test_recent_forms_move_to_the_sorted_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was added one by one is found after it was sorted in too, with clashes."""
    monkeypatch.setattr(module, "LEAST_RECENT_FORMS", 3)
    rows = [f"form {i}" for i in range(50)]
    found = Forms(rows.__getitem__, hash_of=lambda form: int(form[5:]) // 2)
    for place, form in enumerate(rows):
        found.add(form, place)
    assert [found.first(form) for form in rows] == list(range(50))
