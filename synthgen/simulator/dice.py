"""Chance that is a pure function of names: the same on every machine, Python version and run.

The standard library's generators promise their sequence only for some methods and cost 6 µs to seed; this one is a
BLAKE2b stream read with divmod.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")

_LOW_WATER = 1 << 64
_DENOMINATOR = 1 << 53


class Dice:
    """An endless stream of draws decided by `key` alone. The bias of a draw below n is under n / 2**64."""

    __slots__ = ("_key", "_round", "_state")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._round = 0
        self._state = 0

    def below(self, n: int) -> int:
        """A whole number in [0, n)."""
        if self._state < _LOW_WATER:
            self._state = int.from_bytes(blake2b(self._key, salt=self._round.to_bytes(16, "big")).digest(), "big")
            self._round += 1
        self._state, drawn = divmod(self._state, n)
        return drawn

    def between(self, low: int, high: int) -> int:
        """A whole number in [low, high]."""
        return low + self.below(high - low + 1)

    def pick(self, values: Sequence[T]) -> T:
        return values[self.below(len(values))]

    def share(self) -> float:
        """A number in [0, 1)."""
        return self.below(_DENOMINATOR) / _DENOMINATOR

    def happens(self, ratio: float) -> bool:
        return ratio > 0 and self.share() < ratio


def key_of(seed: int, purpose: bytes, *parts: bytes) -> bytes:
    """A key from named parts; `purpose` keeps the streams of one request apart."""
    hashed = blake2b(str(seed).encode(), digest_size=32, person=purpose)
    for part in parts:
        hashed.update(len(part).to_bytes(8, "big"))
        hashed.update(part)
    return hashed.digest()
