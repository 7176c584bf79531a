"""Accidents on the way: at their rate, the same in every run, and not for ever."""

from __future__ import annotations

import statistics
from collections import Counter

from synthgen.simulator import SimulatorSettings
from synthgen.simulator.dice import Dice
from synthgen.simulator.faults import decide_fate, draw_latency_s, spell_retry_after


def test_fate_comes_at_its_rates() -> None:
    """Each accident has its share of the requests."""
    settings = SimulatorSettings(throttle_ratio=0.1, error_ratio=0.2, hang_ratio=0.05, cut_ratio=0.1, hang_s=9)
    fates = [decide_fate(settings, str(n).encode(), 0) for n in range(4000)]
    shares: dict[str, float] = {k: v / 4000 for k, v in Counter(f.accident for f in fates).items()}
    for accident, share in {"throttle": 0.1, "error": 0.2, "hang": 0.05, "cut": 0.1, "": 0.55}.items():
        assert abs(shares[accident] - share) < 0.025
    assert all(f.delay_s == (9 if f.accident == "hang" else 0) for f in fates)


def test_fate_is_repeatable_and_changes_with_the_next_try() -> None:
    """The same try of the same request always meets the same fate; a later try meets another."""
    settings = SimulatorSettings(error_ratio=0.5)
    tries = [decide_fate(settings, b"request", n).accident for n in range(20)]
    assert tries == [decide_fate(settings, b"request", n).accident for n in range(20)]
    assert set(tries) == {"", "error"}


def test_latency_has_the_shape_asked_for() -> None:
    """Fixed, uniform within its ratio, or lognormal with the median and 99th percentile that were named."""
    dice = Dice(b"latency")
    assert draw_latency_s(SimulatorSettings(latency_s=0.2), dice) == 0.2
    jitter = SimulatorSettings(latency_s=1, latency_kind="jitter", latency_jitter_ratio=0.5)
    drawn = [draw_latency_s(jitter, dice) for _ in range(1000)]
    assert min(drawn) >= 0.5
    assert max(drawn) <= 1.5
    tail = SimulatorSettings(latency_s=1, latency_kind="lognormal", latency_p99_factor=20)
    drawn = sorted(draw_latency_s(tail, dice) for _ in range(20_000))
    assert 0.95 < statistics.median(drawn) < 1.05
    assert 16 < drawn[19_800] < 25


def test_retry_after_is_spelt_in_every_way() -> None:
    """Seconds, milliseconds, an HTTP date, or not at all."""
    assert spell_retry_after("seconds", 2.0, 0) == {"retry-after": "2"}
    assert spell_retry_after("seconds", 0.0123, 0) == {"retry-after": "0.013"}
    assert spell_retry_after("ms", 0.5, 0) == {"retry-after-ms": "500"}
    assert spell_retry_after("date", 1.5, 0) == {"retry-after": "Thu, 01 Jan 1970 00:00:02 GMT"}
    assert spell_retry_after("none", 1.5, 0) == {}
