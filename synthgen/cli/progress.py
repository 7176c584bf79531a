"""How far a command is, on stderr: one line that renews itself on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

EVERY_S = 0.1
EVERY_S_IN_A_LOG = 15.0


@contextmanager
def telling(*, is_quiet: bool = False) -> Iterator[Callable[[str, int, int], None]]:
    """A function to be told what is done, how much of it, and of how much."""
    is_terminal = sys.stderr.isatty()
    last_what, last_at = "", 0.0

    def tell(what: str, done: int, total: int) -> None:
        nonlocal last_what, last_at
        now = time.monotonic()
        is_news = what != last_what or done >= total
        if is_quiet or not (is_news or now - last_at >= (EVERY_S if is_terminal else EVERY_S_IN_A_LOG)):
            return
        last_what, last_at = what, now
        line = f"{what} {done:,}/{total:,}"
        if is_terminal:
            sys.stderr.write(f"\r\x1b[K{line}" if done < total else "\r\x1b[K")
        elif done < total:
            sys.stderr.write(f"synthgen: {line}\n")
        sys.stderr.flush()

    yield tell
    if is_terminal and not is_quiet:
        sys.stderr.write("\r\x1b[K")
