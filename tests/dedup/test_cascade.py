"""Batches decide as single rows would, and both promises hold in any order."""

from __future__ import annotations

import random

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.dedup.audit import as_thresholds, lexical_pairs, near_pairs, similarity_of
from synthgen.dedup.cascade import Cascade, Outcome
from synthgen.dedup.ngrams.grams import GramOrder
from synthgen.encoders.hashing import HashingEncoder
from synthgen.text import normalise
from tests.dedup.ngrams.test_index import texts_of

Vectors = npt.NDArray[np.float16]


def run(
    normalised: list[str],
    vectors: Vectors,
    *,
    batch: int,
    lexical: float | None = 0.7,
    near: float | None = 0.9,
    against: int = 0,
    margin: float = 0.0,
) -> tuple[list[Outcome], int]:
    """Outcomes of all rows but the first `against`, and how many were encoded."""
    cascade = Cascade(
        lexical=lexical, near=near, dimensions=vectors.shape[1], order=GramOrder(normalised[:20]), margin=margin
    )
    cascade.add_against(0, normalised[:against], vectors[:against] if near else None)
    outcomes: list[Outcome] = []
    encoded = 0
    for start in range(against, len(normalised), batch):
        looked = cascade.look(normalised[start : start + batch])
        wanted = [start + place for place, needs in enumerate(looked.needs_vector) if needs]
        encoded += len(wanted)
        numbers = range(start, start + len(looked.normalised))
        outcomes += cascade.settle(looked, numbers, vectors[wanted] if near else None)
    return outcomes, encoded


def check_promises(
    normalised: list[str], vectors: Vectors, outcomes: list[Outcome], *, lexical: float | None, near: float | None
) -> None:
    """No kept pair at or above a threshold; every removed row has a kept witness, as near as it says."""
    kept = [row for row, outcome in enumerate(outcomes) if outcome.duplicate_of is None]
    kept_forms = [normalised[row] for row in kept]
    assert len(set(kept_forms)) == len(kept)
    if lexical:
        assert not list(lexical_pairs(kept_forms, lexical))
    if near:
        assert not list(near_pairs(vectors[kept], near))
    is_kept = set(kept)
    for row, outcome in enumerate(outcomes):
        if outcome.duplicate_of is not None:
            similarity, pool, witness, stage = outcome.duplicate_of
            assert pool == "kept"
            assert witness in is_kept
            assert witness < row
            pair = (vectors[row], vectors[witness])
            assert similarity == similarity_of(stage, (normalised[row], normalised[witness]), pair)
            assert similarity >= as_thresholds(lexical, near)[stage]


@given(
    seed=st.integers(0, 100_000),
    batch=st.integers(2, 70),
    lexical=st.sampled_from([None, 0.5, 0.7]),
    near=st.sampled_from([None, 0.6, 0.9]),
    against=st.integers(0, 20),
)
@settings(deadline=None, max_examples=100)
def test_cascade_batches_decide_as_single_rows(
    seed: int, batch: int, lexical: float | None, near: float | None, against: int
) -> None:
    """To the last witness: only how much is encoded may differ."""
    normalised = [normalise(text) for text in texts_of(seed, 60)]
    vectors = HashingEncoder().encode(normalised).astype(np.float16)
    single, encoded = run(normalised, vectors, batch=1, lexical=lexical, near=near, against=against)
    batched, encoded_batched = run(normalised, vectors, batch=batch, lexical=lexical, near=near, against=against)
    assert batched == single
    assert encoded <= encoded_batched
    if not against:
        check_promises(normalised, vectors, batched, lexical=lexical, near=near)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("lexical", "near"), [(0.7, 0.95), (0.7, 0.8), (None, 0.9), (0.6, None)])
def test_cascade_keeps_both_promises_in_any_order(seed: int, lexical: float | None, near: float | None) -> None:
    """Shuffled differently, other rows are kept, and nothing near is kept or removed without a reason."""
    texts = [text for part in range(12) for text in texts_of(part, 60)]
    random.Random(seed).shuffle(texts)
    normalised = [normalise(text) for text in texts]
    vectors = HashingEncoder().encode(normalised).astype(np.float16)
    outcomes, _ = run(normalised, vectors, batch=64, lexical=lexical, near=near)
    check_promises(normalised, vectors, outcomes, lexical=lexical, near=near)


@given(seed=st.integers(0, 10_000), at_least=st.sampled_from([0.3, 0.7, 1.0]))
@settings(deadline=None, max_examples=30)
def test_audit_finds_every_pair(seed: int, at_least: float) -> None:
    """The brute force that the promises are held against is itself held against the plainest one."""
    normalised = [normalise(text) for text in texts_of(seed, 30)]
    vectors = HashingEncoder().encode(normalised).astype(np.float16)
    pairs = [(i, j) for j in range(len(normalised)) for i in range(j)]
    overlaps = {(i, j): similarity_of("lexical", (normalised[i], normalised[j]), None) for i, j in pairs}
    cosines = {(i, j): similarity_of("near", ("", ""), (vectors[i], vectors[j])) for i, j in pairs}
    assert {(i, j): s for i, j, s in lexical_pairs(normalised, at_least)} == {
        pair: s for pair, s in overlaps.items() if s >= at_least
    }
    assert {(i, j): s for i, j, s in near_pairs(vectors, at_least)} == {
        pair: s for pair, s in cosines.items() if s >= at_least
    }


def test_cascade_encodes_only_what_letters_do_not_settle() -> None:
    """A copy and a typo cost no embedding."""
    normalised = [
        "why has my new card not arrived",
        "why has my new card not arived",
        "why has my new card not arrived",
    ]
    vectors = HashingEncoder().encode(normalised).astype(np.float16)
    outcomes, encoded = run(normalised, vectors, batch=1)
    assert encoded == 1
    assert [o.duplicate_of and o.duplicate_of.stage for o in outcomes] == [None, "lexical", "exact"]


def test_cascade_tells_what_was_nearly_a_duplicate() -> None:
    """Within the margin, with the nearest row and how near it is; without a margin nothing is told."""
    normalised = ["why has my new card not arrived", "why has my new debit card not arrived here yet"]
    vectors = HashingEncoder().encode(normalised).astype(np.float16)
    near, _ = run(normalised, vectors, batch=2, near=None, margin=0.1)
    assert near[1].duplicate_of is None
    assert near[1].nearest is not None
    assert 0.6 <= near[1].nearest.similarity < 0.7
    silent, _ = run(normalised, vectors, batch=2, near=None)
    assert silent[1] == Outcome(None)
