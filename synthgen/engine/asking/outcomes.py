"""What becomes of each call: first it is written down; once that is durable, it is settled.

Settling an answer frees its concurrency slot. Settling a failure decides whether it was the request that failed or the
endpoint, and so whether it is asked again, has failed permanently, or takes the endpoint down.
"""

from __future__ import annotations

import time
from collections import deque

from synthgen.engine.asking.endpoint import Endpoint
from synthgen.engine.asking.queue import WorkQueue
from synthgen.engine.asking.retry import RetryDecision, RetryPolicy
from synthgen.engine.asking.spending import Spending
from synthgen.engine.asking.work import Call, Work
from synthgen.engine.clock import loop_clock
from synthgen.engine.events import EndpointPaused, LimitChanged, Observer, RequestSettled
from synthgen.engine.stop import Stop, StopKind
from synthgen.engine.writer import JournalWriter
from synthgen.journal import FailedSlot, Loss
from synthgen.records import Answer, Completion, Failure, FailureKind, Spend, Usage

MAX_OWN_WAIT_S = 5.0
LATENCIES_KEPT = 256
MIN_REPORTED_PAUSE_S = 1.0


class Outcomes:
    """Writes down and settles what came of calls. Made on the running loop.

    Args:
        queue: Where work waits that is asked again.
        spending: Where reservations are settled.
        retry: When to ask again.
        writer: Where changed limits become durable.
        stop: Set where no endpoint of a group is left.
        observe: Receives an event for every call.

    Attributes:
        in_flight: Calls sent and not settled.
    """

    def __init__(
        self,
        *,
        queue: WorkQueue,
        spending: Spending,
        retry: RetryPolicy,
        writer: JournalWriter,
        stop: Stop,
        observe: Observer,
    ) -> None:
        self._queue, self._spending, self._retry, self._writer = queue, spending, retry, writer
        self._stop, self._observe = stop, observe
        self._clock = loop_clock()
        self._latencies: deque[float] = deque(maxlen=LATENCIES_KEPT)
        self.in_flight = 0

    @property
    def slow_answer_s(self) -> float:
        """How long a slow answer took lately: one in twenty took longer; 0 where none came yet."""
        ordered = sorted(self._latencies)
        return ordered[int(0.95 * len(ordered))] if ordered else 0.0

    # --- written down --------------------------------------------------------------------------------------------

    def write_answer(self, call: Call, answer: Answer) -> None:
        """Have an answer made durable; `settle_answer` follows then."""
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
        work.stage.writer.queue(completion, about=call)

    def write_failure(self, call: Call, failure: Failure) -> None:
        """Have what a failed call may have cost made durable, before its reservation, and with it the lease, is free
        for another; `settle_failure` follows then, at once where it cost nothing."""
        endpoint, work, slot = call.endpoint, call.work, call.work.slot
        self._note_failure(call, failure)
        max_spend = call.max_spend if self._spending.is_bounded else endpoint.max_spend(work.request)
        call.failure, call.spent = failure, endpoint.possible_spend(failure, max_spend)
        spent = call.spent
        if not spent.requests:
            self.settle_failure(call)
            return
        loss = Loss(
            endpoint.name, failure.code, spent.requests, spent.usage, time.time(), slot.label, slot.ordinal, work.step
        )
        work.stage.writer.queue(loss, about=call)

    def _note_failure(self, call: Call, failure: Failure) -> None:
        """Have the endpoint's limits and breaker learn what they can from a failure."""
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
                if endpoint.breaker.failed(now, has_alternative=bool(self._queue.alternatives(endpoint))):
                    self._observe(EndpointPaused(endpoint.name, failure.code, endpoint.breaker.blocked_s(now)))
            case FailureKind.FATAL:
                endpoint.limits.failed(ticket)

    # --- settled -------------------------------------------------------------------------------------------------

    def settle_answer(self, call: Call, completion: Completion) -> None:
        """Settle a call whose answer is durable."""
        self._spending.settle(call.max_spend, Spend(1, completion.usage))
        self._report(call, "ok", completion.usage)
        self._free(call.endpoint)

    def settle_failure(self, call: Call) -> None:
        """Settle a call that failed, whose cost is durable."""
        endpoint, work, failure, spent = call.endpoint, call.work, call.failure, call.spent
        assert failure is not None
        assert spent is not None
        self._spending.settle(call.max_spend, spent)
        endpoint.limits.settle_tokens(estimate=call.likely_tokens, used=spent.usage.total_tokens)
        self._report(call, failure.code, Usage())
        work.tries.transient += failure.kind is FailureKind.TRANSIENT
        now = self._clock()
        decision, wait_s = self._retry.decide(failure, work.tries, now=now)
        match self._attribute(endpoint, work, failure, decision, now):
            case RetryDecision.AGAIN:
                self._ask_later(endpoint, work, failure, wait_s or self._retry.backoff_s(work.tries.transient))
            case RetryDecision.GIVE_UP:
                self._fail(endpoint, work, failure)
            case RetryDecision.STOP_ENDPOINT:
                self._queue.push(work, group=endpoint.group, at=now)
                self._take_down(endpoint, failure)
        self._free(endpoint)

    def _free(self, endpoint: Endpoint) -> None:
        """Only with the answer durable: what a crash can cost is never more than the concurrency slots."""
        endpoint.limits.release()
        self.in_flight -= 1
        self._report_limits(endpoint)
        self._stop.changed.notify()

    def _attribute(
        self, endpoint: Endpoint, work: Work, failure: Failure, decision: RetryDecision, now: float
    ) -> RetryDecision:
        """The decision, where it is the request that failed; another, where it is the endpoint.

        A slot only fails permanently while its endpoint answers others. Where it answers nobody, the slot waits,
        for as long as `retry.max_outage_s` allows; then the endpoint is down, the slot stays unanswered and is asked
        on resume.
        """
        if decision is RetryDecision.GIVE_UP and failure.kind is FailureKind.REFUSED:
            return RetryDecision.STOP_ENDPOINT if endpoint.note_refusal() else decision
        if failure.kind is FailureKind.TRANSIENT:
            is_gone = endpoint.breaker.silent_s(now) >= self._retry.config.max_outage_s
            if is_gone or endpoint.is_out_of_reach(failure, work.tries.attempts):
                return RetryDecision.STOP_ENDPOINT
            if decision is RetryDecision.GIVE_UP and self._is_outage(endpoint, work, failure):
                if self.in_flight <= 1 and self._queue.is_alone(endpoint.group):
                    work.stage.note_uncertain(work.slot)  # has another slot asked: its answer shows which one failed
                return RetryDecision.AGAIN
        return decision

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
        at = now if self._queue.alternatives(endpoint) else now + wait_s
        self._queue.push(work, group=endpoint.group, at=at)

    def _fail(self, endpoint: Endpoint, work: Work, failure: Failure) -> None:
        slot = work.slot
        failed = FailedSlot(
            slot_id=slot.id,
            label=slot.label,
            ordinal=slot.ordinal,
            step=work.step,
            failure=failure,
            endpoint=endpoint.name,
            attempts=work.tries.attempts,
            failed_at=time.time(),
            answer=failure.answer,
            usage=Usage() if failure.usage is None else endpoint.priced(failure.usage),
        )
        work.stage.writer.queue(failed)
        work.stage.fail(slot)

    def _take_down(self, endpoint: Endpoint, failure: Failure) -> None:
        endpoint.down = failure
        if not any(e.down is None for e in self._queue.group_of(endpoint)):
            self._stop.set(StopKind.PROVIDER, f"{endpoint.name}: {failure.message}", hint=failure.hint)

    # --- reported ------------------------------------------------------------------------------------------------

    def _report_limits(self, endpoint: Endpoint) -> None:
        change = endpoint.changed_limits()
        if change is None:
            return
        closed_s = endpoint.limits.statistics().closed_s
        if MIN_REPORTED_PAUSE_S <= closed_s < float("inf"):
            self._observe(EndpointPaused(endpoint.name, "throttled", closed_s))
        self._writer.queue(change)
        self._observe(
            LimitChanged(change.endpoint, change.max_concurrency, change.requests_per_s, change.in_flight, change.why)
        )

    def _report(self, call: Call, code: str, usage: Usage) -> None:
        slot = call.work.slot
        self._observe(
            RequestSettled(slot.label, slot.ordinal, call.endpoint.name, code, call.latency_s, usage, self.in_flight)
        )
