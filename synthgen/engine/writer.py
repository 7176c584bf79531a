"""Group commits: many answers, one fsync.

The journal's connection lives on one thread. While a commit is on the disk, what comes in gathers and makes the next
one, so an idle run commits each answer at once and a busy one commits hundreds together. Order is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import anyio

from synthgen.engine.signal import Signal
from synthgen.journal import WritableJournal, Write

T = TypeVar("T")
MAX_WRITES_A_COMMIT = 1024
REPORTED_AT_ONCE = 32


class JournalWriter:
    """The one writer of a run's journal.

    Run `run()` in a task. A failed commit raises `JournalError` there, which ends the run.

    Attributes:
        journal: What it writes.
        on_idle: Called when everything queued is durable, and told.
        on_committed: Called whenever a few callbacks were called, before others have their turn.
    """

    def __init__(self, journal: WritableJournal) -> None:
        self.journal = journal
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._pending: list[tuple[Write, Callable[[], None] | None]] = []
        self._idle = anyio.Event()
        self._idle.set()
        self._changed = Signal()
        self.on_idle: Callable[[], None] = lambda: None
        self.on_committed: Callable[[], None] = lambda: None

    async def write(self, write: Write) -> None:
        """Queue `write` and return once it is durable.

        Cancellation: the write stays queued.
        """
        done = anyio.Event()
        self.queue(write, then=done.set)
        await done.wait()

    def queue(self, write: Write, *, then: Callable[[], None] | None = None) -> None:
        """Queue `write`, to be made durable after everything queued before it.

        Args:
            write: What to keep.
            then: Called on the event loop once it is durable, in the order of the queue. What it raises ends the run.
        """
        self._pending.append((write, then))
        self._idle = anyio.Event() if self._idle.is_set() else self._idle
        self._changed.notify()

    @property
    def is_idle(self) -> bool:
        """Whether everything queued is durable, and told."""
        return self._idle.is_set()

    async def flush(self) -> None:
        """Until everything queued is durable."""
        await self._idle.wait()

    async def call(self, read: Callable[[], T]) -> T:
        """Run a blocking look at the journal on its own thread, between commits."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, read)

    async def run(self) -> None:
        """Commit for ever.

        Raises:
            JournalError: A commit failed.

        Cancellation: what is queued but not committed is dropped; `close` does not wait for it.
        """
        while True:
            if not self._pending:
                self._idle.set()
                self.on_idle()
                await self._changed.wait()
                continue
            batch, self._pending = self._pending[:MAX_WRITES_A_COMMIT], self._pending[MAX_WRITES_A_COMMIT:]
            writes = [write for write, _ in batch]
            await self.call(lambda writes=writes: self.journal.apply(writes))  # type: ignore[misc]
            await self._tell([then for _, then in batch if then is not None])

    async def _tell(self, callbacks: Sequence[Callable[[], None]]) -> None:
        """Call them in order, letting others have their turn in between: a large commit brings milliseconds of work."""
        for start in range(0, len(callbacks), REPORTED_AT_ONCE):
            if start:
                await asyncio.sleep(0)
            for then in callbacks[start : start + REPORTED_AT_ONCE]:
                then()
            self.on_committed()

    def close(self) -> None:
        self._thread.shutdown(wait=True)
