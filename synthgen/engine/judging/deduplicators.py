"""Who compares a stage's rows with those it has accepted: one for all, or one for each class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from synthgen.dedup import Deduplicator
from synthgen.engine.planning.prepared import PreparedJob
from synthgen.job import DuplicateCheck, LeakageCheck


@dataclass(frozen=True, slots=True)
class Deduplicators:
    """Those of one stage.

    Attributes:
        real: Knows the real rows, and the accepted ones unless classes go their own ways.
        apart: Where each class goes its own way: who holds its accepted rows; else None.
    """

    real: Deduplicator
    apart: Mapping[str, Deduplicator] | None = None

    def accepted(self, label: str) -> Deduplicator:
        """Who holds the accepted rows that one of a class is compared with."""
        return self.real if self.apart is None else self.apart[label]

    def accepted_each(self, labels: Sequence[str]) -> Iterator[tuple[Deduplicator, list[bool] | None]]:
        """Who holds some accepted rows, and which of them; None for all."""
        if self.apart is None:
            yield self.real, None
            return
        for label in dict.fromkeys(labels):
            yield self.accepted(label), [label == other for other in labels]

    @property
    def compare_vectors(self) -> bool:
        """Whether accepted rows must have vectors."""
        return any(dedup.compares_vectors for dedup in self._all)

    def settle_vectors(self) -> None:
        """Make ready the vectors of what was accepted in earlier sessions."""
        for dedup in self._all:
            dedup.settle_vectors()

    def settle_ngrams(self) -> None:
        """Make ready its character n-grams."""
        for dedup in self._all:
            dedup.settle_ngrams()

    def settle(self) -> None:
        """Make ready all of it, rather than when the first row is judged."""
        for dedup in self._all:
            dedup.settle()

    @property
    def _all(self) -> list[Deduplicator]:
        return [self.real, *(self.apart or {}).values()]


def make_deduplicators(prepared: PreparedJob, dimensions: int | None) -> Deduplicators:
    """Those of a job, before they know any row.

    Args:
        prepared: The stage.
        dimensions: Length of the vectors, or None where the stage needs none.
    """
    duplicate = prepared.check(DuplicateCheck)
    leakage = prepared.check(LeakageCheck) if prepared.test else None
    real = Deduplicator(duplicate, leakage, dimensions, ranked=(row.text for row in prepared.train.rows))
    if prepared.is_last or len(prepared.targets) == 1:
        return Deduplicators(real)
    return Deduplicators(real, {label: Deduplicator(duplicate, None, dimensions) for label in prepared.targets})
