"""How fast and how many at once, for one endpoint and key.

Three layers, the tightest counts: what the job declares, what the endpoint's `x-ratelimit-*` headers say, and what it
turns out to take (`adaptive`). Requests and tokens a minute are spread over the minute by leaky buckets (`aiolimiter`)
a twentieth of a second deep, so there is no burst at the start of a run, a minute or a second. Tokens are taken by
estimate and settled by usage: what was taken too much or too little is made good by the next request. One dispatch
loop an endpoint waits here, not hundreds of requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiolimiter import AsyncLimiter

from synthgen.engine.asking.adaptive import SLOW_START, AdaptiveLimit, Ticket
from synthgen.engine.asking.breaker import Breaker
from synthgen.engine.clock import Clock, loop_time
from synthgen.engine.signal import Signal
from synthgen.job import LimitsConfig
from synthgen.text import duration_s

BURST_S = 0.02
LATE_S, DEPTH_RATIO = 0.05, 0.01
# A minute as the far side counts it is not a minute as we do: requests bunch up on the way.
USED_RATIO = 0.985
MAX_WINDOW_S = 90.0
SAME_RATIO = 0.05
DECLARED_START_RATIO = 0.5


@dataclass(frozen=True, slots=True)
class LimitStatistics:
    """Where an endpoint's limits stand now.

    Attributes:
        in_flight: Requests out now.
        max_concurrency: Most at once, now.
        requests_per_s: Most a second, now, by whichever layer is tightest; None where nothing bounds it.
        closed_s: Seconds until the next request may be sent; infinite while one asks whether it is back.
        owed_tokens: Tokens used beyond what was taken (negative: taken and not used).
        background_ratio: Share of requests throttled whatever the load.
    """

    in_flight: int
    max_concurrency: int
    requests_per_s: float | None
    closed_s: float
    owed_tokens: float
    background_ratio: float


class EndpointLimits:
    """Admits requests to one endpoint.

    Args:
        config: What the job declares.
        default_concurrency: Most requests in flight where the job declares none.
        may_adapt: Whether the endpoint can be overloaded: a model in this process cannot.
        breaker: Says when the endpoint is not worth asking.
        clock: Seconds.
    """

    def __init__(
        self,
        config: LimitsConfig,
        *,
        default_concurrency: int,
        may_adapt: bool = True,
        breaker: Breaker | None = None,
        clock: Clock = loop_time,
    ) -> None:
        self._clock = clock
        ceiling = config.max_concurrency or default_concurrency
        declared = config.max_concurrency or 0
        start = max(SLOW_START, int(DECLARED_START_RATIO * declared))
        self._adaptive = AdaptiveLimit(ceiling, may_adapt=may_adapt, start=start)
        self._breaker = breaker or Breaker()
        self._config = config
        self._in_flight = 0
        self._freed = Signal()
        self._requests = _Bucket(config.requests_per_min, unit=1.0)
        self._tokens = _Bucket(config.tokens_per_min, unit=0.0)
        self._next_at = 0.0
        self._owed_tokens = 0.0
        self._last_tokens = 0.0

    async def admit(self) -> None:
        """Wait for a concurrency slot, an open endpoint, and the request rates; take the slot.

        Cancellation: nothing stays taken but a share of the rate.
        """
        while not self._is_free_now():
            await self._wait_until_free()
        if self._requests.per_min is not None:
            await self._requests.take(1.0)
        self._in_flight += 1

    def _is_free_now(self) -> bool:
        """Whether the adaptive layer lets one more through; where it does, its share of the rate is taken."""
        adaptive, now = self._adaptive, self._clock()
        if self._in_flight >= adaptive.concurrency or self._closed_s(now) > 0:
            return False
        rate = adaptive.requests_per_s
        if rate is not None:
            if self._next_at > now:
                return False
            self._next_at = max(self._next_at, now - BURST_S) + 1 / rate
        return True

    async def _wait_until_free(self) -> None:
        """Wait, a while, for what is in the way of the next request."""
        adaptive, now = self._adaptive, self._clock()
        closed_s = self._closed_s(now)
        if closed_s > 0:
            await self._freed.wait(timeout_s=None if closed_s == float("inf") else closed_s)
        elif self._in_flight >= adaptive.concurrency:
            await self._freed.wait()
            adaptive.used(slots_s=self._clock() - now)
        elif self._next_at > now:
            await self._freed.wait(timeout_s=self._next_at - now)
            adaptive.used(rate_s=self._clock() - now)

    def _closed_s(self, now: float) -> float:
        """Seconds until the next request may be sent, by the adaptive layer and the breaker."""
        return max(self._adaptive.closed_s(now), self._breaker.blocked_s(now))

    @property
    def bounds_tokens(self) -> bool:
        """Whether a rate of tokens is known."""
        return self._tokens.per_min is not None

    async def take_tokens(self, estimate: float) -> None:
        """Wait until `estimate` tokens, and what earlier requests used beyond their estimates, fit the rate."""
        left = estimate + self._owed_tokens
        self._owed_tokens = min(0.0, left)
        self._last_tokens = estimate
        await self._tokens.take(left)

    def settle_tokens(self, *, estimate: float, used: float) -> None:
        """Account for the difference between what was taken and what was used.

        Too much taken is given back up to a hundredth of a minute: more at once would be a burst. Where nothing was
        taken, since no rate was known when the request left, nothing is owed.
        """
        if not estimate:
            return
        max_given_back = DEPTH_RATIO * (self._tokens.per_min or 0.0)
        self._owed_tokens = max(self._owed_tokens + used - estimate, -max_given_back)

    def release(self) -> None:
        """Give the concurrency slot back."""
        self._in_flight -= 1
        self._freed.notify()

    # --- what happened -----------------------------------------------------------------------------------------

    def sent(self) -> Ticket:
        """A request leaves now."""
        self._breaker.sent(self._clock())
        return self._adaptive.sent(self._clock(), self._in_flight)

    def passed(self, ticket: Ticket, latency_s: float, headers: Mapping[str, str]) -> None:
        """An answer came, with its `x-ratelimit-*` headers if there were any."""
        self._adaptive.passed(ticket, self._clock(), latency_s)
        if headers:
            self._learn(headers)
        self._freed.notify()

    def throttled(self, ticket: Ticket, retry_after_s: float | None) -> None:
        """The endpoint refused a request because of load."""
        self._adaptive.throttled(ticket, self._clock(), retry_after_s)
        self._freed.notify()

    def failed(self, ticket: Ticket) -> None:
        """A request failed in a way that says nothing about limits."""
        self._adaptive.failed(ticket)
        self._freed.notify()

    def statistics(self) -> LimitStatistics:
        """Where the limits stand now."""
        adaptive, now = self._adaptive, self._clock()
        rates = [r for r in (adaptive.requests_per_s, self._requests.per_s) if r is not None]
        return LimitStatistics(
            in_flight=self._in_flight,
            max_concurrency=adaptive.concurrency,
            requests_per_s=min(rates, default=None),
            closed_s=self._closed_s(now),
            owed_tokens=self._owed_tokens,
            background_ratio=adaptive.background_ratio,
        )

    @property
    def has_room(self) -> bool:
        """Whether a request could be sent now."""
        now, adaptive = self._clock(), self._adaptive
        is_in_time = adaptive.requests_per_s is None or self._next_at <= now
        is_open = self._closed_s(now) <= 0
        has_rate = self._requests.has_room(1.0) and self._tokens.has_room(self._last_tokens)
        return is_open and is_in_time and self._in_flight < adaptive.concurrency and has_rate

    @property
    def free_slots(self) -> int:
        """Requests that could be sent at once; 0 where a rate says when the next one may go."""
        adaptive = self._adaptive
        has_rate = self._requests.per_min or self._tokens.per_min or adaptive.requests_per_s
        return 0 if has_rate else max(0, adaptive.concurrency - self._in_flight)

    def why(self) -> str:
        """What changed the adaptive bounds since this was last asked; empty where nothing did."""
        why, self._adaptive.why = self._adaptive.why, ""
        return why

    def _learn(self, headers: Mapping[str, str]) -> None:
        """Take limits a minute from headers, where the job declares none and the window is a minute's."""
        if self._config.requests_per_min is None:
            self._requests.set(_reported_per_min(headers, "requests"))
        if self._config.tokens_per_min is None:
            self._tokens.set(_reported_per_min(headers, "tokens"))


