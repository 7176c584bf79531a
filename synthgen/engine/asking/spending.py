"""Spends: reserves from the budget before a call is sent, has the journal hold a lease for it, settles it after."""

from __future__ import annotations

import anyio

from synthgen.engine.asking.budget import Budget
from synthgen.engine.clock import loop_clock
from synthgen.engine.events import BudgetState, Observer
from synthgen.engine.stop import Stop, StopKind
from synthgen.engine.writer import JournalWriter
from synthgen.journal import Lease
from synthgen.records import Spend

BUDGET_REPORT_EVERY_S = 1.0


class Spending:
    """The budget of a run at work. Made on the running loop.

    Args:
        budget: What may be spent.
        writer: Where leases become durable.
        stop: Set where the budget is spent.
        observe: Receives how much is spent, at most once a second.
    """

    def __init__(self, budget: Budget, writer: JournalWriter, stop: Stop, observe: Observer) -> None:
        self.is_bounded = budget.is_bounded
        self._budget, self._writer, self._stop, self._observe = budget, writer, stop, observe
        self._clock = loop_clock()
        self._reported_at = float("-inf")
        self._leasing = anyio.Lock(fast_acquire=True)

    async def reserve(self, max_spend: Spend) -> bool:
        """Wait until the budget has room and the journal holds a lease for it; False where there never will be."""
        while not self._stop.is_set:
            bound = self._budget.reserve(max_spend)
            if bound is None:
                await self._renew_lease()
                return True
            if not self._budget.has_reservations:
                self._stop.set(StopKind.BUDGET, f"the budget is spent: {bound}")
                return False
            await self._stop.changed.wait()
        return False

    async def _renew_lease(self) -> None:
        """Have the journal hold more than may be in flight, before it is in flight."""
        async with self._leasing:  # another dispatch loop's lease may cover this one too, but only once it is durable
            lease = self._budget.next_lease()
            if lease is not None:
                await self._writer.write(Lease(lease.requests, lease.usage))

    def settle(self, max_spend: Spend, actual: Spend) -> None:
        """Turn a reservation into what was really spent."""
        if not self.is_bounded:
            return
        budget = self._budget
        budget.settle(max_spend, actual)
        lease = budget.next_lease()
        if lease is not None:  # far too much is held: the next commit brings the journal what is enough
            self._writer.queue(Lease(lease.requests, lease.usage))
        now = self._clock()
        if now - self._reported_at >= BUDGET_REPORT_EVERY_S:
            self._reported_at = now
            self._observe(BudgetState(budget.spent, budget.reserved, budget.used_ratio))
