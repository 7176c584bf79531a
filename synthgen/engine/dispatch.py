"""Sends requests: what, where, when, and what becomes of each.

One pacer a endpoint takes the most urgent work, waits for the endpoint's limits and the budget, and starts the call.
A call that must be asked again leaves its place in flight and waits in a heap, as a value, not as a task.
"""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

import anyio
from anyio.abc import TaskGroup

from synthgen.engine.blueprint import SlotMaker
from synthgen.engine.budget import Budget, Price, Spend
from synthgen.engine.demand import Demand
from synthgen.engine.events import EndpointPaused, Observer, RequestSettled
from synthgen.engine.limits import EndpointLimits
from synthgen.engine.retry import RetryPolicy, Tries, Verdict
from synthgen.engine.signal import Signal
from synthgen.engine.stop import Stop, StopKind
from synthgen.engine.writer import JournalWriter
from synthgen.errors import JobError
from synthgen.journal import FailedSlot
from synthgen.providers.protocol import Provider
from synthgen.records import Answer, Completion, Failure, FailureKind, Message, Request, Slot, Usage

CHARS_A_TOKEN = 3.5
UNKNOWN_OUTPUT_TOKENS = 512
REFUSALS_BEFORE_FIRST_ANSWER = 5
REFUSALS_IN_A_ROW = 50
CONNECT_ATTEMPTS_BEFORE_FIRST_ANSWER = 3
_BILLED_CODES = {"timeout", "cut", "bad_body"}


@dataclass(slots=True, order=True)
class Work:
    """One request to make: a slot's first, or the same slot asked again."""

    slot: Slot = field(compare=False)
    step: int = field(compare=False)
    request: Request = field(compare=False)
    tries: Tries = field(compare=False)


@dataclass(slots=True, eq=False)
class Endpoint:
    """One provider with its limits and its record.

    Attributes:
        provider: Who is asked.
        limits: How fast.
        price: What a token costs there.
        group: Which group of interchangeable endpoints it is in.
        timeout_s: Seconds one call may take.
        answers: Answers it gave in this session.
        last_answer_at: When the last one came, by the engine's clock.
        refusals: Requests refused since its last answer.
        down: Why it is asked nothing more, or None.
    """

    provider: Provider
    limits: EndpointLimits
    price: Price
    group: int
    timeout_s: float
    answers: int = 0
    last_answer_at: float = float("-inf")
    refusals: int = 0
    down: Failure | None = None


OnAnswer = Callable[[Work, Completion], Awaitable[None]]
OnFailed = Callable[[Slot], None]


