"""Finds what an endpoint takes, where nobody said: how many requests at once, and how many a second.

A value with no clock, no task and no socket: the caller brings the time. What it learns from:

- **met**: requests were throttled. Either too many were in flight or too many came in a second. The bound that was
  waited for is cut to what was let through; one cut for all the throttling that one state of affairs caused.
- **not us**: a cut that leaves the share of throttled requests as it was has shown that our load is not the cause. The
  bound is put back, and that share counts as background until it falls.
- **closed**: nothing sent lately was let through. Nothing more is sent until the wait the endpoint named is over; then
  one request asks whether it is open again.
- **used**: a bound grows only with time in which it was the thing waited for: held just below where it was met, then
  faster and faster, so that a raised capacity is found within seconds.
- **plateau**: twice the requests in flight that bring hardly more answers only make each wait longer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

from synthgen.engine.asking.bounds import Bound, Level, Window, is_better

SLOW_START = 32
SENDS_TO_JUDGE = 25
JUDGE_AFTER_S = 0.25
JUDGE_AT_LATEST_S = 3.0
WINDOW_S = 1.0
TOLERATED_RATIO = 0.015
MIN_BACKGROUND_RATIO, MAX_BACKGROUND_RATIO = 0.04, 0.35
DEEP_EVERY = 4
HELD_SENDS_KEPT, HELD_THROTTLES_TO_COUNT = 2000, 4
THROTTLES_TO_CLOSE = 5
CLOSED_RATIO = 0.8
FIRST_PROBE_S, MAX_PROBE_S = 0.05, 4.0
LONG_CLOSURE_S = 3.0
SOON_S = 2.0
MAX_HOLD_S = 60.0
MIN_GAIN, UNSURE_GAIN = 1.15, 1.5


class Ticket(NamedTuple):
    """What was so when a request was sent: the time, how many were in flight with it, whether a bound was held, and the
    level it counts for.

    What is refused while a bound is held below where it was met is not refused because of it.
    """

    at: float
    in_flight: int
    is_held: bool = False
    level: Level | None = None


@dataclass(slots=True)
class _Stage:
    """The time after a cut, until it can be told whether it helped."""

    began_at: float
    before: tuple[float | None, float | None]
    earlier: tuple[int, int] | None
    min_places: float
    pace: float
    sent: int = 0
    throttled: int = 0


@dataclass(slots=True)
class _Closure:
    """The endpoint lets nothing through."""

    began_at: float
    until: float
    wait_s: float
    probe_at: float | None = None


@dataclass(slots=True)
class AdaptiveLimit:
    """What one endpoint takes, as far as is known.

    Args:
        ceiling: Most requests in flight, whatever is learned.
        may_adapt: False keeps the ceiling and no rate: a model in this process says no to nobody.
        start: Requests in flight at first, at most.

    Attributes:
        rate: Bound on requests a second; its value is None until it was met.
        background_ratio: Share of requests throttled whatever we do.
        why: What changed the bounds last, in words; empty where nothing changed since it was read.
    """

    ceiling: int
    may_adapt: bool = True
    start: int = SLOW_START
    rate: Bound = field(default_factory=lambda: Bound(cut=0.96))
    background_ratio: float = 0.0
    why: str = ""
    _places: Bound = field(default_factory=lambda: Bound(cut=1.0))
    _start: float = 0.0
    _window: Window = field(default_factory=Window)
    _stage: _Stage | None = None
    _closure: _Closure | None = None
    _probe_s: float = FIRST_PROBE_S
    _cycle: tuple[float, int] | None = None
    _refusal_s: float = 0.05
    _cut_at: float = -math.inf
    _looked_at: float = -math.inf
    _opened_at: float = -math.inf
    _cuts: int = 0
    _held_sent: float = 0.0
    _held_throttled: float = 0.0
    _is_rate_waited_for: bool = False
    _reference: Level | None = None
    _level: Level | None = None
    _plateau_hold_s: float = 5.0
    _ramp: float | None = None
    _in_flight: int = 0
    _pace: float = 0.0

    def __post_init__(self) -> None:
        self._start = float(min(self.ceiling, self.start) if self.may_adapt else self.ceiling)

    # --- what may be sent --------------------------------------------------------------------------------------

    @property
    def concurrency(self) -> int:
        """Most requests in flight now."""
        met = self._places.value
        bound = self._start if met is None else met
        if self._level is not None:
            bound = min(bound, 2 * self._level.in_flight)
        if self._ramp is not None:
            bound = min(bound, self._ramp)
        return max(1, min(self.ceiling, int(bound + 1e-9)))

    @property
    def requests_per_s(self) -> float | None:
        """Most requests a second now; None where no bound was met."""
        bounds = [b for b in (self.rate.value, self._stage.pace if self._stage else None) if b is not None]
        return max(min(bounds), 0.05) if bounds else None

    def closed_s(self, now: float) -> float:
        """Seconds until the next request may be sent: one asks whether the endpoint is open, then the others follow."""
        closure = self._closure
        if closure is None:
            return 0.0
        if closure.probe_at is not None:
            return max(0.0, closure.probe_at + self._refusal_patience_s - now)
        return max(0.0, min(closure.wait_s, closure.until - now))  # the difference may round up

    @property
    def _refusal_patience_s(self) -> float:
        """Seconds after which a request that was not refused was let in: refusals come quickly."""
        return max(0.1, 4 * self._refusal_s)

    # --- what happened -----------------------------------------------------------------------------------------

    def used(self, *, places_s: float = 0.0, rate_s: float = 0.0) -> None:
        """A bound was waited for."""
        self._is_rate_waited_for = rate_s > places_s
        self.rate.use(rate_s)
        self.rate.rest(places_s)
        self._places.use(places_s)
        self._places.rest(rate_s)

    def sent(self, now: float, in_flight: int) -> Ticket:
        """A request leaves, `in_flight` with it."""
        self._window.add_sent(now)
        self._in_flight = in_flight
        if self._stage is not None:
            self._stage.sent += 1
        if self._closure is not None and now >= self._closure.until:
            if self._closure.probe_at is None:
                self._closure.probe_at = now
            elif now >= self._closure.probe_at + self._refusal_patience_s:
                self._open(now)
        if self._cycle is None:
            self._cycle = (now, 0)
        self._cycle = (self._cycle[0], self._cycle[1] + 1)
        is_held = self._stage is None and (self.rate.is_held or self._places.is_held)
        if is_held:
            self._held_sent += 1
            if self._held_sent > HELD_SENDS_KEPT:  # older ones count half
                self._held_sent, self._held_throttled = self._held_sent / 2, self._held_throttled / 2
        return Ticket(now, in_flight, is_held, self._level_of(in_flight))

    def _level_of(self, in_flight: int) -> Level | None:
        """The level that a request counts for; None where the bound was not what held it back."""
        if not self.may_adapt or self._closure is not None or self._ramp is not None:
            return None
        level = self._level
        if level is None:
            if in_flight < 0.75 * self.concurrency:
                return None
            self._level = level = Level(self.concurrency)
        return level if level.take(in_flight) else None

    def passed(self, ticket: Ticket, now: float, latency_s: float) -> None:
        """An answer came."""
        if self._closure is not None and ticket.at >= self._closure.until:
            self._open(now)
        if self.may_adapt and self._closure is None:
            self._judge_stage(now)
            self._forget_background(now)
            self._grow(ticket, latency_s)

    def failed(self, ticket: Ticket) -> None:
        """Neither an answer nor a throttling: says nothing about limits, but a probe is over."""
        if ticket.level is not None:
            ticket.level.drop()
        if self._closure is not None and ticket.at >= self._closure.until:
            self._closure.probe_at = None

    def throttled(self, ticket: Ticket, now: float, retry_after_s: float | None) -> None:
        """The endpoint refused a request because of load."""
        self._window.add_throttled(ticket.at)
        if ticket.level is not None:
            ticket.level.drop()
        self._held_throttled += ticket.is_held
        self._refusal_s += 0.2 * (min(now - ticket.at, 1.0) - self._refusal_s)
        if self._cycle is not None:
            self._cycle = (self._cycle[0], self._cycle[1] - 1)
        if self._closure is not None:
            if ticket.at >= self._closure.until:
                self._close(now, retry_after_s)
            return
        if ticket.at < self._cut_at:
            return  # sent before the last cut, which was made for it
        stage = self._stage
        if stage is not None:
            stage.throttled += 1
        if self._is_shut(ticket, now):
            self._close(now, retry_after_s)
        elif self.may_adapt:
            if stage is not None:
                self._trim(ticket, stage)
                self._judge_stage(now)
            elif self._is_too_much(now):
                self._cut(ticket, now, stage=None)

    # --- met, and not us ---------------------------------------------------------------------------------------

    def _is_too_much(self, now: float) -> bool:
        """Whether more was throttled lately than the background and chance explain."""
        sent, throttled = self._window.count(max(now - WINDOW_S, self._cut_at), now)
        usual = self.background_ratio
        chance = 2.5 * math.sqrt(usual * (1 - usual) * sent)
        held = self._held_ratio
        if held > usual:
            usual, chance = held, math.sqrt(held * (1 - held) * sent)
        if self._is_held_deep:  # only more than any small background is a new limit
            return throttled >= max(3.0, 2 * MIN_BACKGROUND_RATIO * sent)
        return throttled >= max(1.0, TOLERATED_RATIO * sent + usual * sent + chance)

    @property
    def _is_held_deep(self) -> bool:
        """Whether a bound is kept so far down that what is refused now has another cause."""
        return self.rate.is_held_deep or self._places.is_held_deep

    @property
    def _held_ratio(self) -> float:
        """Share throttled while bounds were held: a small background that no single cut could show."""
        if self._held_throttled < HELD_THROTTLES_TO_COUNT:
            return 0.0
        return min(self._held_throttled / self._held_sent, MIN_BACKGROUND_RATIO)

    def _cut(self, ticket: Ticket, now: float, *, stage: _Stage | None) -> None:
        before = stage.before if stage else (self._places.value, self.rate.value)
        self._cuts += 1
        is_deep = self._cuts % DEEP_EVERY == 0
        is_first = stage is None
        earlier = (stage.sent, stage.throttled) if stage else None
        rate = self._let_through_per_s(now)
        is_rate = self._is_rate_waited_for or (self.rate.value is not None and rate >= 0.9 * self.rate.value)
        if not (is_rate and is_first):
            had = self.concurrency
            self._places.meet(max(1.0, 0.7 * had, min(ticket.in_flight - 1, had)))
        if is_rate or not is_first:
            passed = rate if is_rate else max(rate, self._let_through_per_s(now, over_s=3.0))
            self.rate.meet(passed, is_deep=is_deep)
        least = self.concurrency - (0.0 if is_rate else max(3, 0.03 * self.concurrency))
        pace = max(rate, SENDS_TO_JUDGE / JUDGE_AT_LATEST_S)
        self._stage = _Stage(now, before, earlier, least, pace)
        self._cut_at = now
        self._reference = self._level = None
        self.why = "throttled"

    def _trim(self, ticket: Ticket, stage: _Stage) -> None:
        """Throttled again right after a cut: a few places less, for what was on the way when it was made."""
        places = self._places
        if places.value is not None and places.value > stage.min_places:
            places.meet(max(1.0, stage.min_places, min(places.value, ticket.in_flight - 1)))

    def _let_through_per_s(self, now: float, over_s: float = WINDOW_S) -> float:
        """Requests a second that were not throttled, lately."""
        span = over_s
        if span == WINDOW_S and self._stage is not None and now - self._stage.began_at >= 0.5:
            span = min(2.0, now - self._stage.began_at)
        began = self._cycle[0] if self._cycle else now
        span = max(0.1, min(span, now - began))
        sent, throttled = self._window.count(now - span, now)
        return max(0.2, (sent - throttled) / span)

    def _judge_stage(self, now: float) -> None:
        """See whether the last cut helped, as soon as there is enough to see."""
        stage = self._stage
        if stage is None or self._closure is not None:
            return
        lasted_s = now - stage.began_at
        is_enough = lasted_s >= max(JUDGE_AFTER_S, 2 * self._refusal_s) and stage.sent >= SENDS_TO_JUDGE
        if not is_enough and lasted_s < JUDGE_AT_LATEST_S:
            return
        self._stage = None
        if stage.throttled <= max(1.0, (self.background_ratio + TOLERATED_RATIO) * stage.sent):
            return
        earlier = stage.earlier
        if earlier is not None and not is_better(earlier, (stage.sent, stage.throttled)):
            share = (earlier[1] + stage.throttled) / max(1, earlier[0] + stage.sent)
            if share < MIN_BACKGROUND_RATIO:  # so few that the cuts may stand; but they were not the cause
                self._held_sent += earlier[0] + stage.sent
                self._held_throttled += earlier[1] + stage.throttled
                return
        else:
            share = 1.0
        if share <= MAX_BACKGROUND_RATIO:
            self.background_ratio = share
            self._places.restore(stage.before[0])
            self.rate.restore(stage.before[1])
            self.why = "throttled whatever the load"
            return
        self._stage = stage
        self._cut(Ticket(now, self.concurrency), now, stage=stage)

    def _forget_background(self, now: float) -> None:
        """Follow a falling share of throttled requests, once a second."""
        if self.background_ratio == 0.0 or now - self._looked_at < WINDOW_S:
            return
        self._looked_at = now
        sent, throttled = self._window.count(now - WINDOW_S, now)
        if sent >= SENDS_TO_JUDGE:
            share = throttled / sent
            self.background_ratio = min(self.background_ratio, 0.7 * self.background_ratio + 0.3 * share)
            if self.background_ratio < 0.2 * TOLERATED_RATIO:
                self.background_ratio = 0.0

    # --- closed ------------------------------------------------------------------------------------------------

    def _is_shut(self, ticket: Ticket, now: float) -> bool:
        """Whether nothing gets through any more."""
        if ticket.in_flight <= 1:
            return True
        since = max(self._cut_at, now - WINDOW_S)
        stage = self._stage
        if stage is not None:
            if ticket.in_flight > max(1.0, stage.min_places) + 1e-9:
                return False  # it may be only a few too many at once
            known = max(1, stage.sent - self._unanswered(now))
            return stage.throttled >= THROTTLES_TO_CLOSE and stage.throttled >= CLOSED_RATIO * known
        sent, throttled = self._window.count(since, now)
        return throttled >= THROTTLES_TO_CLOSE and throttled >= CLOSED_RATIO * sent

    def _unanswered(self, now: float) -> int:
        """Requests sent so lately that a throttling could not have come back yet."""
        sent, throttled = self._window.count(now - 1.5 * self._refusal_s, now)
        return sent - throttled

    def _close(self, now: float, retry_after_s: float | None) -> None:
        wait_s = max(self._probe_s, retry_after_s or 0.0)
        self._probe_s = min(MAX_PROBE_S, 2 * self._probe_s)
        closure = self._closure
        if closure is None and now - self._opened_at < SOON_S:
            self._close_again(now)
        self._closure = _Closure(closure.began_at if closure else now, now + wait_s, wait_s)
        self._pace = self._stage.pace if self._stage else 0.0
        self._stage = self._ramp = None
        self.why = f"closed for {wait_s:.3g} s"

    def _close_again(self, now: float) -> None:
        """It closed soon after it opened: what it let through meanwhile is what it takes."""
        if self._places.value is not None:
            self._places.meet(max(1.0, self._ramp or 0.0, 0.85 * self._places.value))
        began_at, count = self._cycle or (now, 0)
        if now - began_at >= JUDGE_AFTER_S and count >= SENDS_TO_JUDGE / 2:
            self.rate.meet(count / (now - began_at))

    def _open(self, now: float) -> None:
        assert self._closure is not None
        shut_s = now - self._closure.began_at
        self._closure, self._probe_s = None, FIRST_PROBE_S
        if self.may_adapt and self._cycle is not None:
            began_at, count = self._cycle
            average = max(0.2, count / max(now - began_at, 0.5))
            if shut_s >= LONG_CLOSURE_S:
                self.rate.meet(average, hold_s=min(MAX_HOLD_S, now - began_at))
            elif self.rate.value is None:
                self.rate.meet(max(average, self._pace))
        self._ramp = max(2.0, self.concurrency / 4, self._in_flight + 1.0)
        self._cycle = (now, 1)
        self._cut_at = self._opened_at = now
        self.why = "open again"

    # --- growth ------------------------------------------------------------------------------------------------

    def _grow(self, ticket: Ticket, latency_s: float) -> None:
        """Slow start, and the plateau that ends it."""
        level = self._level
        if level is not None and ticket.level is level:
            level.add(latency_s)
        if ticket.in_flight < 0.75 * self.concurrency:
            return  # the bound was not what held the request back
        if self._ramp is not None:
            self._ramp += ticket.at >= self._cut_at
            self._ramp = None if self._ramp >= (self._places.value or self._start) else self._ramp
            return
        if level is None:
            return
        if self._places.value is None and self._start < min(self.ceiling, 2 * level.in_flight):
            self._start += 1
        if level.is_known and self.concurrency >= min(self.ceiling, 1.9 * level.in_flight):
            self._compare_levels(level)

    def _compare_levels(self, level: Level) -> None:
        reference = self._reference
        self._level = None
        if reference is None or level.in_flight < 1.5 * reference.in_flight:
            self._reference = level
            return
        is_gain = level.gain_over(reference) >= MIN_GAIN
        if is_gain or level.gain_over(reference, errors=2.0) >= UNSURE_GAIN:  # a heavy tail scatters widely
            self._reference, self._plateau_hold_s = level, 5.0
            return
        self._plateau_hold_s = min(60.0, 2 * self._plateau_hold_s)
        self._places.meet(reference.in_flight, hold_s=self._plateau_hold_s)
        self.why = "no more answers from more requests at once"
