"""Every limit the settings declare, asked in one place: what a request must pass before it is worked on."""

from __future__ import annotations

import time

from synthgen.simulator.faults import spell_retry_after
from synthgen.simulator.limits import SlidingWindow, spell_duration
from synthgen.simulator.replies import Refusal
from synthgen.simulator.settings import SimulatorSettings

# setting -> (window in seconds, what it counts)
_WINDOWS = {
    "requests_per_min": (60.0, "requests"),
    "requests_per_s": (1.0, "requests"),
    "tokens_per_min": (60.0, "tokens"),
}
_ANNOUNCED = ("requests_per_min", "tokens_per_min")


class Gate:
    """Admits requests within the limits. Only what is admitted counts against them."""

    def __init__(self, settings: SimulatorSettings) -> None:
        self._windows: dict[str, SlidingWindow] = {}
        self._admitted = 0
        self._next_stray_at: float | None = None
        self._settings = settings
        self.apply(settings)

    def apply(self, settings: SimulatorSettings) -> None:
        """Takes new limits. A window whose limit did not change keeps what it has granted."""
        for name, (window_s, _) in _WINDOWS.items():
            limit = getattr(settings, name)
            kept = self._windows.pop(name, None)
            if limit is not None:
                self._windows[name] = kept if kept and kept.limit == limit else SlidingWindow(limit, window_s)
        if settings.quota_requests != self._settings.quota_requests:
            self._admitted = 0
        if settings.stray_every_s != self._settings.stray_every_s:
            self._next_stray_at = None
        self._settings = settings

    @property
    def counts_tokens(self) -> bool:
        """Whether the size of an answer decides its admission."""
        return "tokens_per_min" in self._windows

    def check_stray(self, now: float) -> None:
        """Raises: Refusal: a 429 that no limit caused, as a fleet gives where one of its servers is in trouble."""
        every_s = self._settings.stray_every_s
        if every_s is None:
            return
        if self._next_stray_at is None:
            self._next_stray_at = now + every_s
        if now >= self._next_stray_at:
            self._next_stray_at = now + every_s
            raise self.throttle("Rate limit reached, please try again later.")

    def check_room(self, in_flight: int) -> None:
        """Raises: Refusal: 429, where the quota is used up or too many requests are in flight."""
        settings = self._settings
        if settings.quota_requests is not None and self._admitted >= settings.quota_requests:
            message = "You exceeded your current quota, please check your plan and billing details."
            raise Refusal(429, message, "insufficient_quota", "insufficient_quota")
        if settings.max_concurrency is not None and in_flight >= settings.max_concurrency:
            raise self.throttle(f"Too many requests in flight: limit {settings.max_concurrency}.")

    def admit(self, now: float, tokens: int) -> None:
        """Counts a request, or turns it away without counting it.

        Args:
            now: Clock time.
            tokens: Size of request and answer; 0 where `counts_tokens` is false.

        Raises:
            Refusal: 429 with the time until it would fit.
        """
        waits = [(w.wait_s(now, self._amount(name, tokens)), name) for name, w in self._windows.items()]
        wait_s, name = max(waits, default=(0.0, ""))
        if wait_s > 0:
            limit = self._windows[name].limit
            raise self.throttle(f"Rate limit reached: {name} {limit:g}.", wait_s, self.headers(now))
        for name, window in self._windows.items():
            window.take(now, self._amount(name, tokens))
        self._admitted += 1

    def throttle(self, message: str, wait_s: float | None = None, headers: dict[str, str] | None = None) -> Refusal:
        """A 429 that names its wait in the spelling the settings ask for."""
        settings = self._settings
        asked_s = settings.retry_after_s if wait_s is None else wait_s
        spelt = spell_retry_after(settings.retry_after_kind, asked_s, time.time())
        return Refusal(429, message, "requests", "rate_limit_exceeded", headers={**(headers or {}), **spelt})

    def headers(self, now: float) -> dict[str, str]:
        """x-ratelimit-* of the limits per minute, unless they are to stay hidden.

        `reset` says when the oldest grant leaves the window: the soonest that more than `remaining` can be had.
        """
        if not self._settings.has_limit_headers:
            return {}
        told = {}
        for name in _ANNOUNCED:
            window = self._windows.get(name)
            if window is not None:
                what = _WINDOWS[name][1]
                told[f"x-ratelimit-limit-{what}"] = f"{window.limit:g}"
                told[f"x-ratelimit-remaining-{what}"] = str(window.remaining(now))
                told[f"x-ratelimit-reset-{what}"] = spell_duration(window.reset_s(now))
        return told

    @staticmethod
    def _amount(name: str, tokens: int) -> int:
        return tokens if _WINDOWS[name][1] == "tokens" else 1
