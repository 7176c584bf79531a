"""Sends requests: what, where, when, and what becomes of each.

One dispatch loop a endpoint takes the most urgent work, waits for the endpoint's limits and the budget, and starts the
call. A call that must be asked again leaves its place in flight and waits in a heap, as a value, not as a task.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import anyio
from anyio.abc import TaskGroup

from synthgen.engine.asking.adaptive import Ticket
from synthgen.engine.asking.budget import Budget
from synthgen.engine.asking.endpoint import Endpoint
from synthgen.engine.asking.retry import RetryDecision, RetryPolicy, Tries
from synthgen.engine.clock import loop_clock
from synthgen.engine.events import BudgetState, EndpointPaused, LimitChanged, Observer, RequestSettled
from synthgen.engine.signal import Signal
from synthgen.engine.stop import Stop, StopKind
from synthgen.engine.writer import JournalWriter
from synthgen.errors import JobError
from synthgen.journal import FailedSlot, Lease, Loss
from synthgen.records import Answer, Completion, Failure, FailureKind, Message, Request, Slot, Spend, Usage

MAX_OWN_WAIT_S = 5.0
LATENCIES_KEPT = 256
BUDGET_REPORT_EVERY_S = 1.0
LOOK_AGAIN_S = 0.05
MIN_REPORTED_PAUSE_S = 1.0
MAX_PASSED_OVER = 8


class Asking(Protocol):
    """A stage, as far as asking is concerned."""

    @property
    def number(self) -> int:
        """Its place among the stages."""
        ...

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

    @property
    def writer(self) -> JournalWriter:
        """Where answers become durable."""
        ...

    def on_answer(self, work: Work, completion: Completion) -> None:
        """Take in a durable answer."""
        ...

    def on_failed(self, slot: Slot) -> None:
        """Take in a slot that failed permanently."""
        ...


@dataclass(slots=True, eq=False)
class Work:
    """One request to make: a slot's first, or the same slot asked again.

    Attributes:
        runner: The stage it is asked for.
        slot: What is asked for.
        step: 0 for the slot's own prompt; n for its n-th re-ask with a validation error.
        request: What is sent.
        tries: What it has been through.
        excluded: The endpoint where it failed last.
        excluded_until: When that endpoint may be asked again, by the engine's clock; others may at once.
    """

    runner: Asking
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
        most: Reserved from the budget, where there is one.
        likely_tokens: Taken from the token rate; 0 where none was known.
        ticket: What the endpoint's limits noted.
        latency_s: How long it took, once it is over.
    """

    endpoint: Endpoint
    work: Work
    most: Spend
    likely_tokens: int
    ticket: Ticket
    latency_s: float = 0.0


