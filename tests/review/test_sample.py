"""Which rows are looked at."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from synthgen.journal import AcceptedMark
from synthgen.review.sample import draw_sample


def marks(sizes: dict[str, int], *, probability: bool = False) -> list[AcceptedMark]:
    found = []
    for label, size in sizes.items():
        for i in range(size):
            results = {"label_probability": (i + 1) / (size + 1)} if probability else {}
            found.append(AcceptedMark(f"r1:{label}{i}", label, len(found), 0, results))
    return found


def ids(sample_rows: object) -> list[str]:
    return [row.mark.row_id for row in sample_rows]  # type: ignore[attr-defined]


def test_sample_spreads_over_the_classes_by_their_sizes() -> None:
    """Classes of 700, 200 and 100 rows give 70, 20 and 10 of a hundred, give or take the one row that rounding moves."""
    sample = draw_sample(marks({"a": 700, "b": 200, "c": 100}), size=100, extra=0, seed=1)
    counts = Counter(row.mark.label for row in sample.rows)
    assert len(sample.rows) == 100
    assert all(abs(counts[label] - wanted) <= 1 for label, wanted in {"a": 70, "b": 20, "c": 10}.items())


def test_sample_is_the_same_for_everybody_and_grows_at_its_end() -> None:
    """The order in which rows come in does not matter, and a sample of 200 begins with the sample of 100."""
    rows = marks({"a": 300, "b": 80})
    hundred = draw_sample(rows, size=100, extra=0, seed=1)
    mixed = random.Random(0).sample(rows, len(rows))
    assert ids(draw_sample(mixed, size=100, extra=0, seed=1).rows) == ids(hundred.rows)
    assert ids(draw_sample(rows, size=200, extra=0, seed=1).rows)[:100] == ids(hundred.rows)
    assert ids(draw_sample(rows, size=100, extra=0, seed=2).rows) != ids(hundred.rows)


def test_every_row_has_the_same_chance() -> None:
    """Over 2,000 seeds a row of a class of three is drawn as often as one of a class of ninety: 20 of 93."""
    rows = marks({"big": 90, "tiny": 3})
    drawn: Counter[str] = Counter()
    for seed in range(2000):
        drawn.update(Counter(row.mark.label for row in draw_sample(rows, size=20, extra=0, seed=seed).rows))
    expected = 20 / 93
    assert drawn["tiny"] / (2000 * 3) == pytest.approx(expected, abs=0.015)
    assert drawn["big"] / (2000 * 90) == pytest.approx(expected, abs=0.003)


def test_disagreement_queue_is_extra_and_weighted() -> None:
    """The least sure tenth is looked at more closely: its rows stand for fewer others, and all weights add up to the run."""
    sample = draw_sample(marks({"a": 500, "b": 500}, probability=True), size=100, extra=20, seed=3)
    extra = [row for row in sample.rows if row.is_extra]
    assert (len(sample.rows), len(sample.even), len(extra), sample.queue) == (120, 100, 20, 100)
    assert all(row.mark.results["label_probability"] < 0.11 for row in extra)
    assert not set(ids(extra)) & set(ids(sample.even))
    assert sum(row.weight for row in sample.rows) == pytest.approx(1000)
    in_queue, outside = (next(r.weight for r in sample.rows if r.is_queued is q) for q in (True, False))
    assert in_queue < outside / 2
    assert ids(sample.even) == ids(draw_sample(marks({"a": 500, "b": 500}), size=100, extra=20, seed=3).rows)


def test_rows_that_the_label_check_sends_to_review_are_queued() -> None:
    """`when_unsure: review` marks rows; they are in the queue whatever else the check said."""
    rows = [
        AcceptedMark(f"r1:{i}", "a", i, 0, {"label": "unsure", "review": True} if i < 4 else {}) for i in range(200)
    ]
    sample = draw_sample(rows, size=10, extra=20, seed=0)
    assert sample.queue == 4
    assert {row.mark.row_id for row in sample.rows if row.is_queued} == {f"r1:{i}" for i in range(4)}


def test_sample_of_a_small_run_is_all_of_it() -> None:
    """Fewer rows than asked for are all drawn, once."""
    sample = draw_sample(marks({"a": 5}, probability=True), size=100, extra=20, seed=0)
    assert sorted(ids(sample.rows)) == [f"r1:a{i}" for i in range(5)]
    assert draw_sample([], size=100, extra=20, seed=0).rows == ()
