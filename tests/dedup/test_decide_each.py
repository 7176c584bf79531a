"""Batches decide as single rows would, and both promises hold in any order."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.dedup import Comparison, Deduplicator
from synthgen.dedup.audit import as_thresholds, lexical_pairs, near_pairs, similarity_of
from synthgen.encoders.hashing import HashingEncoder
from synthgen.job import DuplicateCheck
from synthgen.records import Candidate, Row
from synthgen.text import normalise
from tests.dedup.ngrams.test_index import texts_of

Vectors = npt.NDArray[np.float16]


def run(
    texts: list[str],
    vectors: Vectors,
    *,
    batch: int,
    lexical: float | None = 0.7,
    near: float | None = 0.9,
    against: int = 0,
    margin: float = 0.0,
    contrast: Literal["keep"] | None = None,
) -> tuple[list[Comparison], int]:
    """Verdicts on all rows but the first `against`, and how many were encoded."""
    duplicate = DuplicateCheck(
        check="duplicate", lexical=lexical, threshold=near or 1.0, near=near is not None, contrast=contrast
    )
    dimensions = vectors.shape[1] if near else None
    dedup = Deduplicator(duplicate, None, dimensions, texts[:20], margin=margin, lexical_margin=margin)
    real = [Row(str(row), text, "") for row, text in enumerate(texts[:against])]
    dedup.add_real(real, vectors[:against] if near else None)
    verdicts: list[Comparison] = []
    encoded: list[int] = []
    for start in range(against, len(texts), batch):
        own = [Candidate(str(start + n), "", "", n, 0, text, {}) for n, text in enumerate(texts[start : start + batch])]

        def encode(numbers: Sequence[int], start: int = start) -> Vectors:
            encoded.extend(numbers)
            return vectors[[start + number for number in numbers]]

        verdicts += dedup.decide_each(own, encode if near else None)
    return verdicts, len(encoded)


def check_promises(
    normalised: list[str], vectors: Vectors, verdicts: list[Comparison], *, lexical: float | None, near: float | None
) -> None:
    """No kept pair at or above a threshold; every removed row names a kept one, as near as it says."""
    kept = [row for row, verdict in enumerate(verdicts) if verdict.rejection is None]
    kept_forms = [normalised[row] for row in kept]
    assert len(set(kept_forms)) == len(kept)
    if lexical:
        assert not list(lexical_pairs(kept_forms, lexical))
    if near:
        assert not list(near_pairs(vectors[kept], near))
    is_kept = set(kept)
    for row, verdict in enumerate(verdicts):
        if verdict.rejection is not None:
            evidence = verdict.rejection.evidence
            duplicate_of, stage = int(evidence["id"]), evidence["stage"]
            assert evidence["pool"] == "accepted"
            assert duplicate_of in is_kept
            assert duplicate_of < row
            pair = (vectors[row], vectors[duplicate_of])
            similarity = similarity_of(stage, (normalised[row], normalised[duplicate_of]), pair)
            assert evidence["similarity"] == similarity >= as_thresholds(lexical, near)[stage]


@given(
    seed=st.integers(0, 100_000),
    batch=st.integers(2, 70),
    lexical=st.sampled_from([None, 0.5, 0.7]),
    near=st.sampled_from([None, 0.6, 0.9]),
    against=st.integers(0, 20),
    margin=st.sampled_from([0.0, 0.1]),
    contrast=st.sampled_from([None, "keep"]),
)
@settings(deadline=None, max_examples=100)
def test_batches_decide_as_single_rows(
    seed: int,
    batch: int,
    lexical: float | None,
    near: float | None,
    against: int,
    margin: float,
    contrast: Literal["keep"] | None,
) -> None:
    """To the last duplicate_of and near miss: only how much is encoded may differ."""
    normalised = [normalise(text) for text in texts_of(seed, 60)]
    vectors = HashingEncoder().encode(normalised).astype(np.float16)
    given = {"lexical": lexical, "near": near, "against": against, "margin": margin, "contrast": contrast}
    single, encoded = run(normalised, vectors, batch=1, **given)  # type: ignore[arg-type]
    batched, encoded_batched = run(normalised, vectors, batch=batch, **given)  # type: ignore[arg-type]
    assert batched == single
    assert encoded <= encoded_batched
    if not against and contrast is None:
        check_promises(normalised, vectors, batched, lexical=lexical, near=near)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("lexical", "near"), [(0.7, 0.95), (0.7, 0.8), (None, 0.9), (0.6, None)])
def test_batches_keep_both_promises_in_any_order(seed: int, lexical: float | None, near: float | None) -> None:
    """Shuffled differently, other rows are kept, and nothing near is kept or removed without a reason."""
    texts = [text for part in range(12) for text in texts_of(part, 60)]
    random.Random(seed).shuffle(texts)
    normalised = [normalise(text) for text in texts]
    vectors = HashingEncoder().encode(normalised).astype(np.float16)
    verdicts, _ = run(normalised, vectors, batch=64, lexical=lexical, near=near)
    check_promises(normalised, vectors, verdicts, lexical=lexical, near=near)


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


def test_only_what_character_ngrams_do_not_settle_is_encoded() -> None:
    """A copy and a typo cost no embedding."""
    normalised = [
        "why has my new card not arrived",
        "why has my new card not arived",
        "why has my new card not arrived",
    ]
    vectors = HashingEncoder().encode(normalised).astype(np.float16)
    verdicts, encoded = run(normalised, vectors, batch=1)
    assert encoded == 1
    assert [v.rejection and v.rejection.evidence["stage"] for v in verdicts] == [None, "lexical", "exact"]


def test_the_cheapest_stage_of_all_pools_is_named() -> None:
    """A copy of a kept row is called one, even where a real row is near it; of equals the real row is named."""
    texts = ["my card is late again today", "my card is late again", "My card is late again!"]
    vectors = HashingEncoder().encode(texts).astype(np.float16)
    verdicts, _ = run(texts, vectors, batch=2, lexical=1.0, near=0.999, against=1)
    assert [v.rejection and v.rejection.evidence["id"] for v in verdicts] == [None, "1"]
    verdicts, _ = run([texts[0], *texts[1:], texts[0].upper()], vectors[[0, 1, 2, 0]], batch=3, near=None, against=1)
    evidence = verdicts[-1].rejection.evidence if verdicts[-1].rejection else {}
    assert (evidence["stage"], evidence["pool"], evidence["id"]) == ("exact", "train", "0")


def test_near_misses_are_reported_within_the_margin() -> None:
    """With the nearest row and how near it is; without a margin nothing is reported."""
    normalised = ["why has my new card not arrived", "why has my new debit card not arrived here yet"]
    vectors = HashingEncoder().encode(normalised).astype(np.float16)
    verdicts, _ = run(normalised, vectors, batch=2, near=None, margin=0.1)
    (miss,) = verdicts[1].near_misses
    assert verdicts[1].rejection is None
    assert (miss.id, miss.stage) == ("0", "lexical")
    assert 0.6 <= miss.similarity < 0.7
    silent, _ = run(normalised, vectors, batch=2, near=None)
    assert silent[1] == Comparison()
