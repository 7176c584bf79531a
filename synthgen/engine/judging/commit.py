"""Accepts rows in slot order, so that the accepted set does not depend on when answers came."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice, takewhile
from typing import Any, NamedTuple, TypeAlias

import anyio
import anyio.to_thread

from synthgen.dedup import Deduplicator
from synthgen.engine.events import (
    ClassMet,
    ClassStarved,
    Observer,
    RowAccepted,
    RowRejected,
    SlotCommitted,
)
from synthgen.engine.judging.evaluate import EvaluatedSlot, Judged, is_any_readable
from synthgen.engine.planning.demand import ClassDemand, Demand
from synthgen.engine.writer import JournalWriter
from synthgen.journal import CommittedSlot
from synthgen.records import Decision, Nearest, Reason, Rejection

BURST = 64
# A search of so many rows takes longer than to hand it to a thread, and costs less the more are searched for at once.
LARGE_POOL_ROWS, LARGE_BURST = 20_000, 256
DedupOf: TypeAlias = Callable[[str], Deduplicator]


class _Burst(NamedTuple):
    """Slots that are judged one after the other.

    Attributes:
        account: Whose; None where all classes stand in one order.
        size: How many at most.
        dedup: What their items are judged by.
        items: Those of them to be searched for.
    """

    account: ClassDemand | None
    size: int
    dedup: Deduplicator
    items: Sequence[Judged]


class Turn(NamedTuple):
    """A slot whose turn has come, its class's account, and who holds the rows that its items are compared with."""

    account: ClassDemand
    evaluated: EvaluatedSlot
    dedup: Deduplicator


class Decided(NamedTuple):
    """A slot with a decision for each of its items."""

    account: ClassDemand
    evaluated: EvaluatedSlot
    decisions: Sequence[Decision]


