"""A condition many tasks wait on: "something changed, look again"."""

from __future__ import annotations

import anyio


class Signal:
    """Wakes every waiter at each `notify`; costs nothing while nobody waits.

    A waiter looks at the state, then waits, with no await in between, so no change is missed.
    """

    def __init__(self) -> None:
        self._event: anyio.Event | None = None

    def notify(self) -> None:
        if self._event is not None:
            self._event.set()
            self._event = None

    async def wait(self, *, timeout_s: float | None = None) -> None:
        """Until the next `notify`, or `timeout_s` seconds."""
        if self._event is None:
            self._event = anyio.Event()
        if timeout_s is None:
            await self._event.wait()
        else:
            with anyio.move_on_after(timeout_s):
                await self._event.wait()
