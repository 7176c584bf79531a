"""What goes wrong on the way, and how long it takes: decided by the seed, the request and how often it has come.

So the second try of a request throws new dice and can succeed, while two runs of the same tries fail alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from email.utils import formatdate
from statistics import NormalDist
from typing import Literal

from synthgen.simulator.dice import Dice, key_of
from synthgen.simulator.settings import SimulatorSettings

Accident = Literal["", "throttle", "error", "hang", "cut"]
_ACCIDENTS: tuple[Accident, ...] = ("throttle", "error", "hang", "cut")
_NORMAL = NormalDist()
_Z99 = _NORMAL.inv_cdf(0.99)


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one arrival of a request.

    Attributes:
        accident: What goes wrong, or the empty string.
        delay_s: Seconds until the answer is sent, a hang included.
        cut_ratio: Share of the body that is sent where the accident is `cut`.
    """

    accident: Accident
    delay_s: float
    cut_ratio: float = 1.0


def decide_fate(settings: SimulatorSettings, key: bytes, arrival: int) -> Fate:
    """The fate of the `arrival`-th coming (from 0) of the request with this key."""
    dice = Dice(key_of(settings.seed, b"fate", key, arrival.to_bytes(8, "big")))
    accident = _draw_accident(settings, dice)
    delay_s = draw_latency_s(settings, dice)
    if accident == "hang":
        delay_s += settings.hang_s
    return Fate(accident, delay_s, 0.1 + 0.8 * dice.share())


def _draw_accident(settings: SimulatorSettings, dice: Dice) -> Accident:
    drawn = dice.share()
    for ratio, accident in zip(settings.transport_ratios, _ACCIDENTS, strict=True):
        if drawn < ratio:
            return accident
        drawn -= ratio
    return ""


def draw_latency_s(settings: SimulatorSettings, dice: Dice) -> float:
    """Seconds one answer takes."""
    median = settings.latency_s
    if median == 0 or settings.latency_kind == "fixed":
        return median
    share = dice.share()
    if settings.latency_kind == "jitter":
        return median * (1 + settings.latency_jitter_ratio * (2 * share - 1))
    sigma = math.log(settings.latency_p99_factor) / _Z99
    return median * math.exp(sigma * _NORMAL.inv_cdf(min(max(share, 1e-9), 1 - 1e-9)))


def spell_retry_after(kind: str, wait_s: float, now_unix: float) -> dict[str, str]:
    """The header that names a wait; seconds and milliseconds are rounded up, a date to the next whole second."""
    if kind == "none":
        return {}
    if kind == "ms":
        return {"retry-after-ms": str(math.ceil(wait_s * 1000))}
    if kind == "date":
        return {"retry-after": formatdate(math.ceil(now_unix + wait_s), usegmt=True)}
    return {"retry-after": f"{math.ceil(wait_s * 1000) / 1000:g}"}
