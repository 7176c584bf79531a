"""Choice that is stable for ever: orders by hash, not by a library's random stream.

Python's and numpy's shuffles may change between versions; a changed order would change slot ids, and so buy paid
answers again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from synthgen.identity import derive_seed, derive_seeds


def permute(count: int, *names: str | int) -> list[int]:
    """The numbers 0 to `count` - 1 in an order that is a pure function of `names`."""
    keys = derive_seeds(count, *names)
    return sorted(range(count), key=keys.__getitem__)


def pick_distinct(count: int, wanted: int, *names: str | int) -> list[int]:
    """`wanted` different numbers below `count` (all of them where there are no more), a pure function of `names`."""
    if wanted >= count:
        return permute(count, *names)
    picked: dict[int, None] = {}
    draws = _draws(names)
    while len(picked) < wanted:
        picked.setdefault(next(draws) % count)
    return list(picked)


def _draws(names: tuple[str | int, ...]) -> Iterator[int]:
    attempt = 0
    while True:
        yield derive_seed(*names, "draw", attempt)
        attempt += 1


def stride(count: int, *names: str | int) -> tuple[int, int]:
    """A step coprime to `count` near the golden section, and a start: `(start + k * step) % count` visits each number
    once every `count` steps, with neighbours far apart, at any size and without a list."""
    step = max(1, round(count * 0.6180339887498949))
    while math.gcd(step, count) != 1:
        step += 1
    return derive_seed(*names) % count, step % count or 1
