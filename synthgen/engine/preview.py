"""What a changed job means for a run, before it costs anything: the differences, and what the rest will take."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import orjson

from synthgen.engine.blueprint import Blueprint
from synthgen.engine.changes import Change, compare
from synthgen.engine.demand import ClassDemand
from synthgen.engine.estimate import estimate
from synthgen.engine.prices import price_of
from synthgen.journal import Journal
from synthgen.records import Usage

LOOKED_BACK_ANSWERS = 1000
MOST_CHANGES_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a run has, and roughly what it still takes.

    Attributes:
        answers: Answers bought.
        spent: What they cost.
        missing: Rows still to be accepted, by the decisions as they stand.
        requests: Requests that will likely bring them, answers not judged yet being used first.
        usage: What these will cost, about; money is 0 where the price is not known.
        has_price: Whether it is.
    """

    answers: int
    spent: Usage
    missing: int
    requests: int
    usage: Usage
    has_price: bool

    def as_json(self) -> dict[str, Any]:
        """What is to come, for `--json`."""
        return {
            "rows": self.missing,
            "requests": self.requests,
            "input_tokens": self.usage.input_tokens,
            "output_tokens": self.usage.output_tokens,
            "usd": float(self.usage.usd) if self.has_price else None,
        }

    def lines(self) -> Iterator[str]:
        """For a person."""
        paid = f", ${self.spent.usd:.4f}" if self.spent.usd else ""
        yield f"kept: {self.answers:,} answers, {self.spent.total_tokens:,} tokens{paid}"
        yield f"to come: {self.missing:,} rows are missing: about {self.requests:,} requests, {self.cost}"

    @property
    def cost(self) -> str:
        """Of what is to come, in words."""
        return _cost(self.usage, has_price=self.has_price)


@dataclass(frozen=True, slots=True)
class Preview:
    """A job that differs from the run's, the weightiest differences first."""

    changes: tuple[Change, ...]
    outlook: Outlook

    def lines(self) -> Iterator[str]:
        """Differences by effect, each effect with what it means, then what is kept and what is to come."""
        for effect, found in groupby(self.changes, key=lambda change: change.effect):
            changes = list(found)
            yield f"{effect.meaning}:"
            yield from (f"    {change}" for change in changes[:MOST_CHANGES_SHOWN])
            if len(changes) > MOST_CHANGES_SHOWN:
                yield f"    ... and {len(changes) - MOST_CHANGES_SHOWN} more"
        yield from self.outlook.lines()


def changed_job(journal: Journal, blueprint: Blueprint) -> list[Change]:
    """What is different in a job, the weightiest first; nothing where the run has not begun."""
    before = run_fingerprint(journal)
    return compare(before, blueprint.fingerprint()) if before is not None else []


def run_fingerprint(journal: Journal) -> Mapping[str, Any] | None:
    """The job that a run was last worked on with; None where it never began."""
    stored = journal.meta().get("fingerprint")
    found: Mapping[str, Any] | None = orjson.loads(stored) if stored is not None else None
    return found


def look_ahead(journal: Journal, blueprint: Blueprint) -> Outlook:
    """By what answers have brought and cost so far; where there are none, by the estimate of `synthgen plan`."""
    answers, spent = journal.answers(), journal.usage()
    accepted, committed = journal.accepted_counts(), journal.committed_counts()
    missing = {label: max(0, target - accepted.get(label, 0)) for label, target in blueprint.targets.items()}
    if not answers:
        guess = estimate(blueprint)
        return Outlook(0, spent, sum(missing.values()), guess.requests, guess.usage, guess.has_price)
    requests = 0
    for label, rows in missing.items():
        account = ClassDemand(label, blueprint.targets[label], blueprint.items, blueprint.job.starvation)
        recent = journal.recent_yields(label, last=LOOKED_BACK_ANSWERS)
        account.resume(accepted=accepted.get(label, 0), committed=committed.get(label, 0), recent=recent)
        unjudged, _ = journal.undecided(label, since=account.committed)
        requests += max(0, math.ceil(rows / account.yield_rows) - len(unjudged))
    usage = Usage(spent.input_tokens * requests // answers, spent.output_tokens * requests // answers)
    price = price_of(blueprint.groups[0].endpoints[0])
    if price is not None:
        usage = replace(usage, usd=price.of(usage))
    return Outlook(answers, spent, sum(missing.values()), requests, usage, price is not None)


def _cost(usage: Usage, *, has_price: bool) -> str:
    tokens = f"{usage.total_tokens:,} tokens"
    return f"{tokens}, ${usage.usd:.4f}" if has_price else f"{tokens}, price unknown"
