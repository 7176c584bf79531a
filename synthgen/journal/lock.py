"""One owner at a time for a run directory: a file lock that dies with its process."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from synthgen.errors import JournalError

LOCK_NAME = "run.lock"


class RunHeld(JournalError):
    """Another process works on the run."""


class RunLock:
    """Holds `run.lock` of a run directory while entered.

    Raises:
        RunHeld: Another process holds it.
        JournalError: The directory cannot be written.
    """

    def __init__(self, run_dir: Path) -> None:
        self._path = run_dir / LOCK_NAME
        self._file: int | None = None

    @staticmethod
    def owner(run_dir: Path) -> str | None:
        """Process number of the run that works in a directory now, or None."""
        path = run_dir / LOCK_NAME
        try:
            file = os.open(path, os.O_RDONLY)
        except OSError:
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return os.read(file, 32).decode(errors="replace").strip() or "unknown"
        else:
            return None
        finally:
            os.close(file)

    def __enter__(self) -> Self:
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise JournalError(
                f"{self._path}: cannot be opened: {error.strerror}", hint="is the run directory writable?"
            ) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.read(self._file, 32).decode(errors="replace").strip()
            os.close(self._file)
            self._file = None
            raise RunHeld(
                f"{self._path.parent}: another run works here" + (f" (process {owner})" if owner else ""),
                hint="wait for it, stop it, or choose another --out; `synthgen status` shows how far it is",
            ) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode(), 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None
