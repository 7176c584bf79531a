"""The engine's clock: the event loop's own, so that a loop on virtual time takes the whole engine with it."""

from __future__ import annotations

from asyncio import get_running_loop
from collections.abc import Callable
from typing import TypeAlias

Clock: TypeAlias = Callable[[], float]
"""Seconds, from an arbitrary start."""


def loop_time() -> float:
    """The running loop's time. Looking the loop up asks the system who we are (until Python 3.12), so whatever is done
    for each request is handed `loop_clock()` instead."""
    return get_running_loop().time()


def loop_clock() -> Clock:
    """The running loop's clock, for as long as it runs."""
    return get_running_loop().time
