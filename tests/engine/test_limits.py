"""Limits in virtual time: hours in milliseconds."""

from __future__ import annotations

from collections import Counter

import anyio
import pytest

from synthgen.engine.limits import EndpointLimits
from synthgen.job import LimitsConfig
from tests.engine.virtual import run_virtually


def admissions(
    limits: EndpointLimits, *, seconds: float, tokens: float = 0, used: float = 0, lasts_s: float = 0.0
) -> list[float]:
    """When one pacer gets requests through, each lasting `lasts_s` and using `used` tokens of the `tokens` taken."""
    times: list[float] = []

    async def request() -> None:
        await anyio.sleep(lasts_s)
        limits.settle_tokens(estimate=tokens, used=used)
        limits.release()

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            with anyio.move_on_after(seconds):
                while True:
                    await limits.admit()
                    await limits.take_tokens(tokens)
                    times.append(anyio.current_time())
                    tasks.start_soon(request)
            tasks.cancel_scope.cancel()

    run_virtually(main)
    return times


@pytest.mark.parametrize("per_min", [6, 60, 1000, 30_000])
def test_declared_request_rate_is_used_and_never_exceeded(per_min: float) -> None:
    """Over ten minutes at least 97 % of the declared rate is used; no minute holds more, and no second a burst."""
    limits = EndpointLimits(LimitsConfig(requests_per_min=per_min), default_concurrency=10_000)
    minutes = 2 if per_min > 10_000 else 10
    times = admissions(limits, seconds=60 * minutes)
    assert 0.97 * per_min * minutes <= len(times) <= per_min * minutes + max(1, per_min / 600)
    fullest_second = max(Counter(int(t) for t in times).values())
    assert fullest_second <= per_min / 60 * 1.1 + 1


def test_first_second_is_no_burst() -> None:
    """A minute's worth of requests is not sent at once when a run starts."""
    limits = EndpointLimits(LimitsConfig(requests_per_min=6000), default_concurrency=10_000)
    assert len(admissions(limits, seconds=1.0)) <= 111


def test_tokens_are_settled_by_what_was_used() -> None:
    """Estimates three times too high do not cost two thirds of the rate; estimates too low do not exceed it."""
    for estimate in (300.0, 30.0):
        limits = EndpointLimits(LimitsConfig(tokens_per_min=60_000), default_concurrency=1000)
        times = admissions(limits, seconds=600, tokens=estimate, used=100.0, lasts_s=0.5)
        assert 0.95 * 6000 <= len(times) <= 1.02 * 6000


def test_request_larger_than_the_bucket_still_passes() -> None:
    """One request of more tokens than a tenth of a second holds waits its time and goes."""
    limits = EndpointLimits(LimitsConfig(tokens_per_min=600), default_concurrency=10)
    times = admissions(limits, seconds=1000, tokens=500.0, used=500.0)
    assert len(times) == pytest.approx(20, abs=1)


def test_concurrency_is_never_exceeded() -> None:
    """Places in flight are all used, and no more."""
    limits = EndpointLimits(LimitsConfig(max_concurrency=7), default_concurrency=64)
    times = admissions(limits, seconds=100, lasts_s=2.0)
    assert Counter(round(t, 1) for t in times)[0.0] == 7
    assert len(times) == pytest.approx(7 * 50, abs=7)


def test_pause_holds_everything_back() -> None:
    """While an endpoint asked for peace nothing is sent; then it goes on; the longest pause counts."""
    limits = EndpointLimits(LimitsConfig(), default_concurrency=5)
    sent: list[float] = []

    async def main() -> None:
        limits.pause(30)
        limits.pause(10)
        assert limits.statistics().paused_s == pytest.approx(30)
        for _ in range(3):
            await limits.admit()
            sent.append(anyio.current_time())

    run_virtually(main)
    assert sent == pytest.approx([30, 30, 30])
