"""Two promises, checked against brute force: no kept pair too near, and a witness for every removed row."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.dedup import Deduplicator
from synthgen.dedup.index import cosine
from synthgen.job import DuplicateCheck, LeakageCheck
from synthgen.records import Candidate, Nearest, Reason, Rejection, Row
from synthgen.text import normalise

Vectors = npt.NDArray[np.float16]
DIMENSIONS = 6


def candidate(name: str, text: str, label: str = "a") -> Candidate:
    return Candidate(name, "s1:x", label, 0, 0, text, {"text": text})


def judge(
    dedup: Deduplicator, row: Candidate, vector: npt.NDArray[np.float16] | None = None
) -> tuple[Rejection | None, Nearest | None]:
    """Both steps, and accepted where neither objects."""
    rejection, nearest = dedup.judge_static(row, vector)
    if rejection is None:
        rejection, newest = dedup.judge_accepted(row, vector)
        found = [n for n in (nearest, newest) if n is not None]
        nearest = max(found, key=lambda n: n.similarity, default=None)
    if rejection is None:
        dedup.accept(row, vector)
    return rejection, nearest


def exact_only() -> Deduplicator:
    duplicate = DuplicateCheck(check="duplicate", near=False)
    return Deduplicator(duplicate, LeakageCheck(check="leakage", near=False), None)


def vectors_of(seed: int, count: int) -> Vectors:
    """Random rows, some clustered around others at all distances."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(max(1, count // 3), DIMENSIONS))
    rows = centres[rng.integers(len(centres), size=count)]
    rows = rows + rng.normal(scale=rng.choice([0, 0.01, 0.1, 1.0], size=(count, 1)), size=rows.shape)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float16)


@given(
    seed=st.integers(0, 10_000),
    threshold=st.sampled_from([0.5, 0.9, 0.95, 0.999, 1.0]),
    sizes=st.tuples(st.integers(0, 8), st.integers(0, 4), st.integers(1, 30)),
    is_one_pool=st.booleans(),
)
@settings(deadline=None, max_examples=150)
def test_deduplicator_keeps_no_near_pair_and_names_every_witness(
    seed: int, threshold: float, sizes: tuple[int, int, int], is_one_pool: bool
) -> None:
    """No kept row is at or above the threshold with another, a real or a test row; every removed one names its own."""
    vectors = vectors_of(seed, sum(sizes))
    rng = np.random.default_rng(seed)
    texts = [f"text {'ab'[is_one_pool or i % 2]} {rng.integers(40)}" for i in range(len(vectors))]
    names = [f"{kind}{i}" for kind, n in zip(("train", "test", "row"), sizes, strict=True) for i in range(n)]
    by_name = dict(zip(names, zip(texts, vectors, strict=True), strict=True))
    dedup = Deduplicator(
        DuplicateCheck(check="duplicate", threshold=threshold),
        LeakageCheck(check="leakage", threshold=threshold),
        DIMENSIONS,
    )
    real, test = sizes[0], sizes[0] + sizes[1]
    dedup.add_real([Row(n, t, "a") for n, t in zip(names[:real], texts[:real], strict=True)], vectors[:real])
    dedup.add_test(
        [Row(n, t, "a") for n, t in zip(names[real:test], texts[real:test], strict=True)], vectors[real:test]
    )

    def alike(one: str, other: str) -> bool:
        (text, vector), (text2, vector2) = by_name[one], by_name[other]
        return normalise(text) == normalise(text2) or cosine(vector, vector2) >= threshold

    kept = names[:test]
    for name in names[test:]:
        text, vector = by_name[name]
        rejection, nearest = judge(dedup, candidate(name, text), vector)
        if rejection is None:
            assert not any(alike(name, other) for other in kept)
            kept.append(name)
            others = [n for n in kept[:-1] if not n.startswith("test")]
            assert (nearest is None) == (not others)
            if nearest is not None:
                assert nearest.similarity == round(max(cosine(vector, by_name[n][1]) for n in others), 4)
        else:
            witness = rejection.evidence["id"]
            assert witness in kept
            assert alike(name, witness)
            assert rejection.evidence["text"] == by_name[witness][0]
            assert rejection.evidence["similarity"] >= rejection.evidence["threshold"]
            is_leak = any(alike(name, other) for other in names[real:test])
            assert (rejection.reason is Reason.LEAKAGE) == is_leak
    assert not any(alike(a, b) for a, b in combinations(kept[test:], 2))


