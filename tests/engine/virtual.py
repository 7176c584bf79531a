"""Virtual time: an event loop whose clock jumps to the next timer as soon as nothing else is to do."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import anyio

T = TypeVar("T")
# A real clock moves while code runs. aiolimiter counts on it: two of its float comparisons can disagree at one instant,
# and it asks again until time has passed.
TICK_S = 1e-7


class _Jumping(selectors.DefaultSelector):  # type: ignore[misc,valid-type]
    """Never waits: time passes by as much as it was asked to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("deadlock: nothing is due, and nothing will come")
        if not ready and timeout:
            self.now += timeout
        self.now += TICK_S
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An asyncio loop that runs an hour in milliseconds. Threads and sockets are not for it."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def run_virtually(work: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine function to its end in virtual time."""
    return anyio.run(work, backend="asyncio", backend_options={"loop_factory": VirtualLoop})
