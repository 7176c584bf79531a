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
from dataclasses import dataclass
from typing import NamedTuple

from synthgen.engine.asking.bounds import Bound, Level, is_better
from synthgen.engine.asking.growth import NEAR_RATIO, Growth
from synthgen.engine.asking.traffic import (
    MAX_BACKGROUND_RATIO,
    MIN_BACKGROUND_RATIO,
    SENDS_TO_JUDGE,
    TOLERATED_RATIO,
    WINDOW_S,
    Traffic,
)

SLOW_START = 32
JUDGE_AFTER_S = 0.25
JUDGE_AT_LATEST_S = 3.0
DEEP_EVERY = 4
THROTTLES_TO_CLOSE = 5
CLOSED_RATIO = 0.8
FIRST_PROBE_S, MAX_PROBE_S = 0.05, 4.0
LONG_CLOSURE_S = 3.0
SOON_S = 2.0
MAX_HOLD_S = 60.0


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
class _Trial:
    """The time after a cut, until it shows whether it helped."""

    began_at: float
    before: tuple[float | None, float | None]
    earlier: tuple[int, int] | None
    min_slots: float
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


class AdaptiveLimit:
    """What one endpoint takes, as far as is known.

    Args:
        ceiling: Most requests in flight, whatever is learned.
        may_adapt: False keeps the ceiling and no rate: a model in this process says no to nobody.
        start: Requests in flight at first, at most.

    Attributes:
        rate: Bound on requests a second; its value is None until it was met.
        why: What changed the bounds last, in words; empty where nothing changed since it was read.
    """

    def __init__(self, ceiling: int, *, may_adapt: bool = True, start: int = SLOW_START) -> None:
        self.rate, self.why = Bound(cut=0.96), ""
        self._may_adapt, self._slots, self._traffic = may_adapt, Bound(cut=1.0), Traffic()
        self._growth = Growth(ceiling, float(min(ceiling, start) if may_adapt else ceiling), self._slots)
        self._trial: _Trial | None = None
        self._closure: _Closure | None = None
        self._ramp: float | None = None
        self._probe_s, self._pace, self._in_flight, self._cuts = FIRST_PROBE_S, 0.0, 0, 0
        self._cut_at = self._opened_at = -math.inf
        self._is_rate_waited_for = False

    # --- what may be sent --------------------------------------------------------------------------------------

    @property
    def concurrency(self) -> int:
        """Most requests in flight now."""
        return self._growth.concurrency(self._ramp)

    @property
    def requests_per_s(self) -> float | None:
        """Most requests a second now; None where no bound was met."""
        bounds = [b for b in (self.rate.value, self._trial.pace if self._trial else None) if b is not None]
        return max(min(bounds), 0.05) if bounds else None

    @property
    def background_ratio(self) -> float:
        """Share of requests throttled whatever we do."""
        return self._traffic.background_ratio

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
        return max(0.1, 4 * self._traffic.refusal_s)

    # --- what happened -----------------------------------------------------------------------------------------

    def used(self, *, slots_s: float = 0.0, rate_s: float = 0.0) -> None:
        """A bound was waited for."""
        self._is_rate_waited_for = rate_s > slots_s
        self.rate.use(rate_s)
        self.rate.rest(slots_s)
        self._slots.use(slots_s)
        self._slots.rest(rate_s)

    def sent(self, now: float, in_flight: int) -> Ticket:
        """A request leaves, `in_flight` with it."""
        self._in_flight = in_flight
        if self._trial is not None:
            self._trial.sent += 1
        if self._closure is not None and now >= self._closure.until:
            if self._closure.probe_at is None:
                self._closure.probe_at = now
            elif now >= self._closure.probe_at + self._refusal_patience_s:
                self._open(now)
        is_held = self._trial is None and (self.rate.is_held or self._slots.is_held)
        self._traffic.add_sent(now, is_held=is_held)
        may_count = self._may_adapt and self._closure is None and self._ramp is None
        return Ticket(now, in_flight, is_held, self._growth.level_of(in_flight) if may_count else None)

    def passed(self, ticket: Ticket, now: float, latency_s: float) -> None:
        """An answer came."""
        if self._closure is not None and ticket.at >= self._closure.until:
            self._open(now)
        if self._may_adapt and self._closure is None:
            self._judge_trial(now)
            self._traffic.follow_background(now)
            self._grow(ticket, latency_s)

    def failed(self, ticket: Ticket) -> None:
        """Neither an answer nor a throttling: says nothing about limits, but a probe is over."""
        if ticket.level is not None:
            ticket.level.drop()
        if self._closure is not None and ticket.at >= self._closure.until:
            self._closure.probe_at = None

    def throttled(self, ticket: Ticket, now: float, retry_after_s: float | None) -> None:
        """The endpoint refused a request because of load."""
        self._traffic.add_throttled(ticket.at, now, is_held=ticket.is_held)
        if ticket.level is not None:
            ticket.level.drop()
        if self._closure is not None:
            if ticket.at >= self._closure.until:
                self._close(now, retry_after_s)
            return
        if ticket.at < self._cut_at:
            return  # sent before the last cut, which was made for it
        trial = self._trial
        if trial is not None:
            trial.throttled += 1
        if self._is_shut(ticket, now):
            self._close(now, retry_after_s)
        elif self._may_adapt:
            if trial is not None:
                self._trim(ticket, trial)
                self._judge_trial(now)
            elif self._is_too_much(now):
                self._cut(ticket, now, trial=None)

    # --- met, and not us ---------------------------------------------------------------------------------------

    def _is_too_much(self, now: float) -> bool:
        is_held_deep = self.rate.is_held_deep or self._slots.is_held_deep
        return self._traffic.is_too_much(max(now - WINDOW_S, self._cut_at), now, is_held_deep=is_held_deep)

    def _cut(self, ticket: Ticket, now: float, *, trial: _Trial | None) -> None:
        before = trial.before if trial else (self._slots.value, self.rate.value)
        self._cuts += 1
        is_deep = self._cuts % DEEP_EVERY == 0
        is_first = trial is None
        earlier = (trial.sent, trial.throttled) if trial else None
        lasted_s = now - self._trial.began_at if self._trial is not None else 0.0
        rate = self._traffic.let_through_per_s(now, min(2.0, lasted_s) if lasted_s >= 0.5 else WINDOW_S)
        is_rate = self._is_rate_waited_for or (self.rate.value is not None and rate >= 0.9 * self.rate.value)
        if not (is_rate and is_first):
            had = self.concurrency
            self._slots.meet(max(1.0, 0.7 * had, min(ticket.in_flight - 1, had)))
        if is_rate or not is_first:
            passed = rate if is_rate else max(rate, self._traffic.let_through_per_s(now, 3.0))
            self.rate.meet(passed, is_deep=is_deep)
        least = self.concurrency - (0.0 if is_rate else max(3, 0.03 * self.concurrency))
        pace = max(rate, SENDS_TO_JUDGE / JUDGE_AT_LATEST_S)
        self._trial = _Trial(now, before, earlier, least, pace)
        self._cut_at = now
        self._growth.forget()
        self.why = "throttled"

    def _trim(self, ticket: Ticket, trial: _Trial) -> None:
        """Throttled again right after a cut: a few slots less, for what was on the way when it was made."""
        had = self._slots.value
        if had is not None and had > trial.min_slots:
            self._slots.meet(max(1.0, trial.min_slots, min(had, ticket.in_flight - 1)))

    def _judge_trial(self, now: float) -> None:
        """See whether the last cut helped, as soon as there is enough to see."""
        trial = self._trial
        if trial is None or self._closure is not None:
            return
        lasted_s = now - trial.began_at
        is_enough = lasted_s >= max(JUDGE_AFTER_S, 2 * self._traffic.refusal_s) and trial.sent >= SENDS_TO_JUDGE
        if not is_enough and lasted_s < JUDGE_AT_LATEST_S:
            return
        self._trial = None
        if trial.throttled <= max(1.0, (self.background_ratio + TOLERATED_RATIO) * trial.sent):
            return
        earlier = trial.earlier
        if earlier is not None and not is_better(earlier, (trial.sent, trial.throttled)):
            share = (earlier[1] + trial.throttled) / max(1, earlier[0] + trial.sent)
            if share < MIN_BACKGROUND_RATIO:  # so few that the cuts may stand; but they were not the cause
                self._traffic.add_held(earlier[0] + trial.sent, earlier[1] + trial.throttled)
                return
        else:
            share = 1.0
        if share <= MAX_BACKGROUND_RATIO:
            self._traffic.background_ratio = share
            self._slots.restore(trial.before[0])
            self.rate.restore(trial.before[1])
            self.why = "throttled whatever the load"
            return
        self._trial = trial
        self._cut(Ticket(now, self.concurrency), now, trial=trial)

    # --- closed ------------------------------------------------------------------------------------------------

    def _is_shut(self, ticket: Ticket, now: float) -> bool:
        """Whether nothing gets through any more."""
        if ticket.in_flight <= 1:
            return True
        since = max(self._cut_at, now - WINDOW_S)
        trial = self._trial
        if trial is not None:
            if ticket.in_flight > max(1.0, trial.min_slots) + 1e-9:
                return False  # it may be only a few too many at once
            known = max(1, trial.sent - self._traffic.unanswered(now))
            return trial.throttled >= THROTTLES_TO_CLOSE and trial.throttled >= CLOSED_RATIO * known
        sent, throttled = self._traffic.count(since, now)
        return throttled >= THROTTLES_TO_CLOSE and throttled >= CLOSED_RATIO * sent

    def _close(self, now: float, retry_after_s: float | None) -> None:
        wait_s = max(self._probe_s, retry_after_s or 0.0)
        self._probe_s = min(MAX_PROBE_S, 2 * self._probe_s)
        closure = self._closure
        if closure is None and now - self._opened_at < SOON_S:
            self._close_again(now)
        self._closure = _Closure(closure.began_at if closure else now, now + wait_s, wait_s)
        self._pace = self._trial.pace if self._trial else 0.0
        self._trial = self._ramp = None
        self.why = f"closed for {wait_s:.3g} s"

    def _close_again(self, now: float) -> None:
        """It closed soon after it opened: what it let through meanwhile is what it takes."""
        if self._slots.value is not None:
            self._slots.meet(max(1.0, self._ramp or 0.0, 0.85 * self._slots.value))
        open_s, count = self._traffic.since_open(now)
        if open_s >= JUDGE_AFTER_S and count >= SENDS_TO_JUDGE / 2:
            self.rate.meet(count / open_s)

    def _open(self, now: float) -> None:
        assert self._closure is not None
        shut_s = now - self._closure.began_at
        self._closure, self._probe_s = None, FIRST_PROBE_S
        if self._may_adapt:
            open_s, count = self._traffic.since_open(now)
            average = max(0.2, count / max(open_s, 0.5))
            if shut_s >= LONG_CLOSURE_S:
                self.rate.meet(average, hold_s=min(MAX_HOLD_S, open_s))
            elif self.rate.value is None:
                self.rate.meet(max(average, self._pace))
        self._ramp = max(2.0, self.concurrency / 4, self._in_flight + 1.0)
        self._traffic.begin(now)
        self._cut_at = self._opened_at = now
        self.why = "open again"

    # --- growth ------------------------------------------------------------------------------------------------

    def _grow(self, ticket: Ticket, latency_s: float) -> None:
        self._growth.note(ticket.level, latency_s)
        if ticket.in_flight < NEAR_RATIO * self.concurrency:
            return  # the bound was not what held the request back
        if self._ramp is not None:
            self._ramp += ticket.at >= self._cut_at
            self._ramp = None if self._ramp >= (self._slots.value or self._growth.start) else self._ramp
        elif self._growth.go_on():
            self.why = "no more answers from more requests at once"
