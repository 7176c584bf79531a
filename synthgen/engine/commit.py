"""Accepts rows in slot order, so that the accepted set does not depend on when answers came."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synthgen.dedup import Deduplicator
from synthgen.engine.demand import ClassDemand, Demand
from synthgen.engine.evaluate import Judged, Landed
from synthgen.engine.events import (
    ClassMet,
    ClassStarved,
    Observer,
    RowAccepted,
    RowRejected,
    SlotCommitted,
)
from synthgen.engine.writer import JournalWriter
from synthgen.journal import CommittedSlot
from synthgen.records import Decision, Nearest, Reason, Rejection


class Committer:
    """Judges landed slots against everything accepted before them.

    Args:
        demand: The classes' accounts; this is the only place that closes them.
        dedup: Holds the accepted rows.
        writer: Where decisions go.
        observe: Told of every row and slot.
    """

    def __init__(
        self,
        *,
        demand: Demand,
        dedup: Deduplicator,
        writer: JournalWriter,
        observe: Observer,
    ) -> None:
        self._demand, self._dedup, self._writer, self._observe = demand, dedup, writer, observe
        self._landed: dict[tuple[str, int], Landed] = {}

    @property
    def waiting(self) -> int:
        """Slots landed and not yet judged."""
        return len(self._landed)

    def land(self, landed: Landed) -> None:
        """Take in a slot, to be judged when its turn comes; one of a class that is done has no turn."""
        if self._demand.classes[landed.slot.label].is_open:
            self._landed[landed.slot.label, landed.slot.ordinal] = landed

    def commit_ready(self, *, at_most: int = 64) -> int:
        """Judge the slots whose turn has come, up to `at_most`; how many there were."""
        for count in range(at_most):
            account = self._demand.head()
            landed = self._landed.pop((account.label, account.committed), None) if account else None
            if account is None or landed is None:
                return count
            self._commit(account, landed)
        return at_most

    def _commit(self, account: ClassDemand, landed: Landed) -> None:
        decisions: list[Decision] = []
        accepted = 0
        for item in landed.items:
            decision = self._decide(item, has_room=account.accepted + accepted < account.target)
            accepted += decision.rejection is None
            decisions.append(decision)
        slot = landed.slot
        self._writer.queue(CommittedSlot(slot.id, slot.label, slot.ordinal, landed.is_failed, tuple(decisions)))
        account.note_committed(accepted, is_failed=landed.is_failed)
        self._tell(account, landed, decisions)
        self._close_if_done(account)

    def _decide(self, item: Judged, *, has_room: bool) -> Decision:
        candidate = item.candidate
        rejection, nearest, results = judge_among_accepted(self._dedup, item)
        if rejection is None and not has_room:
            rejection = Rejection(Reason.SURPLUS, {})
        if rejection is None:
            self._dedup.accept(candidate, item.vector)
        vector = None if item.vector is None else item.vector.tobytes()
        return Decision(candidate, rejection, nearest, vector, results)

    def _tell(self, account: ClassDemand, landed: Landed, decisions: list[Decision]) -> None:
        for decision in decisions:
            c = decision.candidate
            if decision.rejection is None:
                self._observe(RowAccepted(c.label, c.id, c.text))
            else:
                self._observe(RowRejected(c.label, c.id, decision.rejection.reason, c.text))
        ordinal = landed.slot.ordinal
        self._observe(SlotCommitted(account.label, ordinal, landed.is_failed, account.accepted, account.target))

    def _close_if_done(self, account: ClassDemand) -> None:
        self._tell_if_done(account)
        if not account.is_open:
            self._landed = {turn: landed for turn, landed in self._landed.items() if turn[0] != account.label}

    def _tell_if_done(self, account: ClassDemand) -> None:
        if account.is_met:
            self._observe(ClassMet(account.label, account.accepted))
        elif account.has_collapsed():
            account.is_starved = True
            recent = account.recent
            self._observe(ClassStarved(account.label, account.accepted, account.target, len(recent), sum(recent)))


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
