"""What is asked for, as values: a slot to ask, and a call on its way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from synthgen.engine.asking.adaptive import Ticket
from synthgen.engine.asking.endpoint import Endpoint
from synthgen.engine.asking.retry import Tries
from synthgen.engine.writer import JournalWriter
from synthgen.records import Failure, Request, Slot, Spend


class AskedStage(Protocol):
    """A stage, as far as asking is concerned.

    Attributes:
        number: Its place among the stages.
        groups: Groups of endpoints that answer it.
        writer: Where its answers become durable.
    """

    number: int
    groups: frozenset[int]
    writer: JournalWriter

    def take_slot(self) -> Slot | None:
        """The next slot worth asking, now counted as on its way; None where enough is.

        Raises:
            JobError: Its prompt cannot be rendered.
        """
        ...

    def is_open(self, label: str) -> bool:
        """Whether rows of a class are still wanted."""
        ...

    def note_uncertain(self, slot: Slot) -> None:
        """Account for a slot that may never be answered."""
        ...

    def fail(self, slot: Slot) -> None:
        """Take in a slot that failed permanently."""
        ...


@dataclass(slots=True, eq=False)
class Work:
    """One request to make: a slot's first, or the same slot asked again.

    Attributes:
        stage: The stage it is asked for.
        slot: What is asked for.
        step: 0 for the slot's own prompt; n for its n-th re-prompt with a validation error.
        request: What is sent.
        tries: What it has been through.
        excluded: The endpoint where it failed last.
        excluded_until: When that endpoint may be asked again, by the engine's clock; others may at once.
    """

    stage: AskedStage
    slot: Slot
    step: int
    request: Request
    tries: Tries
    excluded: Endpoint | None = None
    excluded_until: float = 0.0


@dataclass(slots=True, eq=False)
class Call:
    """One request on its way.

    Attributes:
        endpoint: Where.
        work: What for.
        max_spend: Reserved from the budget, where there is one.
        likely_tokens: Taken from the token rate; 0 where none was known.
        ticket: What the endpoint's limits noted.
        latency_s: How long it took, once it is over.
        failure: Why it brought no answer, once it is over.
        spent: What it may have cost in vain.
    """

    endpoint: Endpoint
    work: Work
    max_spend: Spend
    likely_tokens: int
    ticket: Ticket
    latency_s: float = 0.0
    failure: Failure | None = None
    spent: Spend | None = None
