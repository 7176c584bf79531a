"""The label check: real rows teach it, held-out real rows measure it, and it admits what it cannot judge."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from synthgen.checks import LabelJudge
from synthgen.records import Reason


def points(*groups: tuple[str, int]) -> tuple[npt.NDArray[np.float32], list[str]]:
    """Rows of each class around its own axis."""
    rng = np.random.default_rng(0)
    labels = [name for name, count in groups for _ in range(count)]
    axes = {name: np.eye(8, dtype=np.float32)[i] for i, (name, _) in enumerate(groups)}
    vectors = np.stack([axes[label] for label in labels]) + rng.normal(scale=0.1, size=(len(labels), 8))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32), labels


AXES = np.eye(8, dtype=np.float16)


def test_label_judge_reads_the_class_of_a_row() -> None:
    """A row of its own class passes with its probability; one of another is rejected, naming what it reads as."""
    judge = LabelJudge.train(*points(("a", 20), ("b", 10)), seed=0)
    assert judge.held_out_accuracy == 1.0
    rejection, results = judge.judge(AXES[0], "a", min_probability=None)
    assert rejection is None
    assert results["label_probability"] > 0.9
    rejection, _ = judge.judge(AXES[1], "a", min_probability=None)
    assert rejection is not None
    assert rejection.reason is Reason.LABEL
    assert rejection.evidence["predicted"] == "b"
    assert rejection.evidence["asked_probability"] < 0.1 < rejection.evidence["predicted_probability"]
    assert rejection.evidence["held_out_accuracy"] == 1.0


def test_label_judge_min_probability_is_asked_of_the_class_itself() -> None:
    """Being the likeliest is not needed where a bound is given, and not enough."""
    judge = LabelJudge.train(*points(("a", 20), ("b", 20)), seed=0)
    between = (AXES[0] + AXES[1]) / np.float16(2**0.5)
    _, seen = judge.judge(between, "a", min_probability=0.0)
    probability = seen["label_probability"]
    assert judge.judge(between, "a", min_probability=probability)[0] is None
    rejection, _ = judge.judge(between, "a", min_probability=probability + 0.001)
    assert rejection is not None
    assert rejection.evidence["min_probability"] == probability + 0.001


@pytest.mark.parametrize("label", ["rare", "unseen"])
def test_label_judge_says_where_it_cannot_judge(label: str) -> None:
    """Fewer than five real rows teach nothing: such a class is never rejected, and says so."""
    judge = LabelJudge.train(*points(("a", 20), ("b", 20), ("rare", 4)), seed=0)
    assert judge.unjudged == {"rare"}
    assert judge.judge(AXES[0], label, min_probability=0.9) == (None, {"label": "unjudged"})


def test_label_judge_of_one_class_judges_nothing() -> None:
    """There is nothing to tell apart, and no accuracy to state."""
    judge = LabelJudge.train(*points(("a", 20)), seed=0)
    assert judge.held_out_accuracy is None
    assert judge.judge(AXES[0], "a", min_probability=None) == (None, {"label": "unjudged"})


def test_label_judge_is_the_same_every_time() -> None:
    """Training and measuring leave nothing to chance."""
    vectors, labels = points(("a", 12), ("b", 9), ("c", 7))
    rng = np.random.default_rng(1)
    noisy = vectors + rng.normal(scale=0.4, size=vectors.shape).astype(np.float32)
    one, two = (LabelJudge.train(noisy, labels, seed=3) for _ in range(2))
    assert one.held_out_accuracy == two.held_out_accuracy
    for vector in noisy.astype(np.float16):
        assert one.judge(vector, "a", min_probability=0.5) == two.judge(vector, "a", min_probability=0.5)