class Dispatcher:
    """Keeps every endpoint as busy as its limits, the budget and the demand allow. Made on the running loop.

    Args:
        endpoints: Where to ask.
        retry: When to ask again.
        budget: What may be spent.
        writer: Where leases and limits become durable.
        stop: Told when the run cannot go on; looked at before anything is sent.
        changed: Notified whenever anything that others wait for has changed.
        observe: Told of every call.
    """

    def __init__(
        self,
        *,
        endpoints: Sequence[Endpoint],
        retry: RetryPolicy,
        budget: Budget,
        writer: JournalWriter,
        stop: Stop,
        changed: Signal,
        observe: Observer,
    ) -> None:
        self._endpoints = endpoints
        self._clock = loop_clock()
        self._retry, self._budget, self._writer, self._stop = retry, budget, writer, stop
        self._changed, self._observe = changed, observe
        self._runners: list[tuple[Asking, frozenset[int]]] = []
        groups = 1 + max(e.group for e in endpoints)
        self._backlog: list[deque[Work]] = [deque() for _ in range(groups)]
        self._again: list[list[tuple[float, int, Work]]] = [[] for _ in range(groups)]
        self._sequence = 0
        self._latencies: deque[float] = deque(maxlen=LATENCIES_KEPT)
        self._budget_reported_at = float("-inf")
        self._leasing = anyio.Lock(fast_acquire=True)
        self._idle_workers: list[asyncio.Future[Call]] = []
        self.in_flight = 0

    @property
    def slow_answer_s(self) -> float:
        """How long a slow answer took lately: one in twenty took longer; 0 where none came yet."""
        ordered = sorted(self._latencies)
        return ordered[int(0.95 * len(ordered))] if ordered else 0.0

    def ask_for(self, runner: Asking, groups: frozenset[int]) -> None:
        """Ask for one more stage. What was begun is finished first: later stages come before earlier ones.

        Args:
            runner: The stage.
            groups: Groups of endpoints that answer it.
        """
        self._runners.append((runner, groups))
        self._runners.sort(key=lambda entry: -entry[0].number)
        self._changed.notify()

    @property
    def has_work(self) -> bool:
        """Whether anything is in flight or waits to be asked."""
        return self.in_flight > 0 or any(self._backlog) or any(self._again)

    async def serve(self, endpoint: Endpoint, calls: TaskGroup) -> None:
        """Feed one endpoint until the run stops or the endpoint is down.

        Cancellation: work in hand is dropped; it was not sent, so it is asked on resume.
        """
        while endpoint.down is None:
            await endpoint.limits.admit()
            try:
                work = await self._take(endpoint)
            except JobError as error:  # a template that fails for some slots only
                self._stop.fail(error)
                work = None
            if work is None:
                endpoint.limits.release()
                return
            likely_tokens = 0
            if endpoint.limits.bounds_tokens:
                likely_tokens = endpoint.likely_tokens(work.request)
                await endpoint.limits.take_tokens(likely_tokens)
            most = endpoint.most(work.request) if self._budget.is_bounded else Spend()
            if self._budget.is_bounded and not await self._reserve(most):
                endpoint.limits.release()
                return
            if self._stop.is_set:
                self._budget.settle(most, Spend())
                endpoint.limits.release()
                return
            self.in_flight += 1
            endpoint.sent += 1
            if len(self._endpoints) > 1:
                self._changed.notify()  # others may have waited for this one to take its share
            self._hand_over(Call(endpoint, work, most, likely_tokens, endpoint.limits.sent()), calls)

    def reprompt(self, work: Work, answer: str, complaint: str) -> None:
        """Ask a slot again, showing the model its own answer and what was wrong with it."""
        prompt = work.slot.request.prompt
        messages = (*prompt.messages, Message("assistant", answer), Message("user", complaint))
        request = work.slot.request._replace(prompt=replace(prompt, messages=messages))
        again = Work(work.runner, work.slot, work.step + 1, request, Tries(self._clock()))
        self._push(again, group=work.slot.draft.model_index, at=self._clock())

    # --- choosing ----------------------------------------------------------------------------------------------

    async def _take(self, endpoint: Endpoint) -> Work | None:
        """The most urgent work for an endpoint; None once the run stops."""
        while not self._stop.is_set and endpoint.down is None:
            has_to_yield = self._yields(endpoint)
            work = self._ready(endpoint) or (None if has_to_yield else self._next_slot(endpoint))
            if work is not None:
                if not work.runner.is_open(work.slot.label):
                    continue  # its class was met or stalled while it waited
                return work
            await self._changed.wait(timeout_s=self._look_again_s(endpoint, has_to_yield=has_to_yield))
        return None

    def _look_again_s(self, endpoint: Endpoint, *, has_to_yield: bool) -> float | None:
        """Seconds until there may be work without anything having changed; None where there will not."""
        waiting = self._again[endpoint.group]
        due_s = waiting[0][0] - self._clock() if waiting else float("inf")
        if has_to_yield or due_s <= 0:  # another has the first say, for a moment
            return LOOK_AGAIN_S
        return due_s if waiting else None

    def _ready(self, endpoint: Endpoint) -> Work | None:
        """Work that is due to be asked again, here."""
        waiting = self._again[endpoint.group]
        if not waiting:
            return None
        now = self._clock()
        passed_over: list[tuple[float, int, Work]] = []
        found: Work | None = None
        while found is None and waiting and waiting[0][0] <= now and len(passed_over) < MAX_PASSED_OVER:
            entry = heapq.heappop(waiting)
            work = entry[2]
            if work.excluded is endpoint and work.excluded_until > now and self._others(endpoint):
                passed_over.append(entry)
            else:
                found = work
        for entry in passed_over:
            heapq.heappush(waiting, entry)
        return found

    def _others(self, endpoint: Endpoint) -> list[Endpoint]:
        """Endpoints that could take this one's work now."""
        return [
            e
            for e in self._endpoints
            if e is not endpoint and e.group == endpoint.group and e.down is None and not e.breaker.is_open
        ]

    def _yields(self, endpoint: Endpoint) -> bool:
        """Whether another endpoint that also has room is further behind its share."""
        if len(self._endpoints) == 1:
            return False
        share = endpoint.share
        return any(e.share < share and e.limits.has_room for e in self._others(endpoint))

    def _next_slot(self, endpoint: Endpoint) -> Work | None:
        """A slot that nobody asked yet. As many are made at once as can be sent at once: it takes half the time."""
        group = endpoint.group
        backlog = self._backlog[group]
        if not backlog:
            room = 1 + endpoint.limits.free_places
            for runner, groups in self._runners:
                if group in groups and len(backlog) < room:
                    self._make_slots(runner, group, room)
        return backlog.popleft() if backlog else None

    def _make_slots(self, runner: Asking, group: int, room: int) -> None:
        """Fill the backlog of a group up to `room`; what falls to other groups on the way goes to theirs."""
        backlog, now = self._backlog[group], self._clock()
        while len(backlog) < room and (slot := runner.take_slot()) is not None:
            self._backlog[slot.draft.model_index].append(Work(runner, slot, 0, slot.request, Tries(now)))
            if slot.draft.model_index != group:
                self._changed.notify()

    def _push(self, work: Work, *, group: int, at: float) -> None:
        self._sequence += 1
        heapq.heappush(self._again[group], (at, self._sequence, work))
        self._changed.notify()

    # --- spending ----------------------------------------------------------------------------------------------

    async def _reserve(self, most: Spend) -> bool:
        """Wait until the budget has room and the journal holds a lease for it; False where there never will be."""
        while not self._stop.is_set:
            bound = self._budget.reserve(most)
            if bound is None:
                await self._renew_lease()
                return True
            if not self._budget.has_reservations:
                self._stop.set(StopKind.BUDGET, f"the budget is spent: {bound}")
                return False
            await self._changed.wait()
        return False

    async def _renew_lease(self) -> None:
        """Have the journal hold more than may be in flight, before it is in flight."""
        async with self._leasing:  # another dispatch loop's lease may cover this one too, but only once it is durable
            lease = self._budget.next_lease()
            if lease is not None:
                await self._writer.write(Lease(lease.requests, lease.usage))

    def _settle(self, most: Spend, actual: Spend) -> None:
        if not self._budget.is_bounded:
            return
        self._budget.settle(most, actual)
        lease = self._budget.next_lease()
        if lease is not None:  # far too much is held: the journal is told with the next commit
            self._writer.queue(Lease(lease.requests, lease.usage))
        now = self._clock()
        if now - self._budget_reported_at >= BUDGET_REPORT_EVERY_S:
            self._budget_reported_at = now
            self._observe(BudgetState(self._budget.spent, self._budget.reserved, self._budget.used_ratio))

    # --- calling -----------------------------------------------------------------------------------------------

    def _hand_over(self, call: Call, calls: TaskGroup) -> None:
        """Give a call to a caller that has nothing to do, or to a new one: a task a place in flight, not a request."""
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
            await self._call(call)
            waiting = loop.create_future()
            self._idle_workers.append(waiting)
            call = await waiting

    async def _call(self, call: Call) -> None:
        """Ask, and have what came of it written down; what follows from it follows once it is durable."""
        call.work.tries.attempts += 1
        started = self._clock()
        outcome = await call.endpoint.ask(call.work.request)
        call.latency_s = self._clock() - started
        if isinstance(outcome, Answer):
            self._take_answer(call, outcome)
        else:
            self._take_failure(call, outcome)

    def _free_place(self, endpoint: Endpoint) -> None:
        """Only with the answer durable: what a crash can cost is never more than the places in flight."""
        endpoint.limits.release()
        self.in_flight -= 1
        self._report_limits(endpoint)
        self._changed.notify()

    def _take_answer(self, call: Call, answer: Answer) -> None:
        endpoint, work, slot = call.endpoint, call.work, call.work.slot
        usage = endpoint.priced(answer.usage)
        endpoint.limits.passed(call.ticket, call.latency_s, answer.headers)
        endpoint.limits.settle_tokens(estimate=call.likely_tokens, used=usage.total_tokens)
        endpoint.breaker.passed(self._clock())
        endpoint.note_answer(work.request, usage)
        self._latencies.append(call.latency_s)
        completion = Completion(
            slot_id=slot.id,
            label=slot.label,
            ordinal=slot.ordinal,
            step=work.step,
            text=answer.text,
            finish_reason=answer.finish_reason,
            usage=usage,
            model=answer.model,
            endpoint=endpoint.name,
            attempts=work.tries.attempts,
            latency_s=call.latency_s,
            answered_at=time.time(),
            draft=slot.draft.recorded(),
        )
        work.runner.writer.queue(completion, then=partial(self._settle_answer, call, completion))

    def _settle_answer(self, call: Call, completion: Completion) -> None:
        self._settle(call.most, Spend(1, completion.usage))
        self._tell(call, "ok", completion.usage)
        call.work.runner.on_answer(call.work, completion)
        self._free_place(call.endpoint)

    def _note_failure(self, call: Call, failure: Failure) -> None:
        """ProgressCallback the endpoint's limits and breaker what they can learn from a failure."""
        endpoint, ticket, now = call.endpoint, call.ticket, self._clock()
        match failure.kind:
            case FailureKind.THROTTLED:
                endpoint.limits.throttled(ticket, failure.retry_after_s)
                endpoint.breaker.passed(now)
            case FailureKind.REFUSED:
                endpoint.limits.passed(ticket, call.latency_s, {})
                endpoint.breaker.passed(now)
            case FailureKind.TRANSIENT:
                endpoint.limits.failed(ticket)
                if endpoint.breaker.failed(now, has_alternative=bool(self._others(endpoint))):
                    wait_s = endpoint.breaker.blocked_s(now)
                    self._observe(EndpointPaused(endpoint.name, failure.code, wait_s))
            case FailureKind.FATAL:
                endpoint.limits.failed(ticket)

    def _take_failure(self, call: Call, failure: Failure) -> None:
        endpoint, work, slot = call.endpoint, call.work, call.work.slot
        self._note_failure(call, failure)
        most = call.most if self._budget.is_bounded else endpoint.most(work.request)
        spent = endpoint.possible_spend(failure, most)
        settle = partial(self._settle_failure, call, failure, spent)
        if not spent.requests:
            settle()
            return
        loss = Loss(
            endpoint.name, failure.code, spent.requests, spent.usage, time.time(), slot.label, slot.ordinal, work.step
        )
        work.runner.writer.queue(
            loss, then=settle
        )  # before its reservation, and with it the lease, is free for another

    def _settle_failure(self, call: Call, failure: Failure, spent: Spend) -> None:
        endpoint, work = call.endpoint, call.work
        self._settle(call.most, spent)
        endpoint.limits.settle_tokens(estimate=call.likely_tokens, used=spent.usage.total_tokens)
        self._tell(call, failure.code, Usage())
        work.tries.transient += failure.kind is FailureKind.TRANSIENT
        now = self._clock()
        verdict, wait_s = self._retry.decide(failure, work.tries, now=now)
        match self._blame(endpoint, work, failure, verdict, now):
            case RetryDecision.AGAIN:
                self._ask_later(endpoint, work, failure, wait_s or self._retry.backoff_s(work.tries.transient))
            case RetryDecision.GIVE_UP:
                self._give_up(endpoint, work, failure)
            case RetryDecision.STOP_ENDPOINT:
                self._push(work, group=endpoint.group, at=now)
                self._take_down(endpoint, failure)
        self._free_place(endpoint)

    def _blame(
        self, endpoint: Endpoint, work: Work, failure: Failure, verdict: RetryDecision, now: float
    ) -> RetryDecision:
        """The verdict, where it is the request that failed; another, where it is the endpoint.

        A slot only fails permanently while its endpoint answers others. Where it answers nobody, the slot waits,
        for as long as `retry.max_outage_s` allows; then the endpoint is down, the slot stays unanswered and is asked
        on resume.
        """
        if verdict is RetryDecision.GIVE_UP and failure.kind is FailureKind.REFUSED:
            return RetryDecision.STOP_ENDPOINT if endpoint.note_refusal() else verdict
        if failure.kind is FailureKind.TRANSIENT:
            is_gone = endpoint.breaker.silent_s(now) >= self._retry.config.max_outage_s
            if is_gone or endpoint.is_out_of_reach(failure, work.tries.attempts):
                return RetryDecision.STOP_ENDPOINT
            if verdict is RetryDecision.GIVE_UP and self._is_outage(endpoint, work, failure):
                self._probe(work, endpoint.group)
                return RetryDecision.AGAIN
        return verdict

    def _probe(self, work: Work, group: int) -> None:
        """Where nobody else asks, nobody else can be answered: have another slot asked, to see whose fault it is."""
        if self.in_flight <= 1 and not self._again[group]:
            work.runner.note_uncertain(work.slot)

    def _is_outage(self, endpoint: Endpoint, work: Work, failure: Failure) -> bool:
        """Whether a failure says more about the endpoint than about the request.

        It does where nothing was sent, where the endpoint answered nobody since the request was first tried, and where
        the breaker is open; but a request that fails for twice its attempts may be what opened it.
        """
        if not failure.is_sent or endpoint.last_answer_at < work.tries.first_at:
            return True
        return endpoint.breaker.is_open and work.tries.transient < 2 * self._retry.config.max_attempts

    def _ask_later(self, endpoint: Endpoint, work: Work, failure: Failure, wait_s: float) -> None:
        """Ask again: here after the wait, elsewhere at once.

        A long wait named by a throttled endpoint binds the endpoint while it lets nobody in (its limits see to that),
        not the one request: others are let in meanwhile, so the wait was not true of it.
        """
        now = self._clock()
        if failure.kind is FailureKind.THROTTLED:
            wait_s = min(wait_s, MAX_OWN_WAIT_S)
        work.excluded, work.excluded_until = endpoint, now + wait_s
        self._push(work, group=endpoint.group, at=now if self._others(endpoint) else now + wait_s)

    def _give_up(self, endpoint: Endpoint, work: Work, failure: Failure) -> None:
        slot = work.slot
        usage = Usage() if failure.usage is None else endpoint.priced(failure.usage)
        work.runner.writer.queue(
            FailedSlot(
                slot_id=slot.id,
                label=slot.label,
                ordinal=slot.ordinal,
                step=work.step,
                failure=failure,
                endpoint=endpoint.name,
                attempts=work.tries.attempts,
                failed_at=time.time(),
                answer=failure.answer,
                usage=usage,
            )
        )
        work.runner.on_failed(slot)

    def _take_down(self, endpoint: Endpoint, failure: Failure) -> None:
        endpoint.down = failure
        if all(e.down for e in self._endpoints if e.group == endpoint.group):
            self._stop.set(StopKind.PROVIDER, f"{endpoint.name}: {failure.message}", hint=failure.hint)

    def _report_limits(self, endpoint: Endpoint) -> None:
        change = endpoint.changed_limits()
        if change is not None:
            closed_s = endpoint.limits.statistics().closed_s
            if MIN_REPORTED_PAUSE_S <= closed_s < float("inf"):
                self._observe(EndpointPaused(endpoint.name, "throttled", closed_s))
            self._writer.queue(change)
            self._observe(
                LimitChanged(
                    change.endpoint, change.max_concurrency, change.requests_per_s, change.in_flight, change.why
                )
            )

    def _tell(self, call: Call, code: str, usage: Usage) -> None:
        slot = call.work.slot
        self._observe(
            RequestSettled(slot.label, slot.ordinal, call.endpoint.name, code, call.latency_s, usage, self.in_flight)
        )
