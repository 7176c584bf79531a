"""Two promises, checked against brute force: no kept pair too near by any stage, a duplicate_of for every removed row."""

from __future__ import annotations

from itertools import combinations, count

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.dedup import Comparison, Deduplicator, PoolRows
from synthgen.dedup.pool import BORDERLINE, Pool
from synthgen.dedup.vectors import cosine
from synthgen.job import DuplicateCheck, LeakageCheck
from synthgen.records import Candidate, Reason, Row
from synthgen.text import char_ngrams, jaccard, normalise

Vectors = npt.NDArray[np.float16]
DIMENSIONS = 6
WORDS = ["card", "late", "refund", "where", "is", "my"]


def candidate(name: str, text: str, label: str = "a", seeds: tuple[str, ...] = ()) -> Candidate:
    return Candidate(name, "s1:x", label, 0, 0, text, {"text": text}, seeds)


def judge(dedup: Deduplicator, row: Candidate, vector: npt.NDArray[np.float16] | None = None) -> Comparison:
    """All steps, and accepted where none objects."""
    verdict = dedup.judge_texts_each([row])[0]
    contrast, nearest = verdict.contrast, None
    for step in (dedup.judge_vectors, dedup.judge_accepted):
        if verdict.rejection is None:
            verdict = step(row, vector)
            contrast = contrast or verdict.contrast
            found = [n for n in (nearest, verdict.nearest) if n is not None]
            nearest = max(found, key=lambda n: n.similarity, default=None)
    if verdict.rejection is None:
        dedup.accept(row, vector)
    return Comparison(verdict.rejection, nearest, contrast)


def exact_only() -> Deduplicator:
    duplicate = DuplicateCheck(check="duplicate", near=False)
    return Deduplicator(duplicate, LeakageCheck(check="leakage", near=False), None)


def lexical_only(contrast: str | None = None) -> Deduplicator:
    values = {"check": "duplicate", "near": False, "lexical": 0.7, "contrast": contrast}
    leakage = LeakageCheck(check="leakage", near=False, lexical=0.7)
    return Deduplicator(DuplicateCheck.model_validate(values), leakage, None)


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
    lexical=st.sampled_from([None, 0.5, 0.7, 1.0]),
    sizes=st.tuples(st.integers(0, 8), st.integers(0, 4), st.integers(1, 30)),
    has_vectors=st.booleans(),
)
@settings(deadline=None, max_examples=200)
def test_deduplicator_keeps_no_near_pair_and_names_every_duplicate_of(
    seed: int, threshold: float, lexical: float | None, sizes: tuple[int, int, int], has_vectors: bool
) -> None:
    """No kept row is at or above a threshold with another, a real or a test row; every removed one names its own."""
    vectors = vectors_of(seed, sum(sizes))
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(WORDS, size=rng.integers(1, 5))) for _ in vectors]
    names = [f"{kind}{i}" for kind, n in zip(("train", "test", "row"), sizes, strict=True) for i in range(n)]
    by_name = dict(zip(names, zip(texts, vectors, strict=True), strict=True))
    dedup = Deduplicator(
        DuplicateCheck(check="duplicate", threshold=threshold, lexical=lexical, near=has_vectors),
        LeakageCheck(check="leakage", threshold=threshold, lexical=lexical, near=has_vectors),
        DIMENSIONS if has_vectors else None,
        ranked=texts[: sizes[0]],
    )
    real, test = sizes[0], sizes[0] + sizes[1]
    dedup.add_real([Row(n, t, "a") for n, t in zip(names[:real], texts[:real], strict=True)], vectors[:real])
    dedup.add_test(
        [Row(n, t, "a") for n, t in zip(names[real:test], texts[real:test], strict=True)], vectors[real:test]
    )

    def similarity(one: str, other: str, stage: str) -> float:
        (text, vector), (text2, vector2) = by_name[one], by_name[other]
        if stage == "exact":
            return float(normalise(text) == normalise(text2))
        return jaccard(char_ngrams(text), char_ngrams(text2)) if stage == "lexical" else cosine(vector, vector2)

    stages = {"exact": 1.0} | ({"lexical": lexical} if lexical else {}) | ({"near": threshold} if has_vectors else {})

    def is_near(one: str, other: str) -> bool:
        return any(similarity(one, other, stage) >= least for stage, least in stages.items())

    kept = names[:test]
    for name in names[test:]:
        text, vector = by_name[name]
        rejection, nearest, *_ = judge(dedup, candidate(name, text), vector if has_vectors else None)
        if rejection is None:
            assert not any(is_near(name, other) for other in kept)
            kept.append(name)
            cosines = {n: cosine(vector, by_name[n][1]) for n in kept[:-1] if not n.startswith("test")}
            best = max(cosines.values(), default=-1.0)
            has_nearest = has_vectors and best >= max(threshold - BORDERLINE, 0.05)
            assert (nearest.similarity if nearest else None) == (round(best, 4) if has_nearest else None)
        else:
            evidence = rejection.evidence
            duplicate_of, stage = evidence["id"], evidence["stage"]
            assert duplicate_of in kept
            assert (
                evidence["similarity"]
                == similarity(name, duplicate_of, stage)
                >= evidence["threshold"]
                == stages[stage]
            )
            assert evidence["text"] == by_name[duplicate_of][0]
            assert (
                (rejection.reason is Reason.LEAKAGE) == duplicate_of.startswith("test") == (evidence["pool"] == "test")
            )
    assert not any(is_near(a, b) for a, b in combinations(kept[test:], 2))