class _Bucket:
    """A rate a minute that may become known, or change, on the way.

    Deep enough to make good what a busy event loop is late by, and never so deep that a minute holds too much.
    """

    def __init__(self, per_min: float | None, *, unit: float) -> None:
        self._unit = unit
        self._per_min: float | None = None
        self._limiter: AsyncLimiter | None = None
        self.set(per_min)

    @property
    def per_min(self) -> float | None:
        """The rate as it is declared or reported."""
        return self._per_min

    @property
    def per_s(self) -> float | None:
        return None if self._per_min is None else self._per_min * USED_RATIO / 60

    def set(self, per_min: float | None) -> None:
        """Take a new rate; None leaves what is known, and so does nearly the same: a new bucket is an empty one."""
        if per_min is None or (self._per_min is not None and abs(per_min / self._per_min - 1) <= SAME_RATIO):
            return
        self._per_min = per_min
        per_s = per_min * USED_RATIO / 60
        depth = self._unit + min(per_s * LATE_S, per_min * DEPTH_RATIO)
        self._limiter = AsyncLimiter(depth, depth / per_s)

    def has_room(self, amount: float) -> bool:
        """Whether `amount`, or the first part of it, fits now."""
        return self._limiter is None or self._limiter.has_capacity(min(amount, self._limiter.max_rate))

    async def take(self, amount: float) -> None:
        """Wait until `amount` fits."""
        while self._limiter is not None and amount > 0:
            part = min(amount, self._limiter.max_rate)
            await self._limiter.acquire(part)
            amount -= part


def _reported_per_min(headers: Mapping[str, str], what: str) -> float | None:
    """The limit a minute that headers report; None where they report none, or one of a longer window."""
    try:
        limit = float(headers[f"x-ratelimit-limit-{what}"])
    except (KeyError, ValueError):
        return None
    window_s = duration_s(headers.get(f"x-ratelimit-reset-{what}", ""))
    return limit if limit > 0 and window_s <= MAX_WINDOW_S else None
