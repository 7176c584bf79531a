"""Adds up a run's events into the figures a display shows. Knows no terminal."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from synthgen.engine.events import (
    BudgetState,
    ClassMet,
    ClassStarved,
    Draining,
    EncoderState,
    EndpointPaused,
    Event,
    LimitChanged,
    Preparing,
    RequestSettled,
    RowAccepted,
    RowRejected,
    RunStarted,
    SlotCommitted,
    StageProgress,
)
from synthgen.records import Usage

RATE_WINDOW_S = 20.0


@dataclass(slots=True)
class ClassTally:
    """One class: rows wanted, rows there, and what this session's judged items came to."""

    target: int
    accepted: int = 0
    judged: int = 0
    kept: int = 0
    state: str = ""

    @property
    def yield_ratio(self) -> float | None:
        return self.kept / self.judged if self.judged else None


@dataclass(slots=True)
class Tally:
    """The run so far.

    Args:
        clock: Monotonic seconds.
    """

    clock: Callable[[], float] = time.monotonic
    name: str = ""
    classes: dict[str, ClassTally] = field(default_factory=dict)
    rejected: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    answers: int = 0
    answers_before: int = 0
    usage: Usage = field(default_factory=Usage)
    in_flight: int = 0
    failed_slots: int = 0
    last_row: tuple[str, str] | None = None
    stages: dict[str, dict[str, int]] = field(default_factory=dict)
    note: str = ""
    started_at: float = 0.0
    paused: tuple[str, float] | None = None
    limits: dict[str, LimitChanged] = field(default_factory=dict)
    budget_used_ratio: float | None = None
    encoder: EncoderState | None = None
    _settled: deque[tuple[float, int]] = field(default_factory=deque)
    _accepted_at: deque[float] = field(default_factory=deque)

    def observe(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case RunStarted():
                self._start(event)
            case RequestSettled():
                self._settle(event)
            case RowAccepted(label, _, text):
                self.last_row = (label, text)
                self.classes[label].judged += 1
                self.classes[label].kept += 1
                self._accepted_at.append(self.clock())
            case RowRejected(label, _, reason, _):
                self.classes[label].judged += 1
                self.rejected[reason] += 1
            case SlotCommitted(label=label, accepted=accepted, is_failed=is_failed):
                self.classes[label].accepted = accepted
                self.failed_slots += is_failed
            case StageProgress(stage, label, _, accepted):
                self.stages.setdefault(stage, {})[label] = accepted
            case ClassMet(label, _):
                self.classes[label].state = "met"
            case ClassStarved(label=label):
                self.classes[label].state = "starved"
            case Preparing(what, done, total):
                self.note = f"{what} {done:,}/{total:,}" if done < total else ""
            case LimitChanged(endpoint=endpoint):
                self.limits[endpoint] = event
            case BudgetState(used_ratio=used_ratio):
                self.budget_used_ratio = used_ratio
            case EncoderState():
                self.encoder = event
            case EndpointPaused(endpoint, _, wait_s):
                self.paused = (endpoint, self.clock() + wait_s)
            case Draining(reason, in_flight):
                self.note = f"{reason}: letting {in_flight} requests in flight land"

    def _start(self, event: RunStarted) -> None:
        self.name, self.usage = event.name, event.usage
        self.answers = self.answers_before = event.answers
        self.rejected.update(event.rejected)
        self.started_at = self.clock()
        for label, target in event.targets.items():
            accepted = event.accepted.get(label, 0)
            self.classes[label] = ClassTally(target, accepted, state="met" if accepted >= target else "")

    def _settle(self, event: RequestSettled) -> None:
        self.in_flight = event.in_flight - 1
        if event.code != "ok":
            self.failures[event.code] += 1
            return
        self.answers += 1
        self.usage += event.usage
        self._settled.append((self.clock(), event.usage.total_tokens))

    @property
    def max_per_s(self) -> float | None:
        """Requests a second that the endpoints let through together; None where one of them has no known bound."""
        rates = [change.requests_per_s for change in self.limits.values()]
        known = [rate for rate in rates if rate is not None]
        return sum(known) if known and len(known) == len(rates) else None

    @property
    def elapsed_s(self) -> float:
        return self.clock() - self.started_at

    @property
    def accepted(self) -> int:
        return sum(min(c.accepted, c.target) for c in self.classes.values())

    @property
    def target(self) -> int:
        return sum(c.target for c in self.classes.values())

    def rates(self) -> tuple[float, float, float]:
        """Answers, tokens and accepted rows a second, over the last 20 seconds."""
        now = self.clock()
        while self._settled and now - self._settled[0][0] > RATE_WINDOW_S:
            self._settled.popleft()
        while self._accepted_at and now - self._accepted_at[0] > RATE_WINDOW_S:
            self._accepted_at.popleft()
        span = max(0.5, min(RATE_WINDOW_S, self.elapsed_s))
        return len(self._settled) / span, sum(t for _, t in self._settled) / span, len(self._accepted_at) / span

    def eta_s(self) -> float | None:
        """Seconds to go at the present pace; None while there is none."""
        _, _, rows_per_s = self.rates()
        open_rows = sum(c.target - c.accepted for c in self.classes.values() if not c.state)
        return open_rows / rows_per_s if rows_per_s > 0 else None

    def projected_usd(self) -> float | None:
        """What the whole run will have cost, at what a row has cost so far."""
        if not self.accepted or not self.usage.usd:
            return None
        open_rows = sum(c.target - c.accepted for c in self.classes.values() if not c.state)
        return float(self.usage.usd) * (1 + open_rows / self.accepted)
