"""Stops asking an endpoint that answers nobody, and asks once in a while whether it is back.

A value with no clock: the caller brings the time. It needs real evidence: an absolute minimum of failures with no
answer between them, or, where another endpoint can take the work, of failures among many outcomes. Only failures that
say nothing about the request count: no connection, a timeout, a server error. One answer closes it.
"""

from __future__ import annotations

from collections import deque

FAILURES_IN_A_ROW = 10
OUTCOMES_TO_JUDGE = 20
FAILING_RATIO = 0.5
REMEMBERED_S = 30.0
FIRST_PAUSE_S, MAX_PAUSE_S = 1.0, 30.0


class Breaker:
    """The record of one endpoint's failures.

    Attributes:
        failing_since: When the first failure after the last answer came; None while it answers.
        probes: Times it was asked again while open, in vain.
    """

    def __init__(self) -> None:
        self.failing_since: float | None = None
        self.probes = 0
        self._in_a_row = 0
        self._outcomes: deque[tuple[float, bool]] = deque()
        self._open_until: float | None = None
        self._is_probe_out = False
        self._pause_s = FIRST_PAUSE_S

    @property
    def is_open(self) -> bool:
        return self._open_until is not None

    def blocked_s(self, now: float) -> float:
        """Seconds until the next request may be sent; infinite while one asks whether it is back."""
        if self._open_until is None:
            return 0.0
        return float("inf") if self._is_probe_out else max(0.0, self._open_until - now)

    def sent(self, now: float) -> None:
        """A request leaves."""
        self._is_probe_out = self._open_until is not None and now >= self._open_until

    def passed(self, now: float) -> None:
        """It answered, if only to say no."""
        self._remember(now, is_failure=False)
        self.failing_since, self.probes, self._in_a_row = None, 0, 0
        self._open_until, self._is_probe_out, self._pause_s = None, False, FIRST_PAUSE_S

    def failed(self, now: float, *, has_alternative: bool) -> bool:
        """It did not answer; whether that opened it (again)."""
        self._remember(now, is_failure=True)
        self._in_a_row += 1
        if self.failing_since is None:
            self.failing_since = now
        if self._open_until is not None:
            if now < self._open_until:
                return False  # sent before it opened
            self.probes += 1
            self._open(now)
            return True
        if self._in_a_row >= FAILURES_IN_A_ROW or (has_alternative and self._is_mostly_failing()):
            self._open(now)
            return True
        return False

    def silent_s(self, now: float) -> float:
        """Seconds since it began to fail without an answer between."""
        return 0.0 if self.failing_since is None else now - self.failing_since

    def _open(self, now: float) -> None:
        self._open_until, self._is_probe_out = now + self._pause_s, False
        self._pause_s = min(MAX_PAUSE_S, 2 * self._pause_s)

    def _remember(self, now: float, *, is_failure: bool) -> None:
        self._outcomes.append((now, is_failure))
        while self._outcomes[0][0] < now - REMEMBERED_S or len(self._outcomes) > 10 * OUTCOMES_TO_JUDGE:
            self._outcomes.popleft()

    def _is_mostly_failing(self) -> bool:
        failures = sum(is_failure for _, is_failure in self._outcomes)
        return len(self._outcomes) >= OUTCOMES_TO_JUDGE and failures >= FAILING_RATIO * len(self._outcomes)
