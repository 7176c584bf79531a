"""The quick logistic regression is scikit-learn's, whichever way it takes."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from synthgen.measure import logistic
from synthgen.measure.logistic import LogisticTrainer, balanced_weights, encode_labels


def points(rows: int, classes: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    codes = np.concatenate([np.arange(classes), rng.integers(0, classes, rows - classes)])
    vectors = rng.normal(size=(classes, 16))[codes] + rng.normal(scale=1.2, size=(rows, 16))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), codes


@pytest.mark.parametrize("is_preconditioned", [False, True])
def test_logistic_agrees_with_scikit_learn(is_preconditioned: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all rows, of some, of weighted ones: the same probabilities, with and without the preconditioner."""
    monkeypatch.setattr(logistic, "_MIN_ROWS_TO_PRECONDITION", 1 if is_preconditioned else 10**9)
    vectors, codes = points(600, 6, seed=0)
    trainer = LogisticTrainer(vectors, codes, 6)
    assert (trainer._roots is not None) is is_preconditioned
    some = np.arange(0, 600, 2)
    for places, weights in (
        (np.arange(600), None),
        (some, None),
        (some, balanced_weights(codes[some], 6)),
        (np.concatenate([some, some[:50]]), None),
    ):
        model = LogisticRegression(C=10.0, tol=1e-8, max_iter=5000)
        model.fit(vectors[places].astype(float), codes[places], sample_weight=weights)
        found = trainer.fit(places, weights).probabilities(vectors)
        assert found == pytest.approx(model.predict_proba(vectors.astype(float)), abs=0.02)


def test_logistic_gives_a_class_without_rows_nothing() -> None:
    """Rows of it are read as others, and the others' probabilities still add up to one."""
    vectors, codes = points(200, 4, seed=1)
    places = np.flatnonzero(codes != 2)
    found = LogisticTrainer(vectors, codes, 4).fit(places).probabilities(vectors)
    assert found[:, 2].max() == 0.0
    assert found.sum(axis=1) == pytest.approx(1.0, abs=1e-5)


def test_balanced_weights_by_hand() -> None:
    """Three rows of one class and one of another weigh 2/3 and 2; an absent class plays no part."""
    assert balanced_weights(np.array([0, 0, 0, 2]), 3) == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2])
    assert encode_labels(["b", "a"], ["a", "b"]).tolist() == [1, 0]
