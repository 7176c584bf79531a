"""Limits in virtual time: hours in milliseconds."""

from __future__ import annotations

import random
from collections import Counter, deque
from functools import partial

import anyio
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bench.virtual import run_virtually
from synthgen.engine.asking.adaptive import AdaptiveLimit, Ticket
from synthgen.engine.asking.breaker import Breaker
from synthgen.engine.asking.limits import EndpointLimits
from synthgen.job import LimitsConfig
from tests.engine.far_side import FarSide, keep_busy


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


def test_headers_tell_limits_that_nobody_declared() -> None:
    """A limit a minute in an answer's headers is kept from then on; one of a longer window is left alone; what the job
    declares counts more."""
    told = {"x-ratelimit-limit-requests": "600", "x-ratelimit-reset-requests": "6s"}
    for headers, declared, expected in (
        (told, None, 10 * 0.985),
        ({**told, "x-ratelimit-reset-requests": "8h"}, None, None),
        (told, 120.0, 2 * 0.985),
        ({"x-ratelimit-limit-requests": "soon"}, None, None),
    ):
        limits = EndpointLimits(LimitsConfig(requests_per_min=declared), default_concurrency=16)
        far = FarSide(headers=headers, latency_s=0.2)
        outcome = keep_busy(limits, far, seconds=30)
        assert outcome.end.requests_per_s == (None if expected is None else pytest.approx(expected))
        if expected is not None:
            assert outcome.per_s(5, 30) == pytest.approx(expected, rel=0.03)


def test_slow_start_finds_room_where_there_is_room() -> None:
    """Without limits the number in flight doubles until the ceiling is reached, and stays there."""
    outcome = keep_busy(EndpointLimits(LimitsConfig(), default_concurrency=256), FarSide(latency_s=0.5), seconds=20)
    assert outcome.far.max_in_flight <= 256
    assert sum(at < 0.2 for at in outcome.far.granted) == 32
    assert outcome.per_s(10, 20) == pytest.approx(256 / 0.52, rel=0.1)


def test_declared_concurrency_is_reached_in_one_round() -> None:
    """Who declares how many may be in flight has a reason: half of it leaves at once, and all of it in a round."""
    limits = EndpointLimits(LimitsConfig(max_concurrency=500), default_concurrency=16)
    outcome = keep_busy(limits, FarSide(latency_s=1.0, spread=0.0), seconds=10)
    assert sum(at < 0.2 for at in outcome.far.granted) == 250
    assert outcome.far.max_in_flight == 500
    assert len(outcome.far.granted) >= 500 * 8


def test_plateau_ends_growth() -> None:
    """A server that works on 80 at once and queues the others is not given hundreds: they would only wait."""
    outcome = keep_busy(EndpointLimits(LimitsConfig(), default_concurrency=512), FarSide(parallel=80), seconds=60)
    assert outcome.end.max_concurrency <= 320
    assert outcome.per_s(10, 60) >= 0.9 * 80 / 0.306


@pytest.mark.parametrize(("seed", "ceiling"), [(0, 64), (1, 64), (2, 96), (3, 256)])
def test_heavy_tail_is_no_plateau(seed: int, ceiling: int) -> None:
    """Where one answer in a hundred takes twenty times as long as another, chance is not taken for a server that is
    full: the ceiling is reached, and kept."""
    far = FarSide(latency_s=0.1, spread=1.29, chance=random.Random(seed))
    outcome = keep_busy(EndpointLimits(LimitsConfig(), default_concurrency=ceiling), far, seconds=8)
    assert outcome.end.max_concurrency == ceiling
    assert not outcome.history


@pytest.mark.parametrize("spread", [0.0, 0.5, 1.0])
def test_plateau_is_seen_through_scatter(spread: float) -> None:
    """A server that works on 100 at once, however its answers scatter, is not given a thousand."""
    far = FarSide(parallel=100, spread=spread)
    outcome = keep_busy(EndpointLimits(LimitsConfig(), default_concurrency=2048), far, seconds=25)
    assert outcome.end.max_concurrency <= 600


