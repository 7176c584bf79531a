"""Endpoints in virtual time that refuse what is too much, and a client that keeps asking through `EndpointLimits`."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import anyio

from bench.virtual import run_virtually
from synthgen.engine.asking.adaptive import Ticket
from synthgen.engine.asking.limits import EndpointLimits, LimitStatistics

REFUSAL_S = 0.01


@dataclass
class FarSide:
    """One endpoint. Every bound may change by the second: each is a function of the time.

    Attributes:
        per_window: Requests granted in any `window_s` seconds.
        places: Requests in flight.
        stray_ratio: Share of requests refused whatever the load.
        stray_every_s: One request refused in every so many seconds.
        stray_wait_s: The wait such a refusal names.
        has_retry_after: Whether a refusal names a wait at all.
        closed_until: What refusals name while nothing is granted.
        headers: Of every answer.
        latency_s: Median time of an answer.
        spread: Sigma of its logarithm.
        parallel: Answers worked on at once; the others queue.
    """

    per_window: Callable[[float], float] | None = None
    window_s: float = 1.0
    places: Callable[[float], float] | None = None
    stray_ratio: float = 0.0
    stray_every_s: Callable[[float], float | None] = lambda _: None
    stray_wait_s: float = 1.0
    has_retry_after: bool = True
    closed_until: float | None = None
    headers: dict[str, str] = field(default_factory=dict)
    latency_s: float = 0.3
    spread: float = 0.2
    parallel: int = 1_000_000
    chance: random.Random = field(default_factory=lambda: random.Random(1))
    granted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    max_in_flight: int = 0
    _window: deque[float] = field(default_factory=deque)
    _in_flight: int = 0
    _stray_at: float = 0.0

    def refuse(self, now: float) -> float | None:
        """The wait named where a request is turned away; None where it is let in."""
        every_s = self.stray_every_s(now)
        if every_s is not None and now >= self._stray_at:
            self._stray_at = now + every_s
            return self.stray_wait_s
        if self.chance.random() < self.stray_ratio:
            return self.stray_wait_s
        if self.places is not None and self._in_flight >= self.places(now):
            return 1.0
        if self.per_window is not None:
            while self._window and self._window[0] <= now - self.window_s:
                self._window.popleft()
            if self.closed_until is not None and self.per_window(now) == 0:
                return self.closed_until - now
            if len(self._window) >= self.per_window(now):
                return self._window[0] + self.window_s - now
            self._window.append(now)
        return None

    async def work(self) -> float:
        """Answer one request that was let in; the time it took."""
        started = anyio.current_time()
        self.granted.append(started)
        self._in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self._in_flight)
        queued = max(1.0, self._in_flight / self.parallel)
        await anyio.sleep(self.latency_s * queued * self.chance.lognormvariate(0, self.spread))
        self._in_flight -= 1
        return anyio.current_time() - started


@dataclass(frozen=True)
class Outcome:
    """What came of keeping busy."""

    far: FarSide
    seconds: float
    history: list[tuple[float, str, int, float | None]]
    end: LimitStatistics

    @property
    def refused_ratio(self) -> float:
        return len(self.far.refused) / max(1, len(self.far.refused) + len(self.far.granted))

    def per_s(self, since: float, until: float) -> float:
        return sum(since <= at < until for at in self.far.granted) / (until - since)


def keep_busy(limits: EndpointLimits, far: FarSide, *, seconds: float) -> Outcome:
    """Ask without end for so long, and let what is out come home."""
    history: list[tuple[float, str, int, float | None]] = []

    async def call(ticket: Ticket) -> None:
        sent_at = anyio.current_time()
        await anyio.sleep(REFUSAL_S / 2 * far.chance.lognormvariate(0, 0.5))  # the wire
        wait_s = far.refuse(anyio.current_time())
        if wait_s is None:
            await far.work()
            await anyio.sleep(REFUSAL_S / 2)
            limits.passed(ticket, anyio.current_time() - sent_at, far.headers)
        else:
            far.refused.append(anyio.current_time())
            await anyio.sleep(REFUSAL_S / 2)
            limits.throttled(ticket, wait_s if far.has_retry_after else None)
        why = limits.why()
        if why:
            now = limits.statistics()
            history.append((anyio.current_time(), why, now.max_concurrency, now.requests_per_s))
        limits.release()

    async def main() -> LimitStatistics:
        async with anyio.create_task_group() as tasks:
            with anyio.move_on_after(seconds):
                while True:
                    await limits.admit()
                    tasks.start_soon(call, limits.sent())
            return limits.statistics()

    return Outcome(far, seconds, history, run_virtually(main))