class Dispatcher:
    """Keeps every endpoint as busy as its limits, the budget and the demand allow.

    Args:
        demand: What is wanted.
        slots: Makes slots.
        endpoints: Where to ask.
        retry: When to ask again.
        budget: What may be spent.
        writer: Where answers become durable.
        stop: Told when the run cannot go on; looked at before anything is sent.
        changed: Notified whenever anything that others wait for has changed.
        observe: Told of every call.
        on_answer: Handed each durable answer.
        on_failed: Handed each slot given up.
    """

    def __init__(
        self,
        *,
        demand: Demand,
        slots: SlotMaker,
        endpoints: Sequence[Endpoint],
        retry: RetryPolicy,
        budget: Budget,
        writer: JournalWriter,
        stop: Stop,
        changed: Signal,
        observe: Observer,
        on_answer: OnAnswer,
        on_failed: OnFailed,
    ) -> None:
        self._demand, self._slots, self._endpoints = demand, slots, endpoints
        self._retry, self._budget, self._writer, self._stop = retry, budget, writer, stop
        self._changed, self._observe = changed, observe
        self._on_answer, self._on_failed = on_answer, on_failed
        groups = 1 + max(e.group for e in endpoints)
        self._backlog: list[deque[Work]] = [deque() for _ in range(groups)]
        self._again: list[list[tuple[float, int, Work]]] = [[] for _ in range(groups)]
        self._sequence = 0
        self._output_tokens = _Mean(UNKNOWN_OUTPUT_TOKENS)
        self.in_flight = 0

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
            estimate = self._estimate(endpoint, work.request)
            await endpoint.limits.take_tokens(estimate.usage.total_tokens)
            if not await self._reserve(estimate) or self._stop.is_set:
                endpoint.limits.release()
                return
            self.in_flight += 1
            calls.start_soon(self._call, endpoint, work, estimate)

    def ask_again(self, work: Work, answer: str, complaint: str) -> None:
        """Ask a slot again, showing the model its own answer and what was wrong with it."""
        prompt = work.slot.request.prompt
        messages = (*prompt.messages, Message("assistant", answer), Message("user", complaint))
        request = replace(work.slot.request, prompt=replace(prompt, messages=messages))
        again = Work(work.slot, work.step + 1, request, Tries(anyio.current_time()))
        self._push(again, group=work.slot.draft.model_index, at=anyio.current_time())

    # --- choosing ----------------------------------------------------------------------------------------------

    async def _take(self, endpoint: Endpoint) -> Work | None:
        """The most urgent work for an endpoint; None once the run stops."""
        while not self._stop.is_set and endpoint.down is None:
            work = self._ready(endpoint.group) or self._next_slot(endpoint.group)
            if work is not None:
                if not self._demand.classes[work.slot.label].is_open:
                    continue  # its class was met or given up while it waited
                return work
            waiting = self._again[endpoint.group]
            wait_s = waiting[0][0] - anyio.current_time() if waiting else None
            await self._changed.wait(timeout_s=wait_s)
        return None

    def _ready(self, group: int) -> Work | None:
        waiting = self._again[group]
        if waiting and waiting[0][0] <= anyio.current_time():
            return heapq.heappop(waiting)[2]
        return None

    def _next_slot(self, group: int) -> Work | None:
        while not self._backlog[group]:
            taken = self._demand.take()
            if taken is None:
                return None
            slot = self._slots.make(*taken)
            work = Work(slot, 0, slot.request, Tries(anyio.current_time()))
            self._backlog[slot.draft.model_index].append(work)
            if slot.draft.model_index != group:
                self._changed.notify()
        return self._backlog[group].popleft()

    def _push(self, work: Work, *, group: int, at: float) -> None:
        self._sequence += 1
        heapq.heappush(self._again[group], (at, self._sequence, work))
        self._changed.notify()

    # --- spending ----------------------------------------------------------------------------------------------

    def _estimate(self, endpoint: Endpoint, request: Request) -> Spend:
        """What a request may cost: its text by length, its answer by `max_tokens`, or by what answers were so far."""
        input_tokens = int(request.prompt.char_count() / CHARS_A_TOKEN) + 8
        bound = request.params.get("max_tokens") or request.params.get("max_completion_tokens")
        output_tokens = int(bound) if bound else int(2 * self._output_tokens.value)
        usage = Usage(input_tokens, output_tokens)
        return Spend(1, replace(usage, usd=endpoint.price.of(usage)))

    async def _reserve(self, estimate: Spend) -> bool:
        """Wait until the budget has room; False where it never will."""
        while not self._stop.is_set:
            bound = self._budget.reserve(estimate)
            if bound is None:
                return True
            if not self._budget.has_reservations:
                self._stop.set(StopKind.BUDGET, f"the budget is spent: {bound}")
                return False
            await self._changed.wait()
        return False

    # --- calling -----------------------------------------------------------------------------------------------

    async def _call(self, endpoint: Endpoint, work: Work, estimate: Spend) -> None:
        work.tries.attempts += 1
        started = anyio.current_time()
        outcome = await _ask(endpoint, work.request)
        latency_s = anyio.current_time() - started
        try:
            if isinstance(outcome, Answer):
                await self._settle_answer(endpoint, work, estimate, outcome, latency_s)
            else:
                self._settle_failure(endpoint, work, estimate, outcome, latency_s)
        finally:
            # Only now, with the answer durable: what a crash can cost is never more than the places in flight.
            endpoint.limits.release()
            self.in_flight -= 1
            self._changed.notify()

    async def _settle_answer(
        self, endpoint: Endpoint, work: Work, estimate: Spend, answer: Answer, latency_s: float
    ) -> None:
        usage = replace(answer.usage, usd=endpoint.price.of(answer.usage))
        self._budget.settle(estimate, Spend(1, usage))
        endpoint.limits.settle_tokens(estimate=estimate.usage.total_tokens, used=usage.total_tokens)
        endpoint.answers += 1
        endpoint.refusals = 0
        endpoint.last_answer_at = anyio.current_time()
        self._output_tokens.add(usage.output_tokens)
        slot = work.slot
        completion = Completion(
            slot_id=slot.id,
            label=slot.label,
            ordinal=slot.ordinal,
            step=work.step,
            text=answer.text,
            finish_reason=answer.finish_reason,
            usage=usage,
            model=answer.model,
            endpoint=endpoint.provider.endpoint,
            attempts=work.tries.attempts,
            latency_s=latency_s,
            answered_at=time.time(),
            draft={"seeds": [seed.id for seed in slot.draft.seeds], "attributes": dict(slot.draft.attributes)},
        )
        await self._writer.write(completion)
        self._tell(endpoint, work, "ok", latency_s, usage)
        await self._on_answer(work, completion)

    def _settle_failure(
        self, endpoint: Endpoint, work: Work, estimate: Spend, failure: Failure, latency_s: float
    ) -> None:
        spent = _possible_spend(failure, estimate)
        self._budget.settle(estimate, spent)
        endpoint.limits.settle_tokens(estimate=estimate.usage.total_tokens, used=spent.usage.total_tokens)
        self._tell(endpoint, work, failure.code, latency_s, Usage())
        work.tries.transient += failure.kind is FailureKind.TRANSIENT
        now = anyio.current_time()
        verdict, wait_s = self._retry.decide(failure, work.tries, now=now)
        if verdict is Verdict.AGAIN and _is_nobody_there(endpoint, work, failure):
            verdict = Verdict.STOP_ENDPOINT
        if verdict is Verdict.GIVE_UP and self._blames_endpoint(endpoint, work, failure):
            verdict = Verdict.STOP_ENDPOINT
        match verdict:
            case Verdict.AGAIN:
                if failure.kind is FailureKind.THROTTLED:
                    endpoint.limits.pause(wait_s)
                    self._observe(EndpointPaused(endpoint.provider.endpoint, failure.code, wait_s))
                self._push(work, group=endpoint.group, at=now + wait_s)
            case Verdict.GIVE_UP:
                self._give_up(endpoint, work, failure)
            case Verdict.STOP_ENDPOINT:
                self._push(work, group=endpoint.group, at=now)
                self._take_down(endpoint, failure)

    def _give_up(self, endpoint: Endpoint, work: Work, failure: Failure) -> None:
        slot = work.slot
        self._writer.queue(
            FailedSlot(
                slot_id=slot.id,
                label=slot.label,
                ordinal=slot.ordinal,
                step=work.step,
                failure=failure,
                endpoint=endpoint.provider.endpoint,
                attempts=work.tries.attempts,
                failed_at=time.time(),
                answer=failure.answer,
                usage=_priced(failure.usage, endpoint.price),
            )
        )
        self._on_failed(slot)

    @staticmethod
    def _blames_endpoint(endpoint: Endpoint, work: Work, failure: Failure) -> bool:
        """Whether a request that failed for good says more about the endpoint than about itself.

        A slot is only given up while the endpoint answers others; else the endpoint is at fault, the slot stays
        unanswered and is asked on resume.
        """
        if failure.kind is FailureKind.REFUSED:
            endpoint.refusals += 1
            bound = REFUSALS_IN_A_ROW if endpoint.answers else REFUSALS_BEFORE_FIRST_ANSWER
            return endpoint.refusals >= bound
        return endpoint.last_answer_at < work.tries.first_at

    def _take_down(self, endpoint: Endpoint, failure: Failure) -> None:
        endpoint.down = failure
        if all(e.down for e in self._endpoints if e.group == endpoint.group):
            self._stop.set(StopKind.PROVIDER, f"{endpoint.provider.endpoint}: {failure.message}", hint=failure.hint)

    def _tell(self, endpoint: Endpoint, work: Work, code: str, latency_s: float, usage: Usage) -> None:
        self._observe(
            RequestSettled(
                work.slot.label,
                work.slot.ordinal,
                endpoint.provider.endpoint,
                code,
                latency_s,
                usage,
                self.in_flight,
            )
        )