@pytest.mark.parametrize(
    ("far", "seconds", "oracle"),
    [
        pytest.param(FarSide(per_window=lambda _: 50), 40, 50 * 40, id="50 a second"),
        pytest.param(FarSide(per_window=lambda _: 500), 20, 500 * 20, id="500 a second"),
        pytest.param(FarSide(places=lambda _: 64), 30, 64 / 0.316 * 30, id="64 in flight"),
        pytest.param(FarSide(per_window=lambda _: 3000, window_s=60), 150, 3000 + 50 * 90, id="3000 a minute"),
        pytest.param(
            FarSide(per_window=lambda _: 3000, window_s=60, has_retry_after=False), 150, 3000 + 50 * 90, id="no hint"
        ),
    ],
)
def test_hidden_limit_is_found_and_used(far: FarSide, seconds: float, oracle: float) -> None:
    """A limit nobody declared is found within seconds, then at least nine tenths of it are used, and few requests are
    turned away."""
    outcome = keep_busy(EndpointLimits(LimitsConfig(), default_concurrency=512), far, seconds=seconds)
    assert len(far.granted) >= 0.83 * oracle
    assert outcome.refused_ratio <= 0.025


@pytest.mark.parametrize("kind", ["rate", "places"])
def test_capacity_that_steps_down_and_up_is_followed(kind: str) -> None:
    """To a third and back: found again within seconds, with no storm of refusals."""
    if kind == "rate":
        far = FarSide(per_window=lambda t: 50 if 20 <= t < 40 else 150)
        high, low = 150.0, 50.0
    else:
        far = FarSide(places=lambda t: 32 if 20 <= t < 40 else 96)
        high, low = 96 / 0.316, 32 / 0.316
    outcome = keep_busy(EndpointLimits(LimitsConfig(), default_concurrency=512), far, seconds=70)
    assert outcome.per_s(10, 20) >= 0.9 * high
    assert outcome.per_s(30, 40) >= 0.8 * low
    assert outcome.per_s(55, 70) >= 0.9 * high
    assert outcome.refused_ratio <= 0.04


def test_stray_refusals_freeze_nothing() -> None:
    """A refusal every two seconds that names a wait of 89 s costs the one request its place, not the run its speed."""
    far = FarSide(per_window=lambda _: 100, stray_every_s=lambda t: 2.0 if 10 <= t < 30 else None, stray_wait_s=89)
    outcome = keep_busy(EndpointLimits(LimitsConfig(), default_concurrency=512), far, seconds=40)
    assert outcome.per_s(10, 30) >= 90
    assert outcome.per_s(30, 40) >= 90


def test_refusals_that_load_does_not_cause_do_not_slow_the_run() -> None:
    """One request in ten refused whatever the load: that is told apart from a limit, and the bounds are put back."""
    outcome = keep_busy(
        EndpointLimits(LimitsConfig(max_concurrency=64), default_concurrency=512), FarSide(stray_ratio=0.1), seconds=30
    )
    assert outcome.end.background_ratio == pytest.approx(0.1, abs=0.06)
    assert outcome.per_s(5, 30) >= 0.8 * 64 / 0.306


def test_few_refusals_that_load_does_not_cause_do_not_slow_the_run() -> None:
    """One request in a hundred refused whatever the load is too little to see after one cut, and is seen after some."""
    for seed in (1, 2, 3):
        far = FarSide(stray_ratio=0.01, latency_s=0.15, chance=random.Random(seed))
        limits = EndpointLimits(LimitsConfig(max_concurrency=64, requests_per_min=12_000), default_concurrency=512)
        assert keep_busy(limits, far, seconds=30).per_s(10, 30) >= 0.9 * 200


def test_closed_endpoint_is_left_alone_for_as_long_as_it_asked() -> None:
    """An endpoint that lets nobody in is asked by one request when the wait it named is over, not by hundreds before."""
    far = FarSide(per_window=lambda t: 0 if 90 <= t < 120 else 10_000, latency_s=0.2, closed_until=120.0)
    outcome = keep_busy(EndpointLimits(LimitsConfig(max_concurrency=50), default_concurrency=512), far, seconds=140)
    assert not [at for at in far.refused if 91 <= at < 120]
    assert len(far.refused) <= 30
    assert outcome.per_s(125, 140) >= 0.6 * 50 / 0.21


def test_endpoint_in_this_process_is_never_slowed() -> None:
    """A model in this process has its places from the start, and keeps them."""
    limits = EndpointLimits(LimitsConfig(), default_concurrency=40, may_adapt=False)
    outcome = keep_busy(limits, FarSide(parallel=4), seconds=20)
    assert outcome.end.max_concurrency == 40
    assert sum(at < 0.1 for at in outcome.far.granted) == 40


