"""Whether a candidate is new among the real, test and accepted rows.

Two promises: no kept pair at or above the threshold, and every removed row names a kept or real witness at or above
it. Exact means equal normal forms; near means cosine at or above the check's threshold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from synthgen.dedup.index import VectorIndex
from synthgen.job import DuplicateCheck, LeakageCheck
from synthgen.records import Candidate, Nearest, Reason, Rejection, Row
from synthgen.text import normalise

Vector = npt.NDArray[np.float16]
Verdict = tuple[Rejection | None, Nearest | None]


class Pool:
    """Rows a candidate is compared with: their normal forms and, where near duplicates count, their vectors."""

    def __init__(self, name: str, dimensions: int | None) -> None:
        self.name = name
        self._by_form: dict[bytes, int] = {}
        self._rows: list[tuple[str, str, str]] = []
        self._index = None if dimensions is None else VectorIndex(dimensions)

    def add(self, row_id: str, label: str, text: str, vector: Vector | None) -> None:
        """Add one row. The first row of a normal form stays its witness."""
        self._by_form.setdefault(_form(text), len(self._rows))
        self._rows.append((row_id, label, text))
        if self._index is not None:
            if vector is None:
                raise ValueError(f"row {row_id} has no vector, and this pool compares vectors")
            self._index.add(vector)

    def exact(self, text: str) -> int | None:
        """Place of the first row with the same normal form."""
        return self._by_form.get(_form(text))

    def nearest(self, vector: Vector | None) -> tuple[int, float] | None:
        """Place and cosine of the nearest row; None where vectors do not count."""
        return None if self._index is None or vector is None else self._index.nearest(vector)

    def row(self, place: int) -> tuple[str, str, str]:
        """Id, label and text."""
        return self._rows[place]


class Deduplicator:
    """Compares candidates with three pools.

    `judge_static` depends only on the real and test rows, so it may run early and in any order; `judge_accepted` and
    `accept` must be called in slot order.

    Args:
        duplicate: The job's duplicate check, or None where duplicates are welcome.
        leakage: The job's leakage check, or None.
        dimensions: Length of the vectors, or None where nothing is encoded.
    """

    def __init__(self, duplicate: DuplicateCheck | None, leakage: LeakageCheck | None, dimensions: int | None) -> None:
        self._duplicate, self._leakage = duplicate, leakage
        near_duplicates = dimensions if duplicate is not None and duplicate.near else None
        self._train = Pool("train", near_duplicates)
        self._accepted = Pool("accepted", near_duplicates)
        self._test = Pool("test", dimensions if leakage is not None and leakage.near else None)

    def add_real(self, rows: Sequence[Row], vectors: npt.NDArray[np.float16] | None) -> None:
        """Real training rows, with a vector each where near duplicates count."""
        _fill(self._train, rows, vectors)

    def add_test(self, rows: Sequence[Row], vectors: npt.NDArray[np.float16] | None) -> None:
        """Real test rows, likewise."""
        _fill(self._test, rows, vectors)

    def accept(self, candidate: Candidate, vector: Vector | None) -> None:
        """Later candidates are compared with this one too."""
        self._accepted.add(candidate.id, candidate.label, candidate.text, vector)

    def judge_static(self, candidate: Candidate, vector: Vector | None) -> Verdict:
        """Against the test rows (leakage, first) and the real training rows."""
        if self._leakage is not None:
            leak, _ = _judge(self._test, candidate, vector, self._leakage.threshold, _leaks)
            if leak is not None:
                return leak, None
        if self._duplicate is None:
            return None, None
        return _judge(self._train, candidate, vector, self._duplicate.threshold, _repeats)

    def judge_accepted(self, candidate: Candidate, vector: Vector | None) -> Verdict:
        """Against everything accepted so far."""
        if self._duplicate is None:
            return None, None
        return _judge(self._accepted, candidate, vector, self._duplicate.threshold, _repeats)


ReasonOf = Callable[[bool, bool], Reason]


def _leaks(is_exact: bool, is_other_label: bool) -> Reason:
    return Reason.LEAKAGE


def _repeats(is_exact: bool, is_other_label: bool) -> Reason:
    if is_other_label:
        return Reason.LABEL_CONFLICT
    return Reason.EXACT_DUPLICATE if is_exact else Reason.NEAR_DUPLICATE


def _judge(pool: Pool, candidate: Candidate, vector: Vector | None, threshold: float, reason: ReasonOf) -> Verdict:
    """The pool's objection, and the nearest row where vectors count."""
    place = pool.exact(candidate.text)
    if place is not None:
        return _rejection(pool, place, 1.0, "exact", 1.0, candidate, reason), None
    found = pool.nearest(vector)
    if found is None:
        return None, None
    place, similarity = found
    nearest = Nearest(pool.row(place)[0], round(similarity, 4), pool.name)
    if similarity < threshold:
        return None, nearest
    return _rejection(pool, place, similarity, "near", threshold, candidate, reason), nearest


def _rejection(
    pool: Pool, place: int, similarity: float, stage: str, threshold: float, candidate: Candidate, reason: ReasonOf
) -> Rejection:
    row_id, label, text = pool.row(place)
    evidence = {
        "pool": pool.name,
        "id": row_id,
        "label": label,
        "text": text,
        "similarity": similarity,
        "stage": stage,
        "threshold": threshold,
    }
    return Rejection(reason(stage == "exact", label != candidate.label), evidence)


def _fill(pool: Pool, rows: Sequence[Row], vectors: npt.NDArray[np.float16] | None) -> None:
    for i, row in enumerate(rows):
        pool.add(row.id, row.label, row.text, None if vectors is None else vectors[i])


def _form(text: str) -> bytes:
    return blake2b(normalise(text).encode("utf-8", "replace"), digest_size=16).digest()
