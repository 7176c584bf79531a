"""What was said, from the history of what was done; and how far two people agree."""

from __future__ import annotations

import pytest

from synthgen.journal import StoredVerdict
from synthgen.review.agreement import compare_two
from synthgen.review.verdicts import Verdict, read_opinions, worst

KEEP, WRONG, UNNATURAL, SKIP = Verdict.KEEP, Verdict.WRONG_LABEL, Verdict.UNNATURAL, Verdict.SKIP


def said(*acts: tuple[str, ...]) -> list[StoredVerdict]:
    return [StoredVerdict(who, row, act, rest[0] if rest else None, 0.0) for who, row, act, *rest in acts]


def test_undo_brings_back_what_was_said_before() -> None:
    """Verdicts on a row are a stack: undo takes the last one off, and again, down to none."""
    history = said(("a", "r1", "keep"), ("a", "r1", "harmful"), ("a", "r2", "skip"))
    opinions = read_opinions(history)["a"]
    assert opinions.said == {"r1": Verdict.HARMFUL, "r2": SKIP}
    assert opinions.last == "r2"
    opinions = read_opinions([*history, *said(("a", "r2", "undo"), ("a", "r1", "undo"))])["a"]
    assert opinions.said == {"r1": KEEP}
    assert opinions.last == "r1"
    opinions = read_opinions([*history, *said(("a", "r2", "undo"), ("a", "r1", "undo"), ("a", "r1", "undo"))])["a"]
    assert (opinions.said, opinions.last) == ({}, None)


def test_reviewers_do_not_touch_each_other() -> None:
    """One's undo leaves the other's verdict on the same row."""
    opinions = read_opinions(said(("a", "r1", "keep"), ("b", "r1", "wrong_label"), ("a", "r1", "undo")))
    assert opinions["a"].said == {}
    assert opinions["b"].said == {"r1": WRONG}


def test_notes_stand_beside_verdicts() -> None:
    """A note needs no verdict, outlives an undo, and an empty one takes it away."""
    history = said(("a", "r1", "note", "odd"), ("a", "r1", "keep"), ("a", "r1", "undo"))
    assert read_opinions(history)["a"].notes == {"r1": "odd"}
    assert read_opinions([*history, *said(("a", "r1", "note", ""))])["a"].notes == {}


def test_unknown_words_of_a_later_version_are_passed_over() -> None:
    """A history that holds an act of a later synthgen can still be read."""
    assert read_opinions(said(("a", "r1", "keep"), ("a", "r1", "applaud")))["a"].said == {"r1": KEEP}


def test_a_row_counts_as_an_error_where_anybody_saw_one() -> None:
    """Two reviewers who differ are no reason to call a row fine; skips say nothing."""
    assert worst([KEEP, UNNATURAL]) is UNNATURAL
    assert worst([KEEP, SKIP]) is KEEP
    assert worst([SKIP]) is None


def test_kappa_by_hand() -> None:
    """Cohen's own arithmetic: 20 both keep, 15 both wrong, 5 and 10 apart: agreement .70, chance .50, kappa .40."""
    one, other = {}, {}
    for count, a, b in ((20, KEEP, KEEP), (5, KEEP, WRONG), (10, WRONG, KEEP), (15, WRONG, WRONG)):
        for _ in range(count):
            row = f"r{len(one)}"
            one[row], other[row] = a, b
    found = compare_two("a", one, "b", other)
    assert (found.rows, found.agreed) == (50, 35)
    assert found.kappa == pytest.approx(0.4)


def test_kappa_is_said_to_be_undefined_where_it_is() -> None:
    """Both kept everything: full agreement, and no kappa. Skipped rows are compared by nobody."""
    found = compare_two("a", {"1": KEEP, "2": KEEP, "3": SKIP}, "b", {"1": KEEP, "2": KEEP, "3": KEEP})
    assert (found.rows, found.agreed, found.kappa) == (2, 2, None)
    assert compare_two("a", {"1": KEEP}, "b", {"2": KEEP}).kappa is None