class Committer:
    """Judges evaluated slots in slot order, against everything accepted before them.

    Args:
        demand: The classes' accounts; this is the only place that closes them.
        writer: Where decisions go.
        observe: Receives an event for every row and slot.
        passes_on: Whether another stage works on what is accepted: slots are reported once they are durable.
    """

    def __init__(self, *, demand: Demand, writer: JournalWriter, observe: Observer, passes_on: bool = False) -> None:
        self._demand, self._writer, self._observe, self._passes_on = demand, writer, observe, passes_on
        self._evaluated: dict[tuple[str, int], EvaluatedSlot] = {}
        self._in_turn = anyio.Lock(fast_acquire=True)

    @property
    def waiting(self) -> int:
        """Slots evaluated and not yet judged."""
        return len(self._evaluated)

    def add(self, evaluated: EvaluatedSlot) -> None:
        """Take in a slot, to be judged when its turn comes; one of a class that is done has no turn."""
        if self._demand.classes[evaluated.slot.label].is_open:
            self._evaluated[evaluated.slot.label, evaluated.slot.ordinal] = evaluated

    async def commit_ready(self, dedup_of: DedupOf, each: Callable[[Turn], object]) -> int:
        """Have the slots judged whose turn has come, some of them; how many there were.

        Large pools are searched in another thread. Nothing of the pools changes meanwhile, and what is added waits for
        the next call.

        Args:
            dedup_of: Who holds the accepted rows that one of a class is compared with.
            each: Called with each of them in turn; has it decided and committed.
        """
        async with self._in_turn:
            bursts = list(self._bursts(dedup_of))
            if any(burst.items and _is_large(burst.dedup) for burst in bursts):
                await anyio.to_thread.run_sync(_search_all, bursts)
            else:
                _search_all(bursts)
            count = 0
            for burst in bursts:
                for turn in self._turns(burst):
                    each(turn)
                    count += 1
            return count

    def _bursts(self, dedup_of: DedupOf) -> Iterator[_Burst]:
        if self._demand.is_ordered:
            if (head := self._demand.head()) is not None:
                dedup = dedup_of(head.label)
                yield self._burst(None, dedup, self._demand.upcoming(), _burst_size([dedup]))
            return
        accounts = list(self._demand.open_classes()) if self._evaluated else []
        at_most = _burst_size([dedup_of(account.label) for account in accounts])
        for account in accounts:
            turns = ((account.label, ordinal) for ordinal in itertools.count(account.committed))
            burst = self._burst(account, dedup_of(account.label), turns, at_most)
            at_most -= burst.size
            yield burst

    def _burst(
        self, account: ClassDemand | None, dedup: Deduplicator, turns: Iterator[tuple[str, int]], at_most: int
    ) -> _Burst:
        if account is None and not dedup.searches:
            return _Burst(account, at_most, dedup, ())
        ready = list(takewhile(self._evaluated.__contains__, islice(turns, at_most)))
        searched = ready if dedup.searches else ()
        items = [item for turn in searched for item in self._evaluated[turn].items if item.rejection is None]
        return _Burst(account, len(ready), dedup, items)

    def _turns(self, burst: _Burst) -> Iterator[Turn]:
        """The slots of a burst, as long as the one before did not change whose turn it is."""
        for _ in range(burst.size):
            account = self._demand.head() if burst.account is None else burst.account
            if account is None or not account.is_open:
                return
            evaluated = self._evaluated.pop((account.label, account.committed), None)
            if evaluated is None:
                return
            yield Turn(account, evaluated, burst.dedup)

    def decide(self, turn: Turn) -> Decided:
        """Decide on the items of a slot whose turn has come."""
        account, evaluated, dedup = turn
        decisions: list[Decision] = []
        accepted = 0
        for item in evaluated.items:
            rejection, nearest, results = judge_among_accepted(dedup, item)
            if rejection is None and not account.has_room(accepted):
                rejection = Rejection(Reason.SURPLUS, {})
            if rejection is None:
                dedup.accept(item.candidate, item.vector)
                accepted += 1
            vector = None if item.vector is None else item.vector.tobytes()
            decisions.append(Decision(item.candidate, rejection, nearest, vector, results))
        return Decided(account, evaluated, decisions)

    def commit(self, decided: Decided) -> None:
        """Write decisions down, account for them, and close the class where it is done."""
        account, evaluated, decisions = decided
        slot, is_failed = evaluated.slot, evaluated.is_failed
        accepted = sum([decision.rejection is None for decision in decisions])
        committed = CommittedSlot(slot.id, slot.label, slot.ordinal, is_failed, tuple(decisions))
        self._writer.queue(committed, about=account if self._passes_on and accepted else None)
        is_readable = accepted > 0 or is_any_readable([decision.rejection for decision in decisions])
        account.note_committed(accepted, is_failed=is_failed, answers=evaluated.answers, is_readable=is_readable)
        for decision in decisions:
            c = decision.candidate
            if decision.rejection is None:
                self._observe(RowAccepted(c.label, c.id, c.text))
            else:
                self._observe(RowRejected(c.label, c.id, decision.rejection.reason, c.text))
        self._observe(SlotCommitted(account.label, slot.ordinal, is_failed, account.accepted, account.target))
        self._close_if_done(account)

    def close_exhausted(self) -> None:
        """Let the classes stall for which the stage before brings no more rows, once all it brought are judged."""
        for account in list(self._demand.open_classes()):
            if account.is_upstream_exhausted():
                self._stall(account)

    def _close_if_done(self, account: ClassDemand) -> None:
        if account.is_met:
            self._observe(ClassMet(account.label, account.accepted))
        elif account.has_stalled():
            self._stall(account)
        if not account.is_open:
            self._evaluated = {turn: waiting for turn, waiting in self._evaluated.items() if turn[0] != account.label}

    def _stall(self, account: ClassDemand) -> None:
        account.stall()
        self._observe(class_starved(account))


def class_starved(account: ClassDemand) -> ClassStarved:
    """The event that a class stalled."""
    recent = account.recent
    return ClassStarved(account.label, account.accepted, account.target, len(recent), sum(recent))


def _is_large(dedup: Deduplicator) -> bool:
    """Whether others should have their turn while it is searched."""
    return dedup.searches and dedup.accepted_rows >= LARGE_POOL_ROWS


def _burst_size(dedups: Iterable[Deduplicator]) -> int:
    return LARGE_BURST if any(map(_is_large, dedups)) else BURST


def _search_all(bursts: Iterable[_Burst]) -> None:
    for _, _, dedup, items in bursts:
        if len(items) > 1:
            dedup.look_ahead([item.candidate for item in items], [item.vector for item in items])


def judge_among_accepted(
    dedup: Deduplicator, item: Judged
) -> tuple[Rejection | None, Nearest | None, Mapping[str, Any]]:
    """What stands against an item when everything accepted before it counts too, its nearest row of all pools, and
    what the checks found."""
    if item.rejection is not None:
        return item.rejection, item.nearest, item.results
    verdict = dedup.judge_accepted(item.candidate, item.vector)
    nearest = verdict.nearest
    if nearest is None or (item.nearest is not None and item.nearest.similarity >= nearest.similarity):
        nearest = item.nearest
    return verdict.rejection, nearest, item.with_contrast(verdict)