@given(seed=st.integers(0, 10_000), count=st.integers(1, 12))
@settings(deadline=None)
def test_judge_static_does_not_depend_on_accepted_rows(seed: int, count: int) -> None:
    """It may run early and in any order, since only real and test rows count."""
    vectors = vectors_of(seed, count + 4)
    real = [Row(f"train:{i}", f"real {i}", "a") for i in range(4)]
    fresh, used = (Deduplicator(DuplicateCheck(check="duplicate"), None, DIMENSIONS) for _ in range(2))
    for dedup in (fresh, used):
        dedup.add_real(real, vectors[:4])
    rows = [(candidate(f"r{i}", f"text {i}"), vectors[i + 4]) for i in range(count)]
    for row, vector in rows:
        judge(used, row, vector)
    assert [used.judge_static(*row) for row in rows] == [fresh.judge_static(*row) for row in rows]


def test_deduplicator_exact_ignores_case_punctuation_and_spacing() -> None:
    """A copy in other clothes is a copy, with the first row as its witness."""
    dedup = exact_only()
    assert judge(dedup, candidate("r1", "Where is my card?")) == (None, None)
    rejection, _ = judge(dedup, candidate("r2", " where is  my CARD"))
    assert rejection is not None
    assert rejection.reason is Reason.EXACT_DUPLICATE
    assert rejection.evidence["id"] == "r1"
    assert rejection.evidence["pool"] == "accepted"
    assert rejection.evidence["stage"] == "exact"


@pytest.mark.parametrize("pool", ["train", "accepted"])
def test_deduplicator_same_text_under_another_label_is_a_conflict(pool: str) -> None:
    """The same text cannot teach two classes."""
    dedup = exact_only()
    if pool == "train":
        dedup.add_real([Row("first", "Where is my card?", "arrival")], None)
    else:
        dedup.accept(candidate("first", "Where is my card?", "arrival"), None)
    rejection, _ = judge(dedup, candidate("r2", "where is my card", "lost"))
    assert rejection is not None
    assert rejection.reason is Reason.LABEL_CONFLICT
    assert (rejection.evidence["id"], rejection.evidence["label"]) == ("first", "arrival")


def test_deduplicator_leakage_comes_before_anything_else() -> None:
    """A row that stands in the test set is leakage, even where it also repeats a training row or has another label."""
    dedup = exact_only()
    dedup.add_real([Row("train:1", "Where is my card?", "a")], None)
    dedup.add_test([Row("test:7", "Where is my card", "b")], None)
    rejection, _ = dedup.judge_static(candidate("r1", "where is my card"), None)
    assert rejection is not None
    assert rejection.reason is Reason.LEAKAGE
    assert rejection.evidence["id"] == "test:7"


def test_deduplicator_without_a_duplicate_check_still_watches_the_test_rows() -> None:
    """Duplicates may be welcome; leakage never is."""
    dedup = Deduplicator(None, LeakageCheck(check="leakage", near=False), None)
    dedup.add_test([Row("test:1", "a test row", "a")], None)
    assert judge(dedup, candidate("r1", "a row"))[0] is None
    assert judge(dedup, candidate("r2", "a row"))[0] is None
    leak, _ = judge(dedup, candidate("r3", "A test row!"))
    assert leak is not None
    assert leak.reason is Reason.LEAKAGE


def test_deduplicator_refuses_a_row_without_a_vector_where_vectors_count() -> None:
    """A row that could not be compared later would break the promise in silence."""
    dedup = Deduplicator(DuplicateCheck(check="duplicate"), None, DIMENSIONS)
    with pytest.raises(ValueError, match="r1"):
        dedup.accept(candidate("r1", "text"), None)
