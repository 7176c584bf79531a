"""Group commits: many answers, one fsync.

The journal's connection lives on one thread. While a commit is on the disk, what comes in gathers and makes the next
one, so an idle run commits each answer at once and a busy one commits hundreds together. Order is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeAlias, TypeVar

import anyio

from synthgen.engine.signal import Signal
from synthgen.journal import WritableJournal, Write

T = TypeVar("T")
Durable: TypeAlias = tuple[Write, object]
"""A write that is durable, and what its sender said it is about."""
MAX_WRITES_A_COMMIT = 1024
REPORTED_AT_ONCE = 32


class JournalWriter:
    """The one writer of a run's journal.

    Run `run()` in a task. A failed commit raises `JournalError` there, which ends the run.

    Args:
        journal: What it writes.
        idle: Notified whenever everything queued is durable and reported; None where nobody waits for that.
    """

    def __init__(self, journal: WritableJournal, idle: Signal | None = None) -> None:
        self.journal = journal
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._pending: list[tuple[Write, object]] = []
        self._is_idle, self._idle_signal = anyio.Event(), idle
        self._is_idle.set()
        self._queued = Signal()
        self._committed = Signal()
        self._queued_count = self._committed_count = 0

    def queue(self, write: Write, *, about: object = None) -> None:
        """Queue `write`, to be made durable after everything queued before it.

        Args:
            write: What to keep.
            about: Reported with it once it is durable; None where nobody needs to know.
        """
        self._pending.append((write, about))
        self._queued_count += 1
        self._is_idle = anyio.Event() if self._is_idle.is_set() else self._is_idle
        self._queued.notify()

    async def write(self, write: Write) -> None:
        """Queue `write` and return once it is durable.

        Cancellation: the write stays queued.
        """
        self.queue(write)
        number = self._queued_count
        while self._committed_count < number:
            await self._committed.wait()

    @property
    def is_idle(self) -> bool:
        """Whether everything queued is durable and reported."""
        return self._is_idle.is_set()

    async def flush(self) -> None:
        """Until everything queued is durable and reported."""
        await self._is_idle.wait()

    async def call(self, read: Callable[[], T]) -> T:
        """Run a blocking look at the journal on its own thread, between commits."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, read)

    async def run(self, report: Callable[[Sequence[Durable]], None]) -> None:
        """Commit for ever.

        Args:
            report: Called on the event loop with what has become durable, in the order of the queue, a few writes at a
                time: a large commit brings milliseconds of work, and others have their turn in between. What it raises
                ends the run.

        Raises:
            JournalError: A commit failed.

        Cancellation: what is queued but not committed is dropped; `close` does not wait for it.
        """
        while True:
            if not self._pending:
                self._is_idle.set()
                if self._idle_signal is not None:
                    self._idle_signal.notify()
                await self._queued.wait()
                continue
            batch, self._pending = self._pending[:MAX_WRITES_A_COMMIT], self._pending[MAX_WRITES_A_COMMIT:]
            await self.call(partial(self.journal.apply, [write for write, _ in batch]))
            self._committed_count += len(batch)
            self._committed.notify()
            awaited = [entry for entry in batch if entry[1] is not None]
            for start in range(0, len(awaited), REPORTED_AT_ONCE):
                if start:
                    await asyncio.sleep(0)
                report(awaited[start : start + REPORTED_AT_ONCE])

    def close(self) -> None:
        """Wait for the commit that is on the disk, and end the thread."""
        self._thread.shutdown(wait=True)
