"""Which rows are looked at: spread evenly over the classes, the same for everybody, and growing only at its end.

The order is systematic sampling with a random start in each class (W. G. Cochran, Sampling Techniques, ch. 8): the rows
of a class are shuffled by a hash, and row r of n stands at (r + u) / n with u from the class's hash. Whatever number of
rows is taken from the front, every row had the same chance to be among them, and each class has its share to the row.
A sample of 200 begins with the sample of 100.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from synthgen.identity import canonical_json, digest
from synthgen.journal import AcceptedMark

QUEUE_RATIO = 0.1
PROBABILITY = "label_probability"
_DIGEST_SPAN = float(16**24)


@dataclass(frozen=True, slots=True)
class SampledRow:
    """A row to look at.

    Attributes:
        mark: Which.
        is_queued: Whether it is one of those that the label check was least sure of.
        is_extra: Whether it was drawn because of that. The gate counts only the others: they were drawn evenly.
        weight: Accepted rows that it stands for in a weighted estimate: one over its chance to be drawn.
    """

    mark: AcceptedMark
    is_queued: bool
    is_extra: bool
    weight: float


@dataclass(frozen=True, slots=True)
class Sample:
    """What is looked at.

    Attributes:
        rows: The even part first, the extra rows after it.
        population: Accepted rows in all.
        queue: Those of them that the label check was least sure of: the least sure tenth, and those it sent here.
    """

    rows: tuple[SampledRow, ...]
    population: int
    queue: int

    @property
    def even(self) -> tuple[SampledRow, ...]:
        """The rows that count for the gate."""
        return tuple(row for row in self.rows if not row.is_extra)


def draw_sample(marks: Iterable[AcceptedMark], *, size: int, extra: int, seed: int) -> Sample:
    """Draw from the accepted rows.

    Args:
        marks: All of them; their order does not matter.
        size: Rows drawn evenly, at most.
        extra: Rows drawn besides from the disagreement queue, at most.
        seed: The job's.
    """
    everybody = list(marks)
    keys = {mark.row_id: _key("row", seed, mark.row_id) for mark in everybody}
    even = _in_order(everybody, keys, seed)[:size]
    queue = _queue(everybody, keys)
    drawn = {mark.row_id for mark in even}
    more = sorted((m for m in everybody if m.row_id in queue and m.row_id not in drawn), key=lambda m: keys[m.row_id])
    chosen = [(mark, False) for mark in even] + [(mark, True) for mark in more[:extra]]
    weights = stratum_weights(
        queue=len(queue),
        population=len(everybody),
        queue_drawn=sum(mark.row_id in queue for mark, _ in chosen),
        drawn=len(chosen),
    )
    rows = (SampledRow(m, m.row_id in queue, is_extra, weights[m.row_id in queue]) for m, is_extra in chosen)
    return Sample(tuple(rows), len(everybody), len(queue))


def stratum_weights(*, queue: int, population: int, queue_drawn: int, drawn: int) -> tuple[float, float]:
    """Rows that one drawn row stands for: outside the queue, and in it. 0 where none was drawn."""
    outside_drawn = drawn - queue_drawn
    return (
        (population - queue) / outside_drawn if outside_drawn else 0.0,
        queue / queue_drawn if queue_drawn else 0.0,
    )


def _in_order(marks: Sequence[AcceptedMark], keys: dict[str, str], seed: int) -> list[AcceptedMark]:
    """All rows, so that every beginning is an even sample."""
    classes: dict[str, list[AcceptedMark]] = {}
    for mark in marks:
        classes.setdefault(mark.label, []).append(mark)
    placed = []
    for label, found in classes.items():
        start = int(_key("class", seed, label), 16) / _DIGEST_SPAN
        found.sort(key=lambda mark: keys[mark.row_id])
        placed += [((rank + start) / len(found), keys[mark.row_id], mark) for rank, mark in enumerate(found)]
    return [mark for _, _, mark in sorted(placed, key=lambda x: x[:2])]


def _queue(marks: Sequence[AcceptedMark], keys: dict[str, str]) -> set[str]:
    """Ids of the rows whose class is least certain by the label check; empty where the run has none."""
    judged = [(p, keys[m.row_id], m.row_id) for m in marks if isinstance(p := m.results.get(PROBABILITY), int | float)]
    least_sure = sorted(judged)[: math.ceil(QUEUE_RATIO * len(judged))]
    return {row_id for _, _, row_id in least_sure} | {m.row_id for m in marks if m.results.get("review") is True}


def _key(kind: str, seed: int, name: str) -> str:
    return digest(canonical_json(["review", kind, seed, name]))