@given(seed=st.integers(0, 10_000), count=st.integers(1, 12))
@settings(deadline=None)
def test_judging_real_rows_does_not_depend_on_accepted_rows(seed: int, count: int) -> None:
    """It may run early and in any order, since only real and test rows count."""
    vectors = vectors_of(seed, count + 4)
    real = [Row(f"train:{i}", f"real {i}", "a") for i in range(4)]
    fresh, used = (Deduplicator(DuplicateCheck(check="duplicate"), None, DIMENSIONS) for _ in range(2))
    for dedup in (fresh, used):
        dedup.add_real(real, vectors[:4])
    rows = [(candidate(f"r{i}", f"text {i}"), vectors[i + 4]) for i in range(count)]
    for row, vector in rows:
        judge(used, row, vector)
    assert used.judge_texts_each([row for row, _ in rows]) == [fresh.judge_texts_each([row])[0] for row, _ in rows]
    assert [used.judge_vectors(*row) for row in rows] == [fresh.judge_vectors(*row) for row in rows]


@given(seed=st.integers(0, 10_000), split=st.integers(0, 20))
@settings(deadline=None)
def test_rows_of_earlier_sessions_count_as_if_accepted_in_turn(seed: int, split: int) -> None:
    """All at once or one by one: the same verdicts afterwards."""
    vectors = vectors_of(seed, 30)
    rows = [candidate(f"r{i}", f"text {i}") for i in range(30)]
    one_by_one, at_once = (Deduplicator(DuplicateCheck(check="duplicate"), None, DIMENSIONS) for _ in range(2))
    for row, vector in zip(rows[:split], vectors[:split], strict=True):
        one_by_one.accept(row, vector)
    ids, labels, texts = ([getattr(row, name) for row in rows[:split]] for name in ("id", "label", "text"))
    at_once.accept_ngrams(at_once.ngrams(at_once.accept_texts(PoolRows(ids, labels, texts))))
    at_once.accept_vectors(vectors[:split])
    at_once.settle()
    for row, vector in zip(rows[split:], vectors[split:], strict=True):
        assert one_by_one.judge_accepted(row, vector) == at_once.judge_accepted(row, vector)


def test_parts_of_earlier_rows_may_come_at_different_times() -> None:
    """Each part in its own pages and at its own time: the same verdicts as of all together."""
    vectors = vectors_of(3, 30)
    rows = [candidate(f"r{i}", f"text {i}") for i in range(30)]
    columns = PoolRows(*([getattr(row, name) for row in rows[:20]] for name in ("id", "label", "text")))
    together, apart = (Deduplicator(DuplicateCheck(check="duplicate"), None, DIMENSIONS) for _ in range(2))
    together.accept_ngrams(together.ngrams(together.accept_texts(columns)))
    together.accept_vectors(vectors[:20])
    together.settle()
    apart.accept_vectors(vectors[:12])
    apart.accept_vectors(vectors[12:20])
    apart.settle_vectors()
    parts = [PoolRows(*(column[part] for column in columns)) for part in (slice(0, 5), slice(5, 20))]
    normalised = [apart.accept_texts(part) for part in parts]
    for profiles in [apart.ngrams(own) for own in normalised]:
        apart.accept_ngrams(profiles)
    apart.settle()
    for row, vector in zip(rows[20:], vectors[20:], strict=True):
        assert together.judge_accepted(row, vector) == apart.judge_accepted(row, vector)


def test_deduplicator_exact_ignores_case_punctuation_and_spacing() -> None:
    """A copy in other clothes is a copy, with the first row as its duplicate_of."""
    dedup = exact_only()
    assert judge(dedup, candidate("r1", "Where is my card?")) == Comparison()
    rejection = judge(dedup, candidate("r2", " where is  my CARD")).rejection
    assert rejection is not None
    assert rejection.reason is Reason.EXACT_DUPLICATE
    assert rejection.evidence["id"] == "r1"
    assert rejection.evidence["pool"] == "accepted"
    assert rejection.evidence["stage"] == "exact"


