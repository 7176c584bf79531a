"""Any list of texts, and the real ones: the first of every group stays, and every other one says whom it repeats."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import pytest

from synthgen.dedup.audit import lexical_pairs, near_pairs, similarity_of
from synthgen.encoders.hashing import HashingEncoder
from synthgen.errors import JobError
from synthgen.quality.dedup import DedupSettings, Pair, as_columns, dedup_texts
from synthgen.text import normalise

BANKING = Path(__file__).parents[3] / "shared/data/banking77/train.csv"
LETTERS = DedupSettings(encoder="none")


def test_dedup_texts_keeps_the_first_and_names_it() -> None:
    """With numbers of rows as they were given, empty ones counted and left alone."""
    result = dedup_texts(
        ["Where is my card?", "", "where is my card", "where is my caard", "  ", "I lost it"], settings=LETTERS
    )
    assert result.kept == [0, 1, 4, 5]
    assert [(p.row, p.other, p.stage) for p in result.removed] == [(2, 0, "exact"), (3, 0, "lexical")]
    assert result.empty == 2
    assert result.counts() == {"exact": 1, "lexical": 1, "near": 0, "against": 0}
    assert as_columns(result.removed)["duplicate_of"] == ["1", "1"]


def test_dedup_texts_against_other_rows() -> None:
    """Rows of another file take out what is near them, and are never judged themselves."""
    others = ["My card was stolen", "my card was stolen", "Where is it?"]
    result = dedup_texts(["my card was stolen!", "fine", "where is it"], against=others, settings=LETTERS)
    assert result.kept == [1]
    assert [p.duplicate_of for p in result.removed] == ["against:1", "against:3"]
    assert result.counts()["against"] == 2


def test_dedup_texts_borderline_rows_are_kept_and_told() -> None:
    """What another threshold would have taken."""
    texts = ["How do I get my card on the app?", "how do I get my card to show in the app?"]
    settings = DedupSettings(encoder="none", lexical=0.75, has_borderline=True)
    result = dedup_texts(texts, settings=settings)
    assert result.kept == [0, 1]
    (pair,) = result.borderline
    assert (pair.row, pair.other) == (1, 0)
    assert 0.70 <= pair.similarity < 0.75


@pytest.mark.parametrize(("threshold", "lexical"), [(0.0, 0.7), (1.2, 0.7), (0.9, 0.0)])
def test_dedup_settings_out_of_bounds(threshold: float, lexical: float) -> None:
    """A threshold that means nothing is the user's mistake, and named."""
    with pytest.raises(JobError, match="above 0"):
        DedupSettings(threshold, lexical)


def test_dedup_texts_nothing_and_progress() -> None:
    """No rows, no work; progress ends at the end."""
    assert dedup_texts([], settings=LETTERS).kept == []
    told: list[tuple[str, int, int]] = []
    dedup_texts([f"row number {n * 7919}" for n in range(600)], settings=LETTERS, on_progress=lambda *a: told.append(a))
    assert told[-1] == ("rows", 600, 600)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)


@pytest.mark.skipif(not BANKING.exists(), reason="real data is not here")
@pytest.mark.parametrize(("seed", "threshold", "lexical"), [(0, 0.95, 0.7), (1, 0.9, 0.6), (2, 0.8, 0.8)])
def test_dedup_texts_keeps_both_promises_on_real_rows(seed: int, threshold: float, lexical: float) -> None:
    """Nothing near is left and nothing is gone without a kept witness: in any order, by brute force."""
    with BANKING.open() as file:
        texts = [row["text"] for row in csv.DictReader(file)][::5]
    random.Random(seed).shuffle(texts)
    encoder = HashingEncoder()
    result = dedup_texts(texts, settings=DedupSettings(threshold, lexical), encoder=encoder)
    forms = [normalise(text) for text in texts]
    vectors = encoder.encode(texts).astype("float16")
    assert sorted(result.kept + [p.row for p in result.removed]) == list(range(len(texts)))
    assert not list(lexical_pairs([forms[n] for n in result.kept], lexical))
    assert not list(near_pairs(vectors[result.kept], threshold))
    kept, least = set(result.kept), {"exact": 1.0, "lexical": lexical, "near": threshold}
    assert {p.stage for p in result.removed} >= {"lexical"}
    for pair in result.removed:
        assert pair.other in kept
        found = similarity_of(
            pair.stage, (forms[pair.row], forms[pair.other]), (vectors[pair.row], vectors[pair.other])
        )
        assert pair.similarity == found >= least[pair.stage]


def test_pair_names_rows_for_people() -> None:
    """From 1, and told apart where they are of the other file."""
    assert Pair(4, 0, "kept", 1.0, "exact").duplicate_of == "1"
    assert Pair(4, 0, "against", 1.0, "exact").duplicate_of == "against:1"
