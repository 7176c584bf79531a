"""The label check: real rows teach it, held-out real rows measure it, and it admits what it cannot judge."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from synthgen.checks import LabelJudge
from synthgen.checks.label import LabelCheck
from synthgen.records import Reason


def points(*groups: tuple[str, int], scale: float = 0.1) -> tuple[npt.NDArray[np.float32], list[str]]:
    """Rows of each class around its own axis."""
    rng = np.random.default_rng(0)
    labels = [name for name, count in groups for _ in range(count)]
    axes = {name: np.eye(8, dtype=np.float32)[i] for i, (name, _) in enumerate(groups)}
    vectors = np.stack([axes[label] for label in labels]) + rng.normal(scale=scale, size=(len(labels), 8))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32), labels


def check(**settings: object) -> LabelCheck:
    return LabelCheck.model_validate({"check": "label", **settings})


AXES = np.eye(8, dtype=np.float16)


def test_label_judge_reads_the_class_of_a_row() -> None:
    """A row of its own class passes with its probability; one of another is rejected, naming what it reads as."""
    judge = LabelJudge.train(*points(("a", 20), ("b", 10)), seed=0)
    assert judge.held_out_accuracy == 1.0
    rejection, results = judge.judge("", AXES[0], "a")
    assert rejection is None
    assert results["label_probability"] > 0.9
    rejection, _ = judge.judge("", AXES[1], "a")
    assert rejection is not None
    assert rejection.reason is Reason.LABEL
    assert rejection.evidence["predicted"] == "b"
    assert rejection.evidence["asked_probability"] < 0.1 < rejection.evidence["predicted_probability"]
    assert rejection.evidence["held_out_accuracy"] == 1.0
    assert rejection.evidence["wrongly_rejected_ratio"] <= 0.1


def test_label_judge_min_probability_is_asked_of_the_class_itself() -> None:
    """Being the likeliest is not needed where a bound is given, and not enough."""
    data = points(("a", 20), ("b", 20))
    between = (AXES[0] + AXES[1]) / np.float16(2**0.5)
    _, seen = LabelJudge.train(*data, seed=0, config=check(min_probability=0.0)).judge("", between, "a")
    probability = seen["label_probability"]
    at, above = (
        LabelJudge.train(*data, seed=0, config=check(min_probability=p)) for p in (probability, probability + 0.001)
    )
    assert at.judge("", between, "a")[0] is None
    rejection, _ = above.judge("", between, "a")
    assert rejection is not None
    assert rejection.evidence["min_probability"] == probability + 0.001


@pytest.mark.parametrize("label", ["rare", "unseen"])
@pytest.mark.parametrize("when_unsure", ["keep", "reject", "review"])
def test_label_judge_says_where_it_cannot_judge(label: str, when_unsure: str) -> None:
    """Fewer than five real rows teach nothing: such a row says so, and is kept, rejected or marked as the job asks."""
    config = check(min_probability=0.9, when_unsure=when_unsure)
    judge = LabelJudge.train(*points(("a", 20), ("b", 20), ("rare", 4)), seed=0, config=config)
    assert judge.unjudged == {"rare"}
    rejection, results = judge.judge("", AXES[0], label)
    if when_unsure == "reject":
        assert rejection is not None
        assert rejection.evidence["why"] == "unjudged"
    else:
        assert rejection is None
        assert results == {"label": "unjudged", **({"review": True} if when_unsure == "review" else {})}


def test_label_judge_tells_the_unsure_from_the_sure() -> None:
    """A row a little on the other side is not rejected but marked; far on the other side it is rejected."""
    judge = LabelJudge.train(*points(("a", 40), ("b", 40), scale=0.45), seed=0)
    near = np.array([0.62, 0.78, 0, 0, 0, 0, 0, 0], dtype=np.float16)
    rejection, results = judge.judge("", near, "a")
    assert rejection is None
    assert (results["label"], results["label_predicted"], results["review"]) == ("unsure", "b", True)
    assert judge.judge("", AXES[1], "a")[0] is not None
    assert judge.judge("", near, "b")[0] is None


def test_label_judge_measures_itself_on_rows_it_did_not_see() -> None:
    """Labels without any sense are read right by chance only; a class without error has a high threshold."""
    vectors, labels = points(("a", 50), ("b", 50))
    shuffled = [str(label) for label in np.random.default_rng(0).permutation(labels)]
    error = LabelJudge.train(vectors, shuffled, seed=0).error
    assert error.accuracy == pytest.approx(0.5, abs=0.15)
    found = LabelJudge.train(vectors, labels, seed=0).error.classes["a"]
    assert (found.rows, found.accuracy, found.wrongly_rejected_ratio) == (50, 1.0, 0.0)
    assert found.threshold > 0.9


def test_label_judge_probabilities_are_calibrated() -> None:
    """Of rows read with about p, about a share of p is read right: the held-out error is small."""
    rng = np.random.default_rng(5)
    vectors, labels = points(("a", 400), ("b", 400), ("c", 400), scale=0.6)
    judge = LabelJudge.train(vectors[::2], labels[::2], seed=0, config=check(min_probability=0.0))
    said = []
    for vector, label in zip(vectors[1::2], labels[1::2], strict=True):
        guess = str(rng.choice(["a", "b", "c"]))
        said.append((judge.judge("", vector, guess)[1]["label_probability"], guess == label))
    confident = np.array([s for s in said if s[0] > 0.5])
    assert confident[:, 0].mean() == pytest.approx(confident[:, 1].mean(), abs=0.06)


def test_label_judge_of_one_class_judges_nothing() -> None:
    """There is nothing to tell apart, and no accuracy to state."""
    judge = LabelJudge.train(*points(("a", 20)), seed=0, config=check(when_unsure="keep"))
    assert judge.held_out_accuracy is None
    assert judge.judge("", AXES[0], "a") == (None, {"label": "unjudged"})


def test_label_judge_takes_a_model_of_the_users() -> None:
    """It reads texts; thresholds and error come from the real rows, said not to be held out."""

    def model(texts: Sequence[str]) -> npt.NDArray[np.float64]:
        return np.array([[0.9, 0.1] if "x" in text else [0.2, 0.8] for text in texts])

    texts, labels = ["x"] * 6 + ["y"] * 6 + ["z"], ["a"] * 6 + ["b"] * 6 + ["other"]
    judge = LabelJudge.of_model(model, ["a", "b"], texts, labels, config=check())
    assert judge.error.accuracy == 1.0
    assert not judge.error.is_held_out
    assert judge.unjudged == {"other"}
    rejection, _ = judge.judge("y", None, "a")
    assert rejection is not None
    assert rejection.evidence["predicted"] == "b"
    assert judge.judge("x", None, "a") == (None, {"label_probability": 0.9})


def test_label_judge_is_the_same_every_time() -> None:
    """Training and measuring leave nothing to chance."""
    vectors, labels = points(("a", 12), ("b", 9), ("c", 7), scale=0.5)
    one, two = (LabelJudge.train(vectors, labels, seed=3) for _ in range(2))
    assert one.error == two.error
    for vector in vectors.astype(np.float16):
        assert one.judge("", vector, "a") == two.judge("", vector, "a")