def test_deduplicator_lexical_catches_a_typo() -> None:
    """One letter less in a sentence is the same row, whatever an embedding says."""
    dedup = lexical_only()
    judge(dedup, candidate("r1", "Why has my new card not arrived yet?"))
    rejection = judge(dedup, candidate("r2", "Why has my new card not arived yet?")).rejection
    assert rejection is not None
    assert rejection.reason is Reason.NEAR_DUPLICATE
    assert (rejection.evidence["stage"], rejection.evidence["id"]) == ("lexical", "r1")
    assert judge(dedup, candidate("r3", "Where can I see the exchange rate?")).rejection is None


def test_near_false_alone_leaves_only_the_exact_stage() -> None:
    """As job files meant it before letters were compared; written beside it, the lexical stage stands."""
    assert DuplicateCheck(check="duplicate").lexical == 0.7
    assert DuplicateCheck(check="duplicate", near=False).lexical is None
    assert DuplicateCheck(check="duplicate", near=False, lexical=0.8).lexical == 0.8
    assert DuplicateCheck(check="duplicate", lexical=None).lexical is None
    assert LeakageCheck(check="leakage", near=False).lexical is None
    dumped = DuplicateCheck(check="duplicate", near=False).model_dump()
    assert DuplicateCheck.model_validate(dumped).lexical is None


@pytest.mark.parametrize("make", [exact_only, lexical_only])
@pytest.mark.parametrize("pool", ["train", "accepted"])
def test_deduplicator_same_text_under_another_label_is_a_conflict(pool: str, make: object) -> None:
    """The same text cannot teach two classes."""
    assert callable(make)
    dedup = make()
    if pool == "train":
        dedup.add_real([Row("first", "Where is my card?", "arrival")], None)
    else:
        dedup.accept(candidate("first", "Where is my card?", "arrival"), None)
    rejection = judge(dedup, candidate("r2", "where is my card", "lost")).rejection
    assert rejection is not None
    assert rejection.reason is Reason.LABEL_CONFLICT
    assert (rejection.evidence["id"], rejection.evidence["label"]) == ("first", "arrival")


@pytest.mark.parametrize("text", ["where is my card", "where is my new card"])
def test_deduplicator_leakage_comes_before_a_repeat_of_the_same_stage(text: str) -> None:
    """A row that stands in the test set is leakage, even where it also repeats a training row or has another label."""
    dedup = lexical_only()
    dedup.add_real([Row("train:1", "Where is my card?", "a")], None)
    dedup.add_test([Row("test:7", "Where is my card", "b")], None)
    rejection = dedup.judge_texts_each([candidate("r1", text)])[0].rejection
    assert rejection is not None
    assert rejection.reason is Reason.LEAKAGE
    assert rejection.evidence["id"] == "test:7"


def test_deduplicator_tells_the_seeds_of_the_prompt_apart() -> None:
    """A copy of a row that the prompt showed is another finding than a copy of a row that the model never saw."""
    dedup = exact_only()
    dedup.add_real([Row("train:1", "Where is my card?", "a"), Row("train:2", "My card is late", "a")], None)
    pools = []
    for text in ("where is my card", "my card is late"):
        rejection = dedup.judge_texts_each([candidate("r1", text, seeds=("train:2",))])[0].rejection
        assert rejection is not None
        pools.append(rejection.evidence["pool"])
    assert pools == ["train", "seeds"]


def test_deduplicator_without_a_duplicate_check_still_watches_the_test_rows() -> None:
    """Duplicates may be welcome; leakage never is."""
    dedup = Deduplicator(None, LeakageCheck(check="leakage", near=False), None)
    dedup.add_test([Row("test:1", "a test row", "a")], None)
    assert judge(dedup, candidate("r1", "a row")).rejection is None
    assert judge(dedup, candidate("r2", "a row")).rejection is None
    leak = judge(dedup, candidate("r3", "A test row!")).rejection
    assert leak is not None
    assert leak.reason is Reason.LEAKAGE


def test_contrast_rows_are_kept_and_recorded_where_the_job_says_so() -> None:
    """A negated copy is kept with its pair named; a plain copy, and a row near another one too, is not."""
    texts = [
        "I can find my new bank card here",
        "I can't find my new bank card here",
        "I can find my new bank card here.",
    ]
    names = count()
    kept = lexical_only("keep")
    first, second, third = [judge(kept, candidate(f"r{next(names)}", text)) for text in texts]
    assert first == Comparison()
    assert second.rejection is None
    assert second.contrast is not None
    assert (second.contrast["id"], second.contrast["stage"]) == ("r0", "lexical")
    assert third.rejection is not None
    near_both = judge(kept, candidate("r9", "I cant find my new bank card heree")).rejection
    assert near_both is not None
    assert near_both.evidence["id"] == "r1"
    strict = lexical_only()
    assert [judge(strict, candidate(t, t)).rejection is None for t in texts] == [True, False, False]


