"""The comparison of synthetic with real rows: real rows pass, others are told, and it is the same every time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from synthgen.encoders.hashing import HashingEncoder
from synthgen.quality.drift import MEANINGS, compare_rows
from synthgen.records import Row

THINGS = ["card", "parcel", "phone", "bag", "umbrella", "key", "coat", "ticket", "laptop", "book", "ring", "pass"]
PLACES = ["bus", "tram", "train", "station", "platform", "stop", "ferry", "lift", "office"]
WAYS = [
    "I lost my {} on the {}",
    "has anyone found a {} near the {} today",
    "left my {} in the {} this morning, please help",
    "the {} I forgot on your {} is red",
]


def rows(count: int, *, seed: int, label: str = "lost", prefix: str = "") -> list[Row]:
    rng = np.random.default_rng(seed)
    texts = [
        prefix + str(rng.choice(WAYS)).format(rng.choice(THINGS), rng.choice(PLACES)) + f" {rng.integers(100)}"
        for _ in range(count)
    ]
    return [Row(f"{label}:{i}", text, label) for i, text in enumerate(texts)]


def vectors(of: list[Row]) -> npt.NDArray[np.float32]:
    return HashingEncoder().encode([row.text for row in of])


@pytest.mark.slow
def test_compare_rows_passes_rows_of_the_same_source() -> None:
    """Nearly no figure of real against real is outside, over ten pairs of samples; a classifier guesses."""
    outside = 0
    for seed in range(10):
        real, made = rows(120, seed=seed), rows(80, seed=seed + 100)
        found = compare_rows(real, made, real_vectors=vectors(real), synthetic_vectors=vectors(made), seed=seed)
        assert set(found.overall.metrics) == set(MEANINGS)
        assert found.overall.metrics["auc"].synthetic == pytest.approx(0.5, abs=0.13)
        outside += len(found.overall.outside)
        assert found.tics == ()
    assert outside <= 4  # of 110


def test_compare_rows_tells_rows_of_another_style() -> None:
    """One greeting before each row: told by length, words and classifier, and the greeting is named."""
    real, made = rows(120, seed=0), rows(120, seed=1, prefix="Dear Sir or Madam, ")
    found = compare_rows(real, made, real_vectors=vectors(real), synthetic_vectors=vectors(made))
    assert {"mean_words", "length_ks", "vocabulary_js", "bigram_js", "auc"} <= set(found.overall.outside)
    assert found.overall.metrics["auc"].synthetic > 0.9
    assert [(phrase.phrase, phrase.rows) for phrase in found.tics] == [("dear sir or madam", 120)]


def test_compare_rows_tells_rows_that_repeat_themselves() -> None:
    """Ten rows written twelve times: every figure of diversity is outside, on the poor side."""
    real, made = rows(120, seed=0), rows(10, seed=1) * 12
    metrics = compare_rows(real, made, real_vectors=vectors(real), synthetic_vectors=vectors(made)).overall.metrics
    for name in ("compression_ratio", "self_repetition", "self_bleu"):
        assert metrics[name].synthetic > metrics[name].high
    for name in ("distinct_1", "distinct_2", "vendi"):
        assert metrics[name].synthetic < metrics[name].low


def test_compare_rows_compares_class_with_class() -> None:
    """Another mix of classes is told as such, not as another style; a class of too few rows says so."""
    real = [*rows(100, seed=0), *rows(20, seed=1, label="found", prefix="Somebody gave us: ")]
    made = [*rows(20, seed=2), *rows(100, seed=3, label="found", prefix="Somebody gave us: "), Row("x", "new", "odd")]
    found = compare_rows(real, made, real_vectors=vectors(real), synthetic_vectors=vectors(made))
    assert found.overall.sample_rows == 20 + 10
    assert "mean_words" not in found.overall.outside
    assert found.label_js > 0.2
    by_label = {drift.label: drift for drift in found.classes}
    assert by_label["odd"].metrics == {}
    assert "needs 10 real and 5 synthetic rows" in by_label["odd"].note
    assert by_label["lost"].sample_rows == 20


def test_compare_rows_is_the_same_every_time_and_does_without_vectors() -> None:
    """Same rows and seed, same report; without vectors only the metrics of embeddings are missing."""
    real, made = rows(40, seed=0), rows(30, seed=1)
    one, two = (compare_rows(real, made, seed=5).as_json() for _ in range(2))
    assert one == two
    assert set(MEANINGS) - set(one["overall"]["metrics"]) == {"auc", "vendi"}
