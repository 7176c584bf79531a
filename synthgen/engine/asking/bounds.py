"""What the adaptive limit reckons with: bounds found by running into them, counts of the last seconds, latency levels.

Values with no clock: the caller brings the time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field


class Bound:
    """A bound found by running into it.

    Args:
        cut: Share of what was let through that is held at first.

    Attributes:
        value: The bound now; None where none was met yet.
    """

    HOLD_S, MAX_HOLD_S = 1.5, 4.0
    STEP, E_FOLDING_S = 0.02, 0.7
    DEEP = 0.9

    def __init__(self, *, cut: float) -> None:
        self._cut = self._share = cut
        self._is_deep = False
        self.value: float | None = None
        self._met_at = 0.0
        self._used_s = 0.0
        self._hold_s, self._e_folding_s = self.HOLD_S, self.E_FOLDING_S

    @property
    def is_held(self) -> bool:
        """Whether it is kept below where it was met, since a moment ago: little that is refused now is refused
        because of it."""
        return self.value is not None and self._used_s < 0.5 * self._hold_s

    @property
    def is_held_deep(self) -> bool:
        """Whether it is kept far below where it was met: nothing that is refused now is refused because of it."""
        return self._is_deep and self.is_held

    def meet(self, passed: float, *, hold_s: float | None = None, is_deep: bool = False) -> None:
        """`passed` was let through, more was not. With `hold_s` it took that long to find out: growth is as slow.

        With `is_deep` it is cut further than needed, to see what is refused whatever the bound.
        """
        self._is_deep = is_deep
        is_same = self._met_at > 0 and abs(passed / self._met_at - 1) < 0.1
        self._hold_s = hold_s or (min(self.MAX_HOLD_S, 1.5 * self._hold_s) if is_same else self.HOLD_S)
        self._e_folding_s = max(self.E_FOLDING_S, (hold_s or 0.0) / 4)
        self._met_at, self._used_s = passed, 0.0
        self._share = self.DEEP if is_deep else self._cut
        self.value = self._share * passed

    def restore(self, value: float | None) -> None:
        """It was cut for nothing."""
        self.value, self._is_deep = value, False
        self._met_at, self._used_s = value or 0.0, self._hold_s

    def use(self, seconds: float) -> None:
        """Time passed in which it was the thing waited for."""
        if self.value is None:
            return
        self._used_s += seconds
        share = self._share + (1 - self._share) * min(1.0, self._used_s / self._hold_s)
        if self._used_s > self._hold_s:
            share = 1 + self.STEP * math.expm1(min((self._used_s - self._hold_s) / self._e_folding_s, 20.0))
        self.value = max(self.value, self._met_at * share)

    def rest(self, seconds: float) -> None:
        """Time passed in which another was waited for: what was met long ago need not be held."""
        self._used_s = max(self._used_s, min(self._used_s + seconds, self._hold_s))


class Window:
    """Requests sent and throttled, by the time they were sent, over the last few seconds."""

    BIN_S, KEPT = 0.05, 120

    def __init__(self) -> None:
        self._sent = [0] * self.KEPT
        self._throttled = [0] * self.KEPT
        self._last = -1

    def _place(self, at: float) -> int | None:
        """The bin of a time, cleared where it is new; None where it is forgotten."""
        number = int(at / self.BIN_S)
        if number > self._last:
            for stale in range(max(self._last + 1, number - self.KEPT + 1), number + 1):
                self._sent[stale % self.KEPT] = self._throttled[stale % self.KEPT] = 0
            self._last = number
        return number % self.KEPT if number > self._last - self.KEPT else None

    def add_sent(self, at: float) -> None:
        place = self._place(at)
        if place is not None:
            self._sent[place] += 1

    def add_throttled(self, at: float) -> None:
        place = self._place(at)
        if place is not None:
            self._throttled[place] += 1

    def count(self, since: float, now: float) -> tuple[int, int]:
        """Sent and throttled of the requests sent between `since` and `now`, to the nearest bin."""
        self._place(now)
        first = max(int(since / self.BIN_S), self._last - self.KEPT + 1)
        places = [n % self.KEPT for n in range(first, self._last + 1)]
        return sum(self._sent[p] for p in places), sum(self._throttled[p] for p in places)


@dataclass(slots=True, eq=False)
class Level:
    """Latency at one number of requests in flight, by the median of the first requests sent there.

    Those still unanswered count as slow ones: the answers that come first are the quick ones, and say little.

    Attributes:
        in_flight: Requests in flight where it begins.
        sent: Requests that are counted.
        sum_in_flight: Requests in flight with each of these.
        logs: Logarithms of the latencies of those that were answered.
    """

    MIN_SENT, ANSWERED_RATIO = 32, 0.75
    QUARTER_DEVIATIONS = 0.6745  # standard deviations from the median of a normal distribution to its quartiles
    MEDIAN_ERROR = 1.2533  # standard error of a normal sample's median, to that of its mean

    in_flight: float
    sent: int = 0
    sum_in_flight: float = 0.0
    logs: list[float] = field(default_factory=list)

    def take(self, in_flight: int) -> bool:
        """Whether a request that leaves with so many in flight is one of those that are counted."""
        if self._are_all_sent or in_flight < 0.75 * self.in_flight:
            return False
        self.sent += 1
        self.sum_in_flight += in_flight
        return True

    def add(self, latency_s: float) -> None:
        """One of them was answered."""
        self.logs.append(math.log(max(latency_s, 1e-6)))

    def drop(self) -> None:
        """One of them failed: another takes its place."""
        self.sum_in_flight -= self.mean_in_flight
        self.sent -= 1

    @property
    def _are_all_sent(self) -> bool:
        return self.sent >= max(self.MIN_SENT, 0.5 * self.in_flight)

    @property
    def is_known(self) -> bool:
        """Whether enough of them were answered."""
        return self._are_all_sent and len(self.logs) >= self.ANSWERED_RATIO * self.sent

    @property
    def mean_in_flight(self) -> float:
        return self.sum_in_flight / max(1, self.sent)

    def gain_over(self, other: Level, *, errors: float = 0.0) -> float:
        """Answers a second here to those there, where what is in flight doubles; 1 where that brings nothing.

        Args:
            other: A known level with less in flight.
            errors: By how many standard errors the answers may have been quicker than they were seen to be.
        """
        more = self.mean_in_flight / max(1.0, other.mean_in_flight)
        if more <= 1.2:  # too little more to judge by
            return 2.0
        (here, here_error), (there, there_error) = self._median(), other._median()
        slower = here - there - errors * math.hypot(here_error, there_error)
        return 1 + (more / math.exp(slower) - 1) / (more - 1)

    def _median(self) -> tuple[float, float]:
        """Of the logarithms, and its standard error."""
        ordered = sorted(self.logs)
        lower, middle = ordered[self.sent // 4], ordered[self.sent // 2]
        deviation = (middle - lower) / self.QUARTER_DEVIATIONS
        return middle, self.MEDIAN_ERROR * deviation / math.sqrt(self.sent)


def is_better(earlier: tuple[int, int], later: tuple[int, int]) -> bool:
    """Whether the share throttled fell by more than chance explains; each is requests sent and throttled."""
    n, m = max(1, earlier[0]), max(1, later[0])
    pooled = (earlier[1] + later[1]) / (n + m)
    deviation = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return earlier[1] / n - later[1] / m > 1.5 * deviation
