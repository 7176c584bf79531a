"""The command line, in a process that kills itself inside a journal commit of its choice.

    python -m bench.die_in_commit POINT COMMIT STATEMENT run JOB --out DIR

SIGKILL comes at the COMMIT-th commit (from 1), at the POINT: `begin` (before it), `statement` (before the STATEMENT-th
write of it, or of the first later commit that has so many), `commit` (before COMMIT is executed), `fsync` (while COMMIT
is on its way to the disk), `after` (COMMIT returned, nobody was told yet).
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Any, NoReturn

from synthgen.cli import main
from synthgen.journal import WritableJournal

POINTS = ("begin", "statement", "commit", "fsync", "after")
FSYNC_AFTER_S = 0.0003


def die() -> NoReturn:
    """SIGKILL to this very process: no handler, no `finally`, no flush."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("SIGKILL returned")


class Trap:
    """Watches the statements of one process's commits and springs at one of them."""

    def __init__(self, point: str, commit: int, statement: int) -> None:
        if point not in POINTS:
            raise ValueError(f"no such point: {point} (known: {', '.join(POINTS)})")
        self._point, self._commit, self._statement = point, commit, statement
        self._commits = self._writes = 0

    def set(self) -> None:
        """Put it around `WritableJournal.apply`."""
        apply, trap = WritableJournal.apply, self

        def watched(journal: WritableJournal, writes: Sequence[Any]) -> None:
            trap.enter(journal)
            apply(journal, writes)
            if trap.is_due and trap._point == "after":
                die()

        WritableJournal.apply = watched  # type: ignore[method-assign,assignment]

    @property
    def is_due(self) -> bool:
        return self._commits >= self._commit

    def enter(self, journal: WritableJournal) -> None:
        self._commits += 1
        self._writes = 0
        journal._db.set_trace_callback(self._see if self.is_due else None)

    def _see(self, sql: str) -> None:
        """Called by SQLite before it executes a statement."""
        word = sql.split(None, 1)[0].upper()
        if word == "BEGIN":
            if self._point == "begin":
                die()
        elif word == "COMMIT":
            if self._point == "commit":
                die()
            if self._point == "fsync":
                threading.Timer(FSYNC_AFTER_S, die).start()
        else:
            self._writes += 1
            if self._point == "statement" and self._writes >= self._statement:
                die()


if __name__ == "__main__":
    point, commit, statement, *command = sys.argv[1:]
    Trap(point, int(commit), int(statement)).set()
    sys.argv = ["synthgen", *command]
    main()