def test_contrast_never_excuses_leakage() -> None:
    """A test row with another number is still a test row."""
    dedup = lexical_only("keep")
    dedup.add_test([Row("test:1", "send 10 pounds to my sister in Leeds", "a")], None)
    leak = judge(dedup, candidate("r1", "send 90 pounds to my sister in Leeds")).rejection
    assert leak is not None
    assert leak.reason is Reason.LEAKAGE


def test_contrast_by_embedding_looks_past_the_nearest() -> None:
    """Where the nearest row is a contrast, the next nearest still counts."""
    check = DuplicateCheck(check="duplicate", threshold=0.9, lexical=None, contrast="keep")
    dedup = Deduplicator(check, None, 2)
    vectors = np.array([[1, 0], [0.95, 0.3122], [0.93, 0.3676]], dtype=np.float16)
    dedup.accept(candidate("r1", "pay £10"), vectors[1])
    dedup.accept(candidate("r2", "settle the bill"), vectors[0])
    rejection = judge(dedup, candidate("r3", "pay £100"), vectors[2]).rejection
    assert rejection is not None
    assert rejection.evidence["id"] == "r2"


def test_deduplicator_refuses_a_row_without_a_vector_where_vectors_count() -> None:
    """A row that could not be compared later would break the promise in silence."""
    dedup = Deduplicator(DuplicateCheck(check="duplicate"), None, DIMENSIONS)
    with pytest.raises(ValueError, match="r1"):
        dedup.accept(candidate("r1", "text"), None)
    dedup.accept_ngrams(dedup.ngrams(dedup.accept_texts(PoolRows(["r1"], ["a"], ["text"]))))
    with pytest.raises(ValueError, match="vectors"):
        dedup.settle()


@given(
    seed=st.integers(0, 10_000),
    bursts=st.lists(st.integers(1, 9), min_size=1, max_size=6),
    contrast=st.sampled_from([None, "keep"]),
    lexical=st.sampled_from([None, 0.6]),
    has_vectors=st.booleans(),
    is_in_order=st.booleans(),
)
@settings(deadline=None)
def test_looking_ahead_decides_nothing(
    seed: int, bursts: list[int], contrast: str | None, lexical: float | None, has_vectors: bool, is_in_order: bool
) -> None:
    """Bursts that are searched for at once are judged as one by one, to the duplicate_of: also those that then come in another
    order, that are only looked for in part, or that something else is accepted between."""
    rng = np.random.default_rng(seed)
    check = DuplicateCheck(
        check="duplicate", near=has_vectors, threshold=0.9, lexical=lexical, contrast="keep" if contrast else None
    )
    alone, ahead = (Deduplicator(check, None, DIMENSIONS if has_vectors else None) for _ in range(2))
    vectors = list(vectors_of(seed, sum(bursts))) if has_vectors else [None] * sum(bursts)
    for number, size in enumerate(bursts):
        own = vectors[sum(bursts[:number]) :][:size]
        texts = [" ".join(rng.choice(WORDS, size=rng.integers(2, 6))) for _ in range(size)]
        burst = [candidate(f"{number}-{i}", f"{text} {rng.integers(3)}") for i, text in enumerate(texts)]
        expected = range(size) if is_in_order else [place for place in range(size) if rng.random() < 0.8]
        if expected:
            ahead.look_ahead([burst[place] for place in expected], [own[place] for place in expected])
        for place in range(size) if is_in_order else rng.permutation(size):
            row, vector = burst[place], own[place]
            one, other = alone.judge_accepted(row, vector), ahead.judge_accepted(row, vector)
            assert one == other
            if one.rejection is None and rng.random() < 0.9:  # a surplus row is judged and not accepted
                alone.accept(row, vector)
                ahead.accept(row, vector)


def test_rows_of_a_burst_are_not_searched_for_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """That is what a burst is for: at a million rows one search by vectors takes as long as ten of a burst."""
    dedup = Deduplicator(DuplicateCheck(check="duplicate", threshold=0.9, lexical=0.7), None, DIMENSIONS)
    rows = [candidate(f"r{place}", f"{place} {WORDS[place % 6] * 5}") for place in range(12)]
    vectors = list(vectors_of(3, 12))
    dedup.accept(rows[0], vectors[0])
    dedup.look_ahead(rows[1:], vectors[1:])
    for searched in ("near", "lexical_each"):
        monkeypatch.setattr(Pool, searched, None)
    verdicts = [dedup.judge_accepted(row, vector) for row, vector in zip(rows[1:], vectors[1:], strict=True)]
    assert {verdict.rejection is None for verdict in verdicts} == {True, False}
