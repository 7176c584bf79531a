"""Rows of earlier sessions count as if each had been accepted in its turn, though five threads bring them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from synthgen.dedup import Deduplicator
from synthgen.engine.judging import stored
from synthgen.engine.judging.deduplicators import Deduplicators
from synthgen.engine.judging.stored import accept_stored, stored_dimensions
from synthgen.errors import JournalError
from synthgen.job import DuplicateCheck
from synthgen.journal import CommittedSlot, Journal
from synthgen.records import Candidate, Decision, Reason, Rejection

DIMENSIONS, LABELS = 8, ("late", "lost")
Vectors = npt.NDArray[np.float16]


def candidate(number: int, text: str) -> Candidate:
    label = LABELS[number % 3 == 0]
    return Candidate(f"r{number}", f"s{number}", label, number, 0, text, {"text": text})


def rows_of(seed: int, count: int) -> tuple[list[Candidate], Vectors]:
    """Some alike by letters, some by vector."""
    rng = np.random.default_rng(seed)
    words = ["card", "late", "pin", "refund", "where", "lost", "rate", "top", "up"]
    rows = [candidate(n, " ".join(rng.choice(words, size=int(rng.integers(2, 7))))) for n in range(count)]
    centres = rng.normal(size=(12, DIMENSIONS))
    return rows, (centres[rng.integers(0, 12, count)] + 0.2 * rng.normal(size=(count, DIMENSIONS))).astype(np.float16)


def deduplicators(*, are_apart: bool) -> Deduplicators:
    def one() -> Deduplicator:
        return Deduplicator(DuplicateCheck(check="duplicate", threshold=0.9), None, DIMENSIONS)

    return Deduplicators(one(), {label: one() for label in LABELS} if are_apart else None)


def begun(run_dir: Path) -> Journal:
    run_dir.mkdir(exist_ok=True)
    journal = Journal.create(run_dir)
    journal.set_meta({"fingerprint": "any"})
    return journal


def commit(run_dir: Path, rows: Sequence[Candidate], vectors: Sequence[bytes | None]) -> None:
    """Every fourth one was rejected."""
    journal = begun(run_dir)
    for row, vector in zip(rows, vectors, strict=True):
        rejection = Rejection(Reason.TOO_SHORT, {}) if row.ordinal % 4 == 3 else None
        journal.apply(
            [CommittedSlot(row.slot_id, row.label, row.ordinal, False, (Decision(row, rejection, vector=vector),))]
        )
    journal.close()


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, rows in (("PAGE", 7), ("VECTOR_PAGE", 5), ("_PAGES_AT_ONCE", 1)):
        monkeypatch.setattr(stored, name, rows)


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("are_apart", [False, True])
@pytest.mark.parametrize("count", [0, 1, 7, 60])
def test_stored_rows_count_as_if_accepted_in_turn(tmp_path: Path, are_apart: bool, count: int) -> None:
    """The same verdicts, to witness and similarity, whether classes stand together or apart."""
    rows, vectors = rows_of(count, count + 40)
    commit(tmp_path, rows[:count], [vector.tobytes() for vector in vectors[:count]])
    in_turn, loaded = (deduplicators(are_apart=are_apart) for _ in range(2))
    for row, vector in zip(rows[:count], vectors[:count], strict=True):
        if row.ordinal % 4 != 3:
            in_turn.accepted(row.label).accept(row, vector)
    accept_stored(loaded, tmp_path)
    verdicts = [
        [dedups.accepted(row.label).judge_accepted(row, vector) for row, vector in zip(rows, vectors, strict=True)]
        for dedups in (in_turn, loaded)
    ]
    assert verdicts[0] == verdicts[1]
    assert any(verdict.rejection for verdict in verdicts[1]) == (count > 0)


@pytest.mark.usefixtures("small_pages")
def test_nothing_more_is_read_once_it_is_over(tmp_path: Path) -> None:
    """Where nobody waits any more, it ends with what it has, and does not complain that the rest is missing."""
    rows, vectors = rows_of(1, 60)
    commit(tmp_path, rows, [vector.tobytes() for vector in vectors])
    dedups = deduplicators(are_apart=False)
    accept_stored(dedups, tmp_path, lambda: dedups.real.accepted_rows > 0)
    assert 0 < dedups.real.accepted_rows < 45
    unasked = deduplicators(are_apart=True)
    accept_stored(unasked, tmp_path, lambda: True)
    assert [dedup.accepted_rows for dedup in (unasked.real, *(unasked.apart or {}).values())] == [0, 0, 0]


@pytest.mark.usefixtures("small_pages")
def test_an_error_of_any_thread_ends_all(tmp_path: Path) -> None:
    """Vectors that do not fit each other are told, by slot; a row without one is not passed over."""
    rows, vectors = rows_of(2, 40)
    commit(tmp_path / "short", rows, [vector.tobytes()[: 16 if n < 38 else 8] for n, vector in enumerate(vectors)])
    with pytest.raises(JournalError, match="different lengths"):
        accept_stored(deduplicators(are_apart=False), tmp_path / "short")
    commit(tmp_path / "none", rows, [None if n == 5 else vector.tobytes() for n, vector in enumerate(vectors)])
    with pytest.raises(JournalError, match="30 rows and vectors of 29"):
        accept_stored(deduplicators(are_apart=False), tmp_path / "none")


def test_length_of_vectors_is_known_from_the_journal(tmp_path: Path) -> None:
    """Of the first accepted row that has one."""
    rows, vectors = rows_of(3, 5)
    commit(tmp_path, rows, [None, *(vector.tobytes() for vector in vectors[1:])])
    begun(tmp_path / "empty").close()
    for folder, known in ((tmp_path, DIMENSIONS), (tmp_path / "empty", None)):
        with closing(Journal.read(folder)) as journal:
            assert stored_dimensions(journal) == known
