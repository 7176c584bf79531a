"""How many requests at once an endpoint is tried with, as long as nobody says no: slow start, and the plateau that ends
it. Twice the requests in flight that bring hardly more answers only make each wait longer."""

from __future__ import annotations

from dataclasses import dataclass

from synthgen.engine.asking.bounds import Bound, Level

MIN_GAIN, UNSURE_GAIN = 1.15, 1.5
FIRST_HOLD_S, MAX_HOLD_S = 5.0, 60.0
NEAR_RATIO = 0.75  # of the bound: with less in flight, something else held a request back


@dataclass(slots=True)
class Growth:
    """Requests in flight that are tried.

    Attributes:
        ceiling: Most of them, whatever is learned.
        start: Bound until one was met; grows with every answer.
        slots: Bound that was met.
    """

    ceiling: int
    start: float
    slots: Bound
    _level: Level | None = None
    _reference: Level | None = None
    _hold_s: float = FIRST_HOLD_S

    def concurrency(self, ramp: float | None) -> int:
        """Most requests in flight now; no more than `ramp` while that is one."""
        bound = self.start if self.slots.value is None else self.slots.value
        if self._level is not None:
            bound = min(bound, 2 * self._level.in_flight)
        if ramp is not None:
            bound = min(bound, ramp)
        return max(1, min(self.ceiling, int(bound + 1e-9)))

    def level_of(self, in_flight: int) -> Level | None:
        """The level that a request counts for; None where the bound was not what held it back."""
        level = self._level
        if level is None:
            concurrency = self.concurrency(None)
            if in_flight < NEAR_RATIO * concurrency:
                return None
            self._level = level = Level(concurrency)
        return level if level.take(in_flight) else None

    def note(self, level: Level | None, latency_s: float) -> None:
        """A request that counts for a level was answered."""
        if level is not None and level is self._level:
            level.add(latency_s)

    def forget(self) -> None:
        """Too much was met: what was measured before says nothing any more."""
        self._reference = self._level = None

    def go_on(self) -> bool:
        """A request that the bound held back was answered: try more. Whether more turned out to bring nothing."""
        level = self._level
        if level is None:
            return False
        if self.slots.value is None and self.start < min(self.ceiling, 2 * level.in_flight):
            self.start += 1
        if not level.is_known or self.concurrency(None) < min(self.ceiling, 1.9 * level.in_flight):
            return False
        return self._is_plateau(level)

    def _is_plateau(self, level: Level) -> bool:
        reference = self._reference
        self._level = None
        if reference is None or level.in_flight < 1.5 * reference.in_flight:
            self._reference = level
            return False
        is_gain = level.gain_over(reference) >= MIN_GAIN
        if is_gain or level.gain_over(reference, errors=2.0) >= UNSURE_GAIN:  # a heavy tail scatters widely
            self._reference, self._hold_s = level, FIRST_HOLD_S
            return False
        self._hold_s = min(MAX_HOLD_S, 2 * self._hold_s)
        self.slots.meet(reference.in_flight, hold_s=self._hold_s)
        return True
