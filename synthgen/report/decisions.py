"""Every decision of a run, added up in one pass: reasons, similarities, probabilities, and which rows to show."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from synthgen.journal import Judgement
from synthgen.records import Reason

BINS = 50
EXAMPLES = 4
POINTS_PER_CLASS = 1_000
_DUPLICATES = (Reason.EXACT_DUPLICATE, Reason.NEAR_DUPLICATE, Reason.LABEL_CONFLICT)
Place = tuple[int, int]


@dataclass(slots=True)
class ClassLabels:
    """What the label check made of a class.

    Attributes:
        passed: Rows read as their class.
        rejected: Rows rejected: surely of another, or not sure enough where the job asks for that.
        unsure: Rows that were kept although another class is a little more probable.
        unjudged: Rows of a class with too few real rows to judge by.
        probability_sum: Of their class, over the passed rows.
    """

    passed: int = 0
    rejected: int = 0
    unsure: int = 0
    unjudged: int = 0
    probability_sum: float = 0.0


@dataclass(slots=True)
class DecisionTally:
    """A run's decisions.

    Attributes:
        accepted: Rows by class.
        rejected: Items by reason.
        rejected_by_class: Items by class and reason.
        labels: The label check's verdicts by class; empty where there were none.
        held_out_accuracy: How often the label check reads held-out real rows right, where its evidence says so.
        nearest: Similarity of accepted rows to their nearest row, counted in `BINS` equal bins from 0 to 1.
        duplicates: Likewise of rows rejected as duplicates, by the stage that found them.
        thresholds: At or above which each stage rejects, as far as rejections tell.
        examples: A few items of each reason: the same ones each time, from anywhere in the run.
        points: Accepted rows to draw, by class: at most `POINTS_PER_CLASS` of each.
    """

    accepted: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    rejected_by_class: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    labels: defaultdict[str, ClassLabels] = field(default_factory=lambda: defaultdict(ClassLabels))
    held_out_accuracy: float | None = None
    nearest: list[int] = field(default_factory=lambda: [0] * BINS)
    duplicates: dict[str, list[int]] = field(default_factory=dict)
    thresholds: dict[str, float] = field(default_factory=dict)
    examples: defaultdict[str, Few] = field(default_factory=lambda: defaultdict(lambda: Few(EXAMPLES)))
    points: defaultdict[str, Few] = field(default_factory=lambda: defaultdict(lambda: Few(POINTS_PER_CLASS)))

    def take(self, judgement: Judgement) -> None:
        """Count one item."""
        if judgement.reason is None:
            self.accepted[judgement.label] += 1
            self.points[judgement.label].offer(judgement)
            self._take_similarity(self.nearest, judgement.nearest.get("similarity"))
        else:
            self.rejected[judgement.reason] += 1
            self.rejected_by_class[judgement.label][judgement.reason] += 1
            self.examples[judgement.reason].offer(judgement)
            if judgement.reason in _DUPLICATES:
                self._take_duplicate(judgement)
        self._take_label(judgement)

    def _take_duplicate(self, judgement: Judgement) -> None:
        stage = str(judgement.evidence.get("stage", "near"))
        bins = self.duplicates.setdefault(stage, [0] * BINS)
        self._take_similarity(bins, judgement.evidence.get("similarity"))
        threshold = judgement.evidence.get("threshold")
        if isinstance(threshold, int | float):
            self.thresholds[stage] = float(threshold)

    def _take_label(self, judgement: Judgement) -> None:
        if judgement.reason == Reason.LABEL:
            self.labels[judgement.label].rejected += 1
            accuracy = judgement.evidence.get("held_out_accuracy")
            self.held_out_accuracy = accuracy if isinstance(accuracy, float) else self.held_out_accuracy
        probability, word = judgement.results.get("label_probability"), judgement.results.get("label")
        if word == "unjudged":
            self.labels[judgement.label].unjudged += 1
        elif word == "unsure":
            self.labels[judgement.label].unsure += 1
        elif isinstance(probability, int | float):
            self.labels[judgement.label].passed += 1
            self.labels[judgement.label].probability_sum += probability

    @staticmethod
    def _take_similarity(bins: list[int], similarity: Any) -> None:
        if isinstance(similarity, int | float):
            bins[_bin(similarity)] += 1


class Few:
    """Keeps a sample of what it is offered: the same one each time, whatever the order."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._heap: list[tuple[bytes, int, int, Judgement]] = []

    def offer(self, judgement: Judgement) -> None:
        """Take it in where it is one of the highest by hash."""
        entry = (
            blake2b(judgement.row_id.encode(), digest_size=8).digest(),
            judgement.position,
            judgement.item,
            judgement,
        )
        if len(self._heap) < self._count:
            heapq.heappush(self._heap, entry)
        elif entry[0] > self._heap[0][0]:
            heapq.heapreplace(self._heap, entry)

    def kept(self) -> list[Judgement]:
        """In commit order."""
        return sorted((judgement for *_, judgement in self._heap), key=lambda j: (j.position, j.item))


def binned(similarities: Iterable[float]) -> list[int]:
    """Counts in `BINS` equal bins from 0 to 1."""
    bins = [0] * BINS
    for similarity in similarities:
        bins[_bin(similarity)] += 1
    return bins


def _bin(similarity: float) -> int:
    return max(0, min(BINS - 1, int(similarity * BINS)))


def tally_decisions(judgements: Iterable[Judgement]) -> DecisionTally:
    """Add up a run."""
    tally = DecisionTally()
    for judgement in judgements:
        tally.take(judgement)
    return tally
