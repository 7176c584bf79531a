"""Limits per minute and per second, really enforced: no window of that length ever holds more than was allowed.

Sliding windows rather than buckets, because they are the stricter promise: a bucket lets nearly twice the limit pass
in its first minute, a fixed window around its edge. A client that stays within a sliding window stays within both.
Only what is granted counts; a request answered 429 takes nothing.
"""

from __future__ import annotations

from collections import deque

_SOONEST_S = 1e-6


class SlidingWindow:
    """At most `limit` in any `window_s` seconds. Pure: the caller brings the time."""

    def __init__(self, limit: float, window_s: float) -> None:
        self.limit = limit
        self.window_s = window_s
        self._grants: deque[tuple[float, int]] = deque()
        self._sum = 0

    def wait_s(self, now: float, amount: int = 1) -> float:
        """Seconds until `amount` fits; 0 where it fits now, a whole window where it is above the limit by itself."""
        self._forget(now)
        missing = self._sum + amount - self.limit
        if missing <= 0:
            return 0.0
        for at, taken in self._grants:
            missing -= taken
            if missing <= 0:
                return max(_SOONEST_S, at + self.window_s - now)  # rounding makes it 0 while the grant still counts
        return self.window_s

    def take(self, now: float, amount: int = 1) -> None:
        self._grants.append((now, amount))
        self._sum += amount

    def remaining(self, now: float) -> int:
        self._forget(now)
        return max(0, int(self.limit - self._sum))

    def reset_s(self, now: float) -> float:
        """Seconds until the oldest grant leaves the window; 0 where it is empty."""
        self._forget(now)
        return self._grants[0][0] + self.window_s - now if self._grants else 0.0

    def _forget(self, now: float) -> None:
        # the bound is strict: a grant exactly one window ago no longer counts
        oldest = now - self.window_s
        while self._grants and self._grants[0][0] <= oldest:
            self._sum -= self._grants.popleft()[1]


def spell_duration(seconds: float) -> str:
    """`120ms`, `1.5s`, `6m0s`: the spelling of the x-ratelimit-reset headers."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    if seconds < 60:
        return f"{round(seconds, 3):g}s"
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}m{round(rest, 3):g}s"
