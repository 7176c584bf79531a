"""One endpoint as the dispatcher sees it: who is asked, how fast, at what price, and how it has done so far."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

import orjson

from synthgen.engine.asking.breaker import Breaker
from synthgen.engine.asking.limits import EndpointLimits
from synthgen.engine.clock import Clock, loop_time
from synthgen.journal import LimitChange
from synthgen.providers.protocol import Provider
from synthgen.records import Answer, Failure, FailureKind, JsonSchema, Request, Spend, Usage
from synthgen.text import utf8_length

CHARS_A_TOKEN = 3.5
CHAT_TOKENS = 16
ANSWERS_TO_KNOW_TOKENS = 20
UNKNOWN_OUTPUT_TOKENS = 512
REFUSALS_BEFORE_FIRST_ANSWER = 5
REFUSALS_IN_A_ROW = 50
CONNECT_ATTEMPTS_BEFORE_FIRST_ANSWER = 3
REPORTED_RATE_CHANGE_RATIO = 0.1
REPORT_EVERY_S, LOOKED_AT_EVERY_S = 1.0, 0.1
_BILLED_CODES = {"timeout", "cut", "bad_body", "content_filter", "unknown"}


class Pricing(Protocol):
    """Knows what tokens cost."""

    def of(self, usage: Usage) -> Decimal:
        """USD."""
        ...

    def warm_up(self) -> None:
        """Find out, where that takes a while and was not done yet. Blocking; in any thread."""
        ...


@dataclass(slots=True, eq=False)
class Endpoint:
    """One provider with its limits and its record.

    Attributes:
        provider: Who is asked.
        limits: How fast.
        price: What a token costs there.
        group: Which group of interchangeable endpoints it is in.
        timeout_s: Seconds one call may take.
        weight: Its share of the work among endpoints of its group that have room.
        breaker: Whether it is worth asking.
        clock: Seconds.
        sent: Requests sent.
        answers: Answers it gave in this session.
        last_answer_at: When the last one came, by the engine's clock.
        refusals: Requests refused since its last answer.
        down: Why it is asked nothing more, or None.
    """

    provider: Provider
    limits: EndpointLimits
    price: Pricing
    group: int
    timeout_s: float
    weight: float = 1.0
    breaker: Breaker = field(default_factory=Breaker)
    clock: Clock = loop_time
    sent: int = 0
    answers: int = 0
    last_answer_at: float = float("-inf")
    refusals: int = 0
    down: Failure | None = None
    _output_tokens: _Mean = field(default_factory=lambda: _Mean(UNKNOWN_OUTPUT_TOKENS))
    _reported: tuple[int, float | None] | None = None
    _look_again_at: float = float("-inf")
    _input_tokens: int = 0
    _input_chars: int = 0
    _max_tokens_a_byte: float = 0.0
    _tokens_a_byte: float = 1.0
    _sized_schema: JsonSchema | None = None
    _schema_bytes: int = 0

    @property
    def name(self) -> str:
        return self.provider.endpoint

    @property
    def share(self) -> float:
        """Requests sent for each unit of weight."""
        return self.sent / self.weight

    async def ask(self, request: Request) -> Answer | Failure:
        """Ask once; whatever is raised becomes the provider's verdict on it."""
        try:
            return await self.provider.complete(request, timeout_s=self.timeout_s)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Nobody cancelled us: something below lost its own task. Let out, it would end the run without a word.
            return self.provider.classify(ConnectionAbortedError("the client abandoned the call"))
        except Exception as error:  # the translation table: the provider says what its own errors mean
            return self.provider.classify(error)

    def max_spend(self, request: Request) -> Spend:
        """What a request costs at most: a token holds at least a byte, or what it held at least so far (less than one
        where the far side adds a prompt of its own); the answer is bounded by `max_tokens`, which a budget of tokens or
        money requires."""
        input_tokens = int(self._byte_count(request) * self._tokens_a_byte) + CHAT_TOKENS * (1 + _turns(request))
        usage = Usage(input_tokens, self._output_bound(request))
        return Spend(1, self.priced(usage))

    def likely_tokens(self, request: Request) -> int:
        """Tokens to take from a rate before sending: by what answers used so far, else by length and `max_tokens`."""
        chars = request.prompt.char_count()
        if self.answers < ANSWERS_TO_KNOW_TOKENS:
            return int(chars / CHARS_A_TOKEN) + CHAT_TOKENS + self._output_bound(request)
        return int(chars * self._input_tokens / max(1, self._input_chars) + self._output_tokens.value)

    def _byte_count(self, request: Request) -> int:
        """Of the prompt and the schema, which is billed like a prompt. A run has one schema: it is measured once."""
        prompt, schema = request.prompt, request.schema
        if schema is not self._sized_schema:
            self._sized_schema = schema
            self._schema_bytes = 0 if schema is None else len(orjson.dumps(schema))
        return self._schema_bytes + sum([utf8_length(t) for t in (prompt.text, *[m.content for m in prompt.messages])])

    def _output_bound(self, request: Request) -> int:
        bound = output_bound(request.params)
        return bound if bound is not None else int(2 * self._output_tokens.value)

    def priced(self, usage: Usage) -> Usage:
        """The same tokens, with what they cost here."""
        return Usage(usage.input_tokens, usage.output_tokens, self.price.of(usage))

    def possible_spend(self, failure: Failure, estimate: Spend) -> Spend:
        """What a failed call may have cost: nothing where it was throttled, everything where nobody knows."""
        if not failure.is_sent or failure.kind is FailureKind.THROTTLED:
            return Spend()
        if failure.usage is not None:
            return Spend(1, self.priced(failure.usage))
        return estimate if failure.code in _BILLED_CODES else Spend(1)

    def note_answer(self, request: Request, usage: Usage) -> None:
        """It answered."""
        self.answers += 1
        self._input_tokens += usage.input_tokens
        self._input_chars += request.prompt.char_count()
        seen = usage.input_tokens / max(1, self._byte_count(request))
        self._max_tokens_a_byte = max(self._max_tokens_a_byte, seen)
        least = 0.0 if self.answers >= ANSWERS_TO_KNOW_TOKENS else 1.0
        self._tokens_a_byte = max(least, 1.25 * self._max_tokens_a_byte)
        self.refusals = 0
        self.last_answer_at = self.clock()
        self._output_tokens.add(usage.output_tokens)

    def note_refusal(self) -> bool:
        """It refused a request for good; whether so many in a row say more about it than about the requests."""
        self.refusals += 1
        bound = REFUSALS_IN_A_ROW if self.answers else REFUSALS_BEFORE_FIRST_ANSWER
        return self.refusals >= bound

    def is_out_of_reach(self, failure: Failure, attempts: int) -> bool:
        """Whether an endpoint that never answered cannot be reached: a wrong address, reported soon, not late."""
        if self.answers or failure.code != "connect":
            return False
        return attempts >= CONNECT_ATTEMPTS_BEFORE_FIRST_ANSWER or self.breaker.probes >= 2

    def changed_limits(self) -> LimitChange | None:
        """Its limits, where they changed enough since this was last asked to be worth telling."""
        why, now = self.limits.why(), self.clock()
        if not why and now < self._look_again_at:
            return None
        found, before = self.limits.statistics(), self._reported
        bounds = (found.max_concurrency, found.requests_per_s)
        if not why and before is not None and not _differs(before, *bounds):
            self._look_again_at = now + LOOKED_AT_EVERY_S
            return None
        self._reported, self._look_again_at = bounds, now + REPORT_EVERY_S
        if not why and before is None:  # where it begins is no change
            return None
        return LimitChange(
            endpoint=self.name,
            at=time.time(),
            max_concurrency=found.max_concurrency,
            requests_per_s=found.requests_per_s,
            in_flight=found.in_flight,
            why=why or "used to the full",
        )


def output_bound(params: Mapping[str, Any]) -> int | None:
    """Most tokens an answer may have, where the parameters say so."""
    for name in ("max_completion_tokens", "max_tokens"):
        if isinstance(params.get(name), int):
            return int(params[name])
    return None


def _turns(request: Request) -> int:
    return len(request.prompt.messages)


def _differs(before: tuple[int, float | None], max_concurrency: int, requests_per_s: float | None) -> bool:
    """Whether either bound moved by more than a tenth."""
    slots, rate = before
    if abs(max_concurrency - slots) > REPORTED_RATE_CHANGE_RATIO * slots:
        return True
    if rate is None or requests_per_s is None:
        return rate is not requests_per_s
    return abs(requests_per_s - rate) > REPORTED_RATE_CHANGE_RATIO * rate


class _Mean:
    """A running mean; a guess until there is something to go by."""

    def __init__(self, guess: float) -> None:
        self._guess, self._sum, self._count = guess, 0.0, 0

    def add(self, value: float) -> None:
        self._sum += value
        self._count += 1

    @property
    def value(self) -> float:
        return self._sum / self._count if self._count >= ANSWERS_TO_KNOW_TOKENS else self._guess
