"""Where a run's spot check stands: everything a command, a card or a report says about it, from the journal alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from synthgen.journal import Journal
from synthgen.review.acceptance import AcceptanceTest, run_acceptance_test
from synthgen.review.agreement import Agreement, compare_reviewers
from synthgen.review.sample import Sample, draw_sample, stratum_weights
from synthgen.review.verdicts import Opinions, Verdict, read_opinions, worst

SETTINGS_KEY = "review"


@dataclass(frozen=True, slots=True)
class Settings:
    """How large the sample is: rows drawn evenly, and rows of the disagreement queue besides."""

    size: int
    extra: int


@dataclass(frozen=True, slots=True)
class ReviewStatus:
    """The spot check of a run.

    Attributes:
        acceptance: What the evenly drawn rows say.
        sample: Rows to look at.
        combined: What counts for each sampled row that somebody judged.
        opinions: Each reviewer's, sampled rows or not.
        agreements: Pairs of reviewers compared.
        weighted_error_ratio: Estimate from all judged rows, each weighted by the rows it stands for; None before both
            the queue and the rest were looked at. It has no exact bound: the gate does not use it.
        elsewhere: Rows with a verdict that are not in the sample, or accepted no longer.
    """

    acceptance: AcceptanceTest
    sample: Sample
    combined: Mapping[str, Verdict]
    opinions: Mapping[str, Opinions]
    agreements: tuple[Agreement, ...]
    weighted_error_ratio: float | None
    elsewhere: int

    @property
    def state(self) -> str:
        """`unreviewed`, `undecided`, `passed` or `failed`."""
        return self.acceptance.state

    def as_json(self) -> dict[str, Any]:
        """Plain values: every figure."""
        extra = [row for row in self.sample.rows if row.is_extra]
        return {
            **self.acceptance.as_json(),
            "sample": len(self.sample.rows) - len(extra),
            "sentence": self.acceptance.sentence(),
            "queue": {
                "rows": self.sample.queue,
                "extra": len(extra),
                **self._counts_of(row.mark.row_id for row in extra),
            },
            "weighted_error_ratio": self.weighted_error_ratio,
            "verdicts": dict(Counter(str(v) for v in self.combined.values())),
            "reviewers": {
                name: dict(Counter(str(v) for v in found.said.values())) for name, found in self.opinions.items()
            },
            "agreements": [agreement.as_json() for agreement in self.agreements],
            "per_class": self._per_class(),
            "elsewhere": self.elsewhere,
        }

    def _counts_of(self, row_ids: Any) -> dict[str, int]:
        said = [self.combined[row_id] for row_id in row_ids if row_id in self.combined]
        return {"looked_at": len(said), "errors": sum(v.is_error for v in said)}

    def _per_class(self) -> dict[str, dict[str, int]]:
        """Of the evenly drawn rows."""
        labels: dict[str, list[str]] = {}
        for row in self.sample.even:
            labels.setdefault(row.mark.label, []).append(row.mark.row_id)
        return {label: {"sample": len(ids), **self._counts_of(ids)} for label, ids in sorted(labels.items())}


def read_settings(meta: Mapping[str, str]) -> Settings | None:
    """The sample's size, or None where nobody has begun."""
    if SETTINGS_KEY not in meta:
        return None
    found = orjson.loads(meta[SETTINGS_KEY])
    return Settings(found["size"], found["extra"])


def read_review_status(journal: Journal, settings: Settings | None = None) -> ReviewStatus:
    """The spot check as it stands.

    Args:
        journal: Of the run.
        settings: The sample's size; None takes the run's own, which is none before anybody has begun.
    """
    meta = journal.meta()
    chosen = settings or read_settings(meta) or Settings(0, 0)
    seed = orjson.loads(meta["fingerprint"]).get("job", {}).get("seed", 0)
    sample = draw_sample(journal.accepted_marks(), size=chosen.size, extra=chosen.extra, seed=seed)
    return add_up(sample, read_opinions(journal.verdicts()))


def add_up(sample: Sample, opinions: Mapping[str, Opinions]) -> ReviewStatus:
    """The figures of a sample and what was said about it."""
    sampled = {row.mark.row_id for row in sample.rows}
    combined = {}
    for row in sample.rows:
        said = [o.said[row.mark.row_id] for o in opinions.values() if row.mark.row_id in o.said]
        verdict = worst(said)
        if verdict is not None:
            combined[row.mark.row_id] = verdict
    counted = [combined[row.mark.row_id] for row in sample.even if row.mark.row_id in combined]
    acceptance = run_acceptance_test(
        looked_at=len(counted), errors=sum(v.is_error for v in counted), rows=sample.population
    )
    about = {row_id for found in opinions.values() for row_id in found.said}
    return ReviewStatus(
        acceptance=acceptance,
        sample=sample,
        combined=combined,
        opinions=opinions,
        agreements=tuple(compare_reviewers(opinions)),
        weighted_error_ratio=_weighted(sample, combined),
        elsewhere=len(about - sampled),
    )


def _weighted(sample: Sample, combined: Mapping[str, Verdict]) -> float | None:
    """Share of errors by the rows that each looked-at row stands for: the queue, and the rest."""
    seen = [(row.is_queued, combined[row.mark.row_id]) for row in sample.rows if row.mark.row_id in combined]
    queued = sum(is_queued for is_queued, _ in seen)
    if not queued or queued == len(seen):
        return None
    weights = stratum_weights(queue=sample.queue, population=sample.population, queue_drawn=queued, drawn=len(seen))
    return sum(weights[is_queued] for is_queued, verdict in seen if verdict.is_error) / sample.population
