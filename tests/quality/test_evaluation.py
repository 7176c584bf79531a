"""The verdicts: new rows of a rare class help, shuffled labels hurt, copies are no evidence; and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from synthgen.errors import JobError
from synthgen.quality.evaluation import Evaluation, evaluate_rows
from synthgen.quality.sweep_picture import render_sweep
from synthgen.quality.vectors import TextVectors
from synthgen.records import Row
from tests.quality.conftest import MakeRows

CLASSES = ("lost", "broken", "late", "fare")


def split(make_rows: MakeRows, *, rare: int = 5) -> tuple[list[Row], list[Row], list[Row]]:
    """Real rows of which `lost` has few, 80 new rows of it, and test rows."""
    train = [row for c in CLASSES for row in make_rows(c, rare if c == "lost" else 80, 1)]
    return train, make_rows("lost", 80, 2), [row for c in CLASSES for row in make_rows(c, 60, 3)]


def evaluate(train: list[Row], synthetic: list[Row], test: list[Row], **options: object) -> Evaluation:
    return evaluate_rows(train, synthetic, test, vectors=TextVectors("hashing"), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("classifier", ["embeddings", "tfidf"])
def test_new_rows_of_a_rare_class_help(make_rows: MakeRows, classifier: str) -> None:
    """A positive interval, the class named, no other class harmed without saying so."""
    found = evaluate(*split(make_rows), classifier=classifier, ratios=[0.25, 1.0, 500])
    assert found.verdict == "helps"
    assert found.difference.low > 0
    by_label = {c.label: c for c in found.per_class}
    assert by_label["lost"].difference.low > 0
    assert by_label["lost"].synthetic_rows == 80
    assert found.recommended_ratio > 0
    assert [r.ratio for r in found.sweep] == [0.25, 1.0, None]
    assert set(found.controls) == {"class_weights", "oversampling", "eda"}
    assert found.baseline.ece is not None
    assert found.controls["oversampling"].scores.rows == found.augmented.rows


def test_shuffled_labels_hurt(make_rows: MakeRows) -> None:
    """A negative interval, and no ratio is recommended."""
    train, _, test = split(make_rows, rare=80)
    rng = np.random.default_rng(0)
    wrong = [Row(r.id, r.text, str(rng.choice(CLASSES))) for c in CLASSES for r in make_rows(c, 100, 4)]
    found = evaluate(train, wrong, test, ratios=[0.5])
    assert found.verdict == "hurts"
    assert found.difference.high < 0
    assert found.recommended_ratio == 0


@pytest.mark.parametrize("change", [str, str.upper, "  {}!  ".format])
def test_copies_are_no_evidence(make_rows: MakeRows, change: object) -> None:
    """Whether of one class or all, and whatever their case and punctuation; the report says that they are copies."""
    train, _, test = split(make_rows)
    copies = [Row(r.id, change(r.text), r.label) for r in train[:40] * 3]  # type: ignore[operator]
    found = evaluate(train, copies, test, seeds=2)
    assert found.verdict == "no evidence"
    assert (found.difference.value, found.difference.low, found.difference.high) == (0.0, 0.0, 0.0)
    assert found.copies == 120
    assert "say what a real training row" in found.notes[0]


def test_rows_that_a_control_makes_as_well_are_said_to_do_no_more(make_rows: MakeRows) -> None:
    """Copies with a word added re-weigh the class and nothing else: never more than class weights."""
    train, _, test = split(make_rows)
    near = [Row(r.id, r.text + " ok", r.label) for r in train[:5] * 16]
    assert not evaluate(train, near, test, ratios=[1.0]).does_more


def test_evaluation_is_the_same_every_time(make_rows: MakeRows) -> None:
    """Same rows, same seed, same figures."""
    rows = split(make_rows)
    one, two = (evaluate(*rows, seeds=2, ratios=[1.0]).as_json() for _ in range(2))
    assert one == two


def test_own_classifier_is_asked_and_held_to_its_contract(
    make_rows: MakeRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`module:function` in the working folder gives labels; what it raises or returns wrongly is told."""
    (tmp_path / "mine_for_evaluation.py").write_text(
        "from collections import Counter\n"
        "def most(texts, labels, asked, seed):\n    return [Counter(labels).most_common(1)[0][0]] * len(asked)\n"
        "def broken(texts, labels, asked, seed):\n    return ['nonsense'] * len(asked)\n"
        "def failing(texts, labels, asked, seed):\n    raise ValueError('no')\n"
    )
    monkeypatch.chdir(tmp_path)
    rows = split(make_rows)
    found = evaluate(*rows, classifier="mine_for_evaluation:most", seeds=2, ratios=[1.0])
    assert found.verdict == "no evidence"
    assert found.baseline.ece is None
    assert "class_weights" not in found.controls
    with pytest.raises(JobError, match="unknown labels nonsense"):
        evaluate(*rows, classifier="mine_for_evaluation:broken")
    with pytest.raises(JobError, match="ValueError: no"):
        evaluate(*rows, classifier="mine_for_evaluation:failing")
    with pytest.raises(JobError, match="no such classifier"):
        evaluate(*rows, classifier="forest")


def test_classes_missing_here_or_there_are_told(make_rows: MakeRows) -> None:
    """Only synthetic rows of a class, no test rows of another, test rows of one that nothing teaches."""
    train = [*make_rows("broken", 30, 1), *make_rows("late", 30, 1)]
    synthetic = make_rows("lost", 20, 2)
    test = [*make_rows("broken", 20, 3), *make_rows("lost", 20, 3), *make_rows("fare", 5, 3)]
    found = evaluate(train, synthetic, test, seeds=2)
    by_label = {c.label: c for c in found.per_class}
    assert by_label["lost"].baseline_f1 == 0.0 < by_label["lost"].augmented_f1
    assert "too few to judge" in by_label["fare"].note
    assert any("nothing teaches" in note and "fare" in note for note in found.notes)
    assert found.as_json()["per_class"]["late"]["baseline_f1"] is None
    with pytest.raises(JobError, match="only one class"):
        evaluate(test[:20], [], test[:20])


def test_picture_holds_every_ratio_and_control(make_rows: MakeRows) -> None:
    """An SVG that needs nothing else."""
    svg = render_sweep(evaluate(*split(make_rows), seeds=2, ratios=[1.0]))
    assert svg.count("<circle") == 2
    assert all(name in svg for name in ("class weights", "oversampling", "eda", "real rows only"))
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")
