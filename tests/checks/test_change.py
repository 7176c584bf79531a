"""How far a row is from the row it was made from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from synthgen.checks import build_checks, judge_similarity, measure_row, measuring, needs_vectors
from synthgen.checks.change import LEVELS, Change, ChangeCheck, Unchanged, UnchangedCheck, band_of
from synthgen.records import Reason
from tests.checks.conftest import MakeRow

SOURCE = "Where is my new card? I ordered it last week."


def change(**settings: Any) -> ChangeCheck:
    return ChangeCheck(check="change", **settings)


@pytest.mark.parametrize(
    "text",
    [SOURCE, "where is my new card - i ordered it last week!", "Where is my  new card, I ordered it last week"],
)
def test_unchanged_sees_through_case_and_punctuation(row: MakeRow, text: str) -> None:
    """The source in another spelling is the source again; the evidence shows it."""
    rejection = Unchanged().judge(row(text)._replace(source_text=SOURCE))
    assert rejection is not None
    assert (rejection.reason, rejection.evidence["source"]) == (Reason.UNCHANGED, SOURCE)


def test_unchanged_keeps_what_differs_in_a_word_or_a_number(row: MakeRow) -> None:
    """One word, or one digit, is a change."""
    for text in ("Where is my card? I ordered it last week.", "Where is my new card? I ordered it 1 week back."):
        assert Unchanged().judge(row(text)._replace(source_text=SOURCE)) is None


def test_change_rejects_outside_its_band_with_the_figures(row: MakeRow) -> None:
    """Too near and too far name the figure, the bound that was broken, the level and the source."""
    near = row("Where is my card? I ordered it last week.")._replace(source_text=SOURCE)
    rejection = Change(change(level="high")).judge(near)
    assert rejection is not None
    assert rejection.reason is Reason.CHANGE
    assert rejection.evidence["edit_ratio"] == 0.1
    assert rejection.evidence["min_edit_ratio"] == LEVELS["high"].min_edit_ratio
    assert (rejection.evidence["level"], rejection.evidence["source"]) == ("high", SOURCE)
    assert rejection.evidence["overlap_ratio"] > 0.8
    far = row("It is seven days since I asked for the replacement")._replace(source_text=SOURCE)
    rejection = Change(change(level="low")).judge(far)
    assert rejection is not None
    assert rejection.evidence["edit_ratio"] > rejection.evidence["max_edit_ratio"]


def test_bounds_of_ones_own_replace_the_levels(row: MakeRow) -> None:
    """A bound beside `level` replaces that one bound; bounds are inclusive."""
    band = band_of(change(level="low", max_edit_ratio=0.1))
    assert (band.max_edit_ratio, band.min_similarity) == (0.1, LEVELS["low"].min_similarity)
    at_the_bound = row("Where is my card? I ordered it last week.")._replace(source_text=SOURCE)
    assert Change(change(max_edit_ratio=0.1)).judge(at_the_bound) is None
    assert Change(change(min_edit_ratio=0.1)).judge(at_the_bound) is None
    assert Change(change(max_edit_ratio=0.09)).judge(at_the_bound) is not None


def test_a_row_without_a_source_passes_and_keeps_nothing(row: MakeRow) -> None:
    """What was written anew has nothing to be compared with."""
    checks = build_checks([UnchangedCheck(check="unchanged"), change(level="high")], language=None)
    assert [check.judge(row(SOURCE)) for check in checks] == [None, None]
    assert measure_row(measuring(checks), row(SOURCE)) == {}


def test_a_passed_row_keeps_both_figures(row: MakeRow) -> None:
    """Share of edited words and of shared 3-grams, for the export."""
    checks = build_checks([change(level="low")], language=None)
    kept = measure_row(measuring(checks), row("Where is my card? I ordered it last week.")._replace(source_text=SOURCE))
    assert kept["edit_ratio"] == 0.1
    assert 0.8 < kept["overlap_ratio"] < 1


@pytest.mark.parametrize(("cosine", "bound"), [(0.5, "min_similarity"), (0.99, "max_similarity"), (0.8, None)])
def test_judge_similarity_holds_both_bounds(cosine: float, bound: str | None) -> None:
    """Another meaning, and the same words again, are both outside; the figure is kept either way."""
    vector = np.array([cosine, np.sqrt(1 - cosine**2)], dtype=np.float16)
    source = np.array([1, 0], dtype=np.float16)
    config = change(min_similarity=0.7, max_similarity=0.95)
    rejection, kept = judge_similarity(vector, source, config, source_text=SOURCE)
    assert kept["similarity_to_source"] == pytest.approx(cosine, abs=1e-3)
    assert (rejection is None) == (bound is None)
    if rejection is not None:
        assert bound in rejection.evidence
        assert rejection.evidence["similarity_to_source"] == kept["similarity_to_source"]


def test_needs_vectors_only_where_a_similarity_is_bounded() -> None:
    """A job with bounds on words alone, or with `near: false`, loads no encoder."""
    assert needs_vectors(change(level="low"))
    assert not needs_vectors(change(level="low", near=False))
    assert not needs_vectors(change(max_edit_ratio=0.5))


@pytest.mark.parametrize("settings", [{}, {"min_edit_ratio": 0.6, "max_edit_ratio": 0.5}, {"level": "huge"}])
def test_change_must_say_how_far(settings: dict[str, Any]) -> None:
    """Neither level nor bound, or bounds that nothing can meet, is a mistake of the file."""
    with pytest.raises(ValidationError):
        change(**settings)


def test_levels_leave_no_row_in_two_of_them(row: MakeRow) -> None:
    """A text of ten words with 1 to 10 of them replaced belongs to exactly one level."""
    words = SOURCE.split()
    for replaced in range(1, len(words) + 1):
        text = " ".join([f"new{i}" for i in range(replaced)] + words[replaced:])
        made = row(text)._replace(source_text=SOURCE)
        fits = [level for level in LEVELS if Change(change(level=level)).judge(made) is None]
        assert fits == ["low" if replaced <= 3 else "moderate" if replaced <= 6 else "high"]


def test_the_same_words_in_another_order_are_no_high_change(row: MakeRow) -> None:
    """Halves exchanged: every word moved, every letter kept."""
    made = row("I ordered it last week. Where is my new card?")._replace(source_text=SOURCE)
    rejection = Change(change(level="high")).judge(made)
    assert rejection is not None
    assert rejection.evidence["overlap_ratio"] > rejection.evidence["max_overlap_ratio"]
