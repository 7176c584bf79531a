"""What a changed job means for a run, before it costs anything: the differences, and what the rest will take."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import orjson
from pydantic import ValidationError

from synthgen.engine.asking.prices import price_of
from synthgen.engine.changes.effects import Change, as_it_meant, compare
from synthgen.engine.changes.estimate import estimate
from synthgen.engine.planning.demand import ClassDemand, Tally
from synthgen.engine.planning.prepared import PreparedJob
from synthgen.job import Job
from synthgen.journal import Journal
from synthgen.records import Usage

LOOKED_BACK_ANSWERS = 1000
MAX_CHANGES_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a run has, and roughly what it still takes.

    Attributes:
        answers: Answers paid for.
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
            **self.usage.as_json(),
            **({} if self.has_price else {"usd": None}),
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
            yield from (f"    {change}" for change in changes[:MAX_CHANGES_SHOWN])
            if len(changes) > MAX_CHANGES_SHOWN:
                yield f"    ... and {len(changes) - MAX_CHANGES_SHOWN} more"
        yield from self.outlook.lines()


def changed_job(journals: Sequence[Journal], prepared: PreparedJob) -> list[Change]:
    """What is different in a job, the weightiest first; nothing where the run has not begun.

    Args:
        journals: One for each stage, the run's own last; a stage that has not begun says nothing.
        prepared: The job's last stage.
    """
    found: dict[str, Change] = {}
    for journal, stage in zip(journals, prepared.stages, strict=True):
        before = run_fingerprint(journal)
        for change in compare(before, stage.fingerprint()) if before is not None else ():
            is_of_stage = not change.place.startswith(("job", "files")) and len(journals) > 1
            place = f"{stage.stage.name}.{change.place}" if is_of_stage else change.place
            found.setdefault(place, replace(change, place=place))
    return sorted(found.values(), key=lambda change: -change.effect)


def run_fingerprint(journal: Journal) -> Mapping[str, Any] | None:
    """The job that a run was last worked on with; None where it never began."""
    stored = journal.meta().get("fingerprint")
    if stored is None:
        return None
    found: dict[str, Any] = orjson.loads(stored)
    with contextlib.suppress(ValidationError):  # a job of another synthgen is compared as it stands
        found["job"] = Job.model_validate(as_it_meant(found["job"])).model_dump(mode="json", by_alias=True)
    return found


def look_ahead(journals: Sequence[Journal], prepared: PreparedJob) -> Outlook:
    """By what answers have brought and cost so far; where there are none, by the estimate of `synthgen plan`."""
    answers = sum(journal.answers() for journal in journals)
    spent = sum((journal.usage() for journal in journals), Usage())
    accepted = journals[-1].accepted_counts()
    missing = {label: max(0, target - accepted.get(label, 0)) for label, target in prepared.targets.items()}
    if not answers:
        guess = estimate(prepared)
        return Outlook(0, spent, sum(missing.values()), guess.requests, guess.usage, guess.has_price)
    requests, usage = 0, Usage()
    wanted: dict[str, float] = dict(missing)
    for journal, stage, before in reversed(list(zip(journals, prepared.stages, (None, *journals), strict=False))):
        asked = {label: _slots_to_come(journal, stage, label, rows, before) for label, rows in wanted.items()}
        count = sum(slots for slots, _ in asked.values())
        requests += count
        usage += _cost_of(count, journal, Usage(spent.input_tokens // answers, spent.output_tokens // answers))
        wanted = {label: left / stage.stage.copies for label, (_, left) in asked.items()}
    price = price_of(prepared.groups[0].endpoints[0])
    if price is not None:
        usage = replace(usage, usd=price.of(usage))
    return Outlook(answers, spent, sum(missing.values()), requests, usage, price is not None)


def _slots_to_come(
    journal: Journal, stage: PreparedJob, label: str, rows: float, before: Journal | None
) -> tuple[int, float]:
    """Slots of a class that are still to be asked for so many rows, and how many of them have no row to work on yet."""
    account = ClassDemand(label, stage.targets[label], stage.items, stage.job.starvation, Tally())
    recent = journal.recent_yields(label, last=LOOKED_BACK_ANSWERS)
    accepted, committed = journal.accepted_counts().get(label, 0), journal.committed_counts().get(label, 0)
    account.resume(accepted=accepted, committed=committed, recent=recent)
    unjudged, _ = journal.undecided(label, since=account.committed)
    slots = max(0, math.ceil(rows / account.yield_rows) - len(unjudged))
    there = 0 if before is None else before.accepted_counts().get(label, 0) * stage.stage.copies
    return slots, max(0.0, slots - max(0, there - committed - len(unjudged)))


def _cost_of(requests: int, journal: Journal, otherwise: Usage) -> Usage:
    """Tokens that requests of a stage will take, by its answers so far, or by those of all stages."""
    answers, spent = journal.answers(), journal.usage()
    if not answers:
        return Usage(otherwise.input_tokens * requests, otherwise.output_tokens * requests)
    return Usage(spent.input_tokens * requests // answers, spent.output_tokens * requests // answers)


def _cost(usage: Usage, *, has_price: bool) -> str:
    tokens = f"{usage.total_tokens:,} tokens"
    return f"{tokens}, ${usage.usd:.4f}" if has_price else f"{tokens}, price unknown"
