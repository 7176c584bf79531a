"""A condition many tasks wait on: "something changed, look again"."""

from __future__ import annotations

import asyncio


class Signal:
    """Wakes every waiter at each `notify`; costs nothing while nobody waits.

    A waiter looks at the state, then waits, with no await in between, so no change is missed.
    """

    def __init__(self) -> None:
        self._waiters: list[asyncio.Future[None]] = []

    def notify(self) -> None:
        waiters = self._waiters
        if waiters:
            self._waiters = []
            for waiter in waiters:
                _wake(waiter)

    async def wait(self, *, timeout_s: float | None = None) -> None:
        """Until the next `notify`, or `timeout_s` seconds."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiters.append(waiter)
        timer = None if timeout_s is None else loop.call_later(max(0.0, timeout_s), _wake, waiter)
        try:
            await waiter
        finally:
            if timer is not None:
                timer.cancel()
                self._waiters = [w for w in self._waiters if w is not waiter]


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