async def _ask(endpoint: Endpoint, request: Request) -> Answer | Failure:
    """Ask once; whatever is raised becomes the provider's verdict on it."""
    try:
        return await endpoint.provider.complete(request, timeout_s=endpoint.timeout_s)
    except Exception as error:  # the translation table: the provider says what its own errors mean
        return endpoint.provider.classify(error)


def _possible_spend(failure: Failure, estimate: Spend) -> Spend:
    """What a failed call may have cost: nothing where it was turned away, everything where nobody knows."""
    if not failure.is_sent or failure.kind is FailureKind.THROTTLED:
        return Spend()
    return estimate if failure.code in _BILLED_CODES else Spend(1)


def _priced(usage: Usage | None, price: Price) -> Usage:
    return Usage() if usage is None else replace(usage, usd=price.of(usage))


def _is_nobody_there(endpoint: Endpoint, work: Work, failure: Failure) -> bool:
    """Whether an endpoint that never answered cannot be reached: a wrong address, told soon rather than late."""
    never_answered = endpoint.answers == 0 and failure.code == "connect"
    return never_answered and work.tries.attempts >= CONNECT_ATTEMPTS_BEFORE_FIRST_ANSWER


class _Mean:
    """A running mean that starts from a guess worth ten observations."""

    def __init__(self, guess: float) -> None:
        self._sum, self._count = 10 * guess, 10

    def add(self, value: float) -> None:
        self._sum += value
        self._count += 1

    @property
    def value(self) -> float:
        return self._sum / self._count
