"""How fast and how many at once, for one endpoint and key.

Requests and tokens a minute are spread over the minute by leaky buckets (`aiolimiter`) a tenth of a second deep, so
there is no burst at the start of a run or a minute. Tokens are taken by estimate and settled by usage: what was taken
too much or too little is made good by the next request. One pacer a endpoint waits here, not hundreds of requests.
"""

from __future__ import annotations

from dataclasses import dataclass

import anyio
from aiolimiter import AsyncLimiter

from synthgen.engine.signal import Signal
from synthgen.job import LimitsConfig

BURST_S = 0.1


@dataclass(frozen=True, slots=True)
class LimitStatistics:
    """Where an endpoint's limits stand now."""

    in_flight: int
    max_concurrency: int
    paused_s: float
    owed_tokens: float


class EndpointLimits:
    """Admits requests to one endpoint.

    Args:
        config: What the job declares.
        default_concurrency: Requests in flight where the job declares none.
    """

    def __init__(self, config: LimitsConfig, *, default_concurrency: int) -> None:
        self._capacity = config.max_concurrency or default_concurrency
        self._in_flight = 0
        self._freed = Signal()
        self._paused_until = 0.0
        self._requests = _bucket(config.requests_per_min)
        self._tokens = _bucket(config.tokens_per_min)
        self._owed_tokens = 0.0

    async def admit(self) -> None:
        """Wait for a place in flight, the end of a pause, and the requests-a-minute rate; take the place.

        Cancellation: nothing stays taken but a share of the rate.
        """
        while self._in_flight >= self._capacity or self._pause_left() > 0:
            pause = self._pause_left()
            await self._freed.wait(timeout_s=pause if pause > 0 else None)
        if self._requests is not None:
            await self._requests.acquire()
        self._in_flight += 1

    async def take_tokens(self, estimate: float) -> None:
        """Wait until `estimate` tokens, and what earlier requests used beyond their estimates, fit the rate."""
        if self._tokens is None:
            return
        left = estimate + self._owed_tokens
        self._owed_tokens = min(0.0, left)
        while left > 0:
            part = min(left, self._tokens.max_rate)
            await self._tokens.acquire(part)
            left -= part

    def settle_tokens(self, *, estimate: float, used: float) -> None:
        """Account for the difference between what was taken and what was used."""
        self._owed_tokens += used - estimate

    def release(self) -> None:
        """Give back the place in flight."""
        self._in_flight -= 1
        self._freed.notify()

    def pause(self, seconds: float) -> None:
        """Send nothing for `seconds`: the endpoint asked for it."""
        self._paused_until = max(self._paused_until, anyio.current_time() + seconds)

    def statistics(self) -> LimitStatistics:
        return LimitStatistics(self._in_flight, self._capacity, self._pause_left(), self._owed_tokens)

    def _pause_left(self) -> float:
        return self._paused_until - anyio.current_time()


def _bucket(per_min: float | None) -> AsyncLimiter | None:
    if per_min is None:
        return None
    per_s = per_min / 60
    depth = max(1.0, per_s * BURST_S)
    return AsyncLimiter(depth, depth / per_s)
