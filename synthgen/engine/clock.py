"""The engine's clock: the event loop's own, so that a loop on virtual time takes the whole engine with it."""

from __future__ import annotations

from asyncio import get_running_loop


def loop_time() -> float:
    """Seconds, from an arbitrary start; asked several times a request, so no detour is taken to find the loop."""
    return get_running_loop().time()
