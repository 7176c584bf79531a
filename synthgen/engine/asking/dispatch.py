"""Sends requests: one dispatch loop an endpoint, and a worker a concurrency slot.

A dispatch loop waits for a concurrency slot and the request rate, takes the most urgent work (`queue`), waits for the
token rate and the budget (`spending`), and hands the call to a worker. What became of it is the business of `outcomes`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from anyio.abc import TaskGroup

from synthgen.engine.asking.budget import Budget
from synthgen.engine.asking.endpoint import Endpoint
from synthgen.engine.asking.outcomes import Outcomes
from synthgen.engine.asking.queue import WorkQueue
from synthgen.engine.asking.retry import RetryPolicy
from synthgen.engine.asking.spending import Spending
from synthgen.engine.asking.work import Call
from synthgen.engine.clock import loop_clock
from synthgen.engine.events import Observer
from synthgen.engine.stop import Stop
from synthgen.engine.writer import JournalWriter
from synthgen.errors import JobError
from synthgen.records import Answer, Spend


class Dispatcher:
    """Keeps every endpoint as busy as its limits, the budget and the demand allow. Made on the running loop.

    Args:
        endpoints: Where to ask.
        retry: When to ask again.
        budget: What may be spent.
        writer: Where leases and limits become durable.
        stop: Set when the run cannot go on; looked at before anything is sent.
        observe: Receives an event for every call.

    Attributes:
        queue: What is to be asked.
        outcomes: What became of calls.
    """

    def __init__(
        self,
        *,
        endpoints: Sequence[Endpoint],
        retry: RetryPolicy,
        budget: Budget,
        writer: JournalWriter,
        stop: Stop,
        observe: Observer,
    ) -> None:
        self._endpoints, self._stop = endpoints, stop
        self.queue = WorkQueue(endpoints, stop)
        self._spending = Spending(budget, writer, stop, observe)
        self.outcomes = Outcomes(
            queue=self.queue,
            spending=self._spending,
            retry=retry,
            writer=writer,
            stop=stop,
            observe=observe,
        )
        self._clock = loop_clock()
        self._idle_workers: list[asyncio.Future[Call]] = []

    @property
    def has_work(self) -> bool:
        """Whether anything is in flight or waits to be asked."""
        return self.outcomes.in_flight > 0 or not self.queue.is_empty

    async def serve(self, endpoint: Endpoint, calls: TaskGroup) -> None:
        """Feed one endpoint until the run stops or the endpoint is down.

        Cancellation: work in hand is dropped; it was not sent, so it is asked on resume.
        """
        limits, spending = endpoint.limits, self._spending
        while endpoint.down is None:
            await limits.admit()
            try:
                work = await self.queue.take(endpoint)
            except JobError as error:  # a template that fails for some slots only
                self._stop.fail(error)
                work = None
            if work is None:
                limits.release()
                return
            likely_tokens, max_spend = 0, Spend()
            if limits.bounds_tokens:
                likely_tokens = endpoint.likely_tokens(work.request)
                await limits.take_tokens(likely_tokens)
            if spending.is_bounded:
                max_spend = endpoint.max_spend(work.request)
                if not await spending.reserve(max_spend):
                    limits.release()
                    return
            if self._stop.is_set:
                spending.settle(max_spend, Spend())
                limits.release()
                return
            self.outcomes.in_flight += 1
            endpoint.sent += 1
            if len(self._endpoints) > 1:
                self._stop.changed.notify()  # others may have waited for this one to take its share
            self._hand_over(Call(endpoint, work, max_spend, likely_tokens, limits.sent()), calls)

    def _hand_over(self, call: Call, calls: TaskGroup) -> None:
        """Give a call to an idle worker, or to a new one: a task for each concurrency slot, not for each request."""
        while self._idle_workers:
            worker = self._idle_workers.pop()
            if not worker.done():
                worker.set_result(call)
                return
        calls.start_soon(self._make_calls, call)

    async def _make_calls(self, call: Call) -> None:
        """Make one call after the other, for as long as the run lasts."""
        loop = asyncio.get_running_loop()
        while True:
            await self._make(call)
            waiting = loop.create_future()
            self._idle_workers.append(waiting)
            call = await waiting

    async def _make(self, call: Call) -> None:
        """Ask, and have what came of it written down; what follows from it follows once it is durable."""
        call.work.tries.attempts += 1
        started = self._clock()
        outcome = await call.endpoint.ask(call.work.request)
        call.latency_s = self._clock() - started
        if isinstance(outcome, Answer):
            self.outcomes.write_answer(call, outcome)
        else:
            self.outcomes.write_failure(call, outcome)