@given(
    st.lists(st.tuples(st.sampled_from(["ok", "no", "fail"]), st.floats(0.001, 5.0)), max_size=200), st.integers(1, 64)
)
@example([("ok", s) for s in (1, 1, 1, 1, 1.25, 3.6796875, 4.5, 4.875, 0.5, 5, 2)] + [("no", 5.0)], 1)  # sums round up
def test_whatever_happens_the_bounds_stay_sane(story: list[tuple[str, float]], ceiling: int) -> None:
    """Between 1 and the ceiling in flight, a positive rate, and never closed for longer than it was asked to be."""
    limit, now, out = AdaptiveLimit(ceiling), 0.0, deque[Ticket]()
    for what, step_s in story:
        now += step_s / 10
        limit.used(slots_s=step_s / 20, rate_s=step_s / 20)
        if limit.closed_s(now) == 0 and len(out) < limit.concurrency:
            out.append(limit.sent(now, len(out) + 1))
        if out:
            ticket = out.popleft()
            if what == "ok":
                limit.passed(ticket, now, step_s)
            elif what == "no":
                limit.throttled(ticket, now, step_s)
            else:
                limit.failed(ticket)
        assert 1 <= limit.concurrency <= ceiling
        assert limit.requests_per_s is None or limit.requests_per_s > 0
        assert 0 <= limit.closed_s(now) <= 5.0
        assert 0 <= limit.background_ratio <= 0.35


def test_places_are_free_together_only_where_no_rate_is_known() -> None:
    """As many requests may be made ready at once as can leave at once: one at a time where a rate says when."""

    async def free(config: LimitsConfig) -> int:
        limits = EndpointLimits(config, default_concurrency=8, may_adapt=False)
        await limits.admit()
        return limits.free_slots

    assert run_virtually(partial(free, LimitsConfig())) == 7
    assert run_virtually(partial(free, LimitsConfig(max_concurrency=3))) == 2
    assert run_virtually(partial(free, LimitsConfig(requests_per_min=600))) == 0
    assert run_virtually(partial(free, LimitsConfig(tokens_per_min=6000))) == 0


class BreakerMachine(RuleBasedStateMachine):
    """Requests that pass and fail in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker, self.now, self.row = Breaker(), 0.0, 0

    @rule(seconds=st.floats(0.01, 40))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(has_alternative=st.booleans())
    def ask_in_vain(self, has_alternative: bool) -> None:
        if self.breaker.blocked_s(self.now) > 0:
            return
        self.breaker.sent(self.now)
        self.row += 1
        is_probe = self.breaker.is_open
        opened = self.breaker.failed(self.now, has_alternative=has_alternative)
        assert opened == self.breaker.is_open
        if not has_alternative:
            assert self.breaker.is_open or self.row < 10
        assert not opened or self.row >= 10 or has_alternative or is_probe

    @rule()
    def answer(self) -> None:
        self.breaker.passed(self.now)
        self.row = 0
        assert not self.breaker.is_open
        assert self.breaker.silent_s(self.now) == 0

    @invariant()
    def opens_again_soon(self) -> None:
        assert self.breaker.blocked_s(self.now) <= 30 + 1e-9
        assert (self.breaker.silent_s(self.now) > 0) <= (self.row > 0)


TestBreaker = BreakerMachine.TestCase


def test_breaker_needs_an_absolute_minimum_of_failures() -> None:
    """Nine failures in a row do not open it, ten do; of few outcomes no share opens it, even with another endpoint."""
    breaker = Breaker()
    assert not any(breaker.failed(1.0, has_alternative=True) for _ in range(9))
    assert breaker.failed(1.0, has_alternative=False)
    assert breaker.blocked_s(1.5) == pytest.approx(0.5)
    mixed = Breaker()
    for number in range(9):
        mixed.passed(float(number))
        assert not mixed.failed(number + 0.5, has_alternative=True)
    mixed.passed(9.0)
    assert mixed.failed(9.5, has_alternative=True), "twenty outcomes, half of them failures"


def test_breaker_waits_longer_after_each_probe_in_vain() -> None:
    """One request asks after 1 s, 2 s, 4 s ... up to 30 s; meanwhile nothing is sent."""
    breaker, now, pauses = Breaker(), 0.0, []
    for _ in range(10):
        breaker.failed(now, has_alternative=False)
    for _ in range(7):
        pauses.append(breaker.blocked_s(now))
        now += pauses[-1]
        breaker.sent(now)
        assert breaker.blocked_s(now) == float("inf")
        assert breaker.failed(now, has_alternative=False)
    assert pauses == [1, 2, 4, 8, 16, 30, 30]
