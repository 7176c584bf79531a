"""Accepts rows in slot order, so that the accepted set does not depend on when answers came."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice, takewhile
from typing import Any, NamedTuple

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
from synthgen.engine.judging.evaluate import EvaluatedSlot, Judged
from synthgen.engine.planning.demand import ClassDemand, Demand
from synthgen.engine.writer import JournalWriter
from synthgen.journal import CommittedSlot
from synthgen.records import Candidate, Decision, Nearest, Reason, Rejection

BURST = 64
# A search of so many rows takes longer than to hand it to a thread, and costs less the more are searched for at once.
LARGE_POOL_ROWS, LARGE_BURST = 20_000, 256


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

    @property
    def is_large(self) -> bool:
        """Whether others should have their turn meanwhile."""
        return bool(self.items) and self.dedup.accepted_rows >= LARGE_POOL_ROWS

    def search(self) -> None:
        """Look for all of them at once."""
        if len(self.items) > 1:
            self.dedup.look_ahead([item.candidate for item in self.items], [item.vector for item in self.items])


class Committer:
    """Judges landed slots against everything accepted before them.

    Args:
        demand: The classes' accounts; this is the only place that closes them.
        dedup: Holds the accepted rows that one of a class is compared with.
        writer: Where decisions go.
        observe: Told of every row and slot.
        pass_on: Handed the accepted rows of each slot once they are durable, where another stage works on them.
    """

    def __init__(
        self,
        *,
        demand: Demand,
        dedup: Callable[[str], Deduplicator],
        writer: JournalWriter,
        observe: Observer,
        pass_on: Callable[[Sequence[Candidate]], None] | None = None,
    ) -> None:
        self._demand, self._dedup, self._writer, self._observe = demand, dedup, writer, observe
        self._pass_on = pass_on
        self._evaluated: dict[tuple[str, int], EvaluatedSlot] = {}
        self._turn = anyio.Lock(fast_acquire=True)

    @property
    def waiting(self) -> int:
        """Slots landed and not yet judged."""
        return len(self._evaluated)

    def land(self, evaluated: EvaluatedSlot) -> None:
        """Take in a slot, to be judged when its turn comes; one of a class that is done has no turn."""
        if self._demand.classes[evaluated.slot.label].is_open:
            self._evaluated[evaluated.slot.label, evaluated.slot.ordinal] = evaluated

    async def commit_ready(self) -> int:
        """Judge the slots whose turn has come, some of them; how many there were.

        Large pools are searched in another thread. Nothing of the pools changes meanwhile, and what lands waits for the
        next call.
        """
        async with self._turn:
            bursts = list(self._bursts(BURST))
            if any(burst.is_large for burst in bursts):
                bursts = list(self._bursts(LARGE_BURST))
                await anyio.to_thread.run_sync(_search_all, bursts)
            else:
                _search_all(bursts)
            return sum([self._commit_burst(burst) for burst in bursts])

    def _bursts(self, at_most: int) -> Iterator[_Burst]:
        if self._demand.is_ordered:
            if (head := self._demand.head()) is not None:
                yield self._burst(None, self._dedup(head.label), self._demand.upcoming(), at_most)
            return
        for account in list(self._demand.open_classes()) if self._evaluated else ():
            turns = ((account.label, ordinal) for ordinal in itertools.count(account.committed))
            burst = self._burst(account, self._dedup(account.label), turns, at_most)
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

    def _commit_burst(self, burst: _Burst) -> int:
        for count in range(burst.size):
            account = self._demand.head() if burst.account is None else burst.account
            if account is None or not account.is_open:
                return count
            evaluated = self._evaluated.pop((account.label, account.committed), None)
            if evaluated is None:
                return count
            self._commit(account, evaluated)
        return burst.size

    def close_exhausted(self) -> None:
        """Give up the classes for which the stage before brings no more rows, once all it brought are judged."""
        for account in list(self._demand.open_classes()):
            if account.is_upstream_exhausted():
                account.is_stalled = True
                self._report_stalled(account)
                self._demand.on_change(account.label)

    def _commit(self, account: ClassDemand, evaluated: EvaluatedSlot) -> None:
        decisions: list[Decision] = []
        accepted = 0
        for item in evaluated.items:
            decision = self._decide(item, has_room=account.has_room(accepted))
            accepted += decision.rejection is None
            decisions.append(decision)
        slot = evaluated.slot
        committed = CommittedSlot(slot.id, slot.label, slot.ordinal, evaluated.is_failed, tuple(decisions))
        kept = [decision.candidate for decision in decisions if decision.rejection is None]
        self._writer.queue(committed, then=partial(self._pass_on, kept) if self._pass_on and kept else None)
        account.note_committed(accepted, is_failed=evaluated.is_failed)
        self._tell(account, evaluated, decisions)
        self._close_if_done(account)

    def _decide(self, item: Judged, *, has_room: bool) -> Decision:
        candidate = item.candidate
        dedup = self._dedup(candidate.label)
        rejection, nearest, results = judge_among_accepted(dedup, item)
        if rejection is None and not has_room:
            rejection = Rejection(Reason.SURPLUS, {})
        if rejection is None:
            dedup.accept(candidate, item.vector)
        vector = None if item.vector is None else item.vector.tobytes()
        return Decision(candidate, rejection, nearest, vector, results)

    def _tell(self, account: ClassDemand, evaluated: EvaluatedSlot, decisions: list[Decision]) -> None:
        for decision in decisions:
            c = decision.candidate
            if decision.rejection is None:
                self._observe(RowAccepted(c.label, c.id, c.text))
            else:
                self._observe(RowRejected(c.label, c.id, decision.rejection.reason, c.text))
        ordinal = evaluated.slot.ordinal
        self._observe(SlotCommitted(account.label, ordinal, evaluated.is_failed, account.accepted, account.target))

    def _close_if_done(self, account: ClassDemand) -> None:
        self._report_if_done(account)
        if not account.is_open:
            self._evaluated = {
                turn: evaluated for turn, evaluated in self._evaluated.items() if turn[0] != account.label
            }

    def _report_if_done(self, account: ClassDemand) -> None:
        if account.is_met:
            self._observe(ClassMet(account.label, account.accepted))
        elif account.has_stalled():
            account.is_stalled = True
            self._report_stalled(account)

    def _report_stalled(self, account: ClassDemand) -> None:
        recent = account.recent
        self._observe(ClassStarved(account.label, account.accepted, account.target, len(recent), sum(recent)))


def _search_all(bursts: Iterable[_Burst]) -> None:
    for burst in bursts:
        burst.search()


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
