"""What was sent to an endpoint and throttled by it lately, and how much of that is not our doing."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from synthgen.engine.asking.bounds import Window

SENDS_TO_JUDGE = 25
WINDOW_S = 1.0
TOLERATED_RATIO = 0.015
MIN_BACKGROUND_RATIO, MAX_BACKGROUND_RATIO = 0.04, 0.35
HELD_SENDS_KEPT, HELD_THROTTLES_TO_COUNT = 2000, 4


@dataclass(slots=True)
class Traffic:
    """Counts of requests.

    Attributes:
        background_ratio: Share of requests throttled whatever we do.
        refusal_s: Seconds after which a refusal comes.
    """

    background_ratio: float = 0.0
    refusal_s: float = 0.05
    _window: Window = field(default_factory=Window)
    _began_at: float | None = None
    _count: int = 0
    _held_sent: float = 0.0
    _held_throttled: float = 0.0
    _looked_at: float = -math.inf

    def begin(self, now: float) -> None:
        """It is open again, and let one request through."""
        self._began_at, self._count = now, 1

    def since_open(self, now: float) -> tuple[float, int]:
        """Seconds since it opened, or since the first request, and requests let through meanwhile."""
        return 0.0 if self._began_at is None else now - self._began_at, self._count

    def add_sent(self, now: float, *, is_held: bool) -> None:
        """A request leaves; whether bounds are held below where they were met."""
        self._window.add_sent(now)
        if self._began_at is None:
            self._began_at = now
        self._count += 1
        if is_held:
            self._held_sent += 1
            if self._held_sent > HELD_SENDS_KEPT:  # older ones count half
                self._held_sent, self._held_throttled = self._held_sent / 2, self._held_throttled / 2

    def add_throttled(self, sent_at: float, now: float, *, is_held: bool) -> None:
        """A request that left at `sent_at` was refused because of load."""
        self._window.add_throttled(sent_at)
        self._held_throttled += is_held
        self.refusal_s += 0.2 * (min(now - sent_at, 1.0) - self.refusal_s)
        self._count -= 1

    def add_held(self, sent: int, throttled: int) -> None:
        """A share so small that no single cut could show whose doing it is."""
        self._held_sent += sent
        self._held_throttled += throttled

    def count(self, since: float, now: float) -> tuple[int, int]:
        """Sent and throttled of the requests sent between `since` and `now`."""
        return self._window.count(since, now)

    def unanswered(self, now: float) -> int:
        """Requests sent so lately that a throttling could not have come back yet."""
        sent, throttled = self.count(now - 1.5 * self.refusal_s, now)
        return sent - throttled

    def let_through_per_s(self, now: float, span_s: float) -> float:
        """Requests a second that were not throttled in the last `span_s` seconds."""
        span = max(0.1, min(span_s, self.since_open(now)[0]))
        sent, throttled = self.count(now - span, now)
        return max(0.2, (sent - throttled) / span)

    def is_too_much(self, since: float, now: float, *, is_held_deep: bool) -> bool:
        """Whether more was throttled than the background and chance explain.

        With `is_held_deep` bounds are kept so far down that what is refused has another cause: only more than any small
        background is a new limit.
        """
        sent, throttled = self.count(since, now)
        usual = self.background_ratio
        chance = 2.5 * math.sqrt(usual * (1 - usual) * sent)
        held = self._held_ratio
        if held > usual:
            usual, chance = held, math.sqrt(held * (1 - held) * sent)
        if is_held_deep:
            return throttled >= max(3.0, 2 * MIN_BACKGROUND_RATIO * sent)
        return throttled >= max(1.0, TOLERATED_RATIO * sent + usual * sent + chance)

    @property
    def _held_ratio(self) -> float:
        """Share throttled while bounds were held: a small background that no single cut could show."""
        if self._held_throttled < HELD_THROTTLES_TO_COUNT:
            return 0.0
        return min(self._held_throttled / self._held_sent, MIN_BACKGROUND_RATIO)

    def follow_background(self, now: float) -> None:
        """Follow a falling share of throttled requests, once a second."""
        if self.background_ratio == 0.0 or now - self._looked_at < WINDOW_S:
            return
        self._looked_at = now
        sent, throttled = self.count(now - WINDOW_S, now)
        if sent >= SENDS_TO_JUDGE:
            share = throttled / sent
            self.background_ratio = min(self.background_ratio, 0.7 * self.background_ratio + 0.3 * share)
            if self.background_ratio < 0.2 * TOLERATED_RATIO:
                self.background_ratio = 0.0
