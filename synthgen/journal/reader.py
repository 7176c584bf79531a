"""Reads of one open database, its errors translated. Readers by subject build on it; `store` puts them together."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from synthgen.errors import JournalError

T = TypeVar("T")


class Reader:
    """One open database.

    Args:
        path: Its file.
        connection: Closed by `close`.
    """

    _has_only_writer = False
    """Whether nobody else writes the file: then what a scan found holds until the next own write."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._db = connection
        self._scanned: dict[str, tuple[int, Any]] = {}

    def close(self) -> None:
        self._db.close()

    def _all(self, sql: str, values: Sequence[object] = ()) -> list[Any]:
        with translated(self.path):
            return self._db.execute(sql, values).fetchall()

    def _one(self, sql: str, values: Sequence[object] = ()) -> Any:
        """The first row, or None."""
        with translated(self.path):
            return self._db.execute(sql, values).fetchone()

    def _each(self, sql: str, values: Sequence[object] = ()) -> Iterator[Any]:
        with translated(self.path):
            yield from self._db.execute(sql, values)

    def _once(self, name: str, scan: Callable[[], T]) -> T:
        """What a scan of a whole table finds; kept as long as it holds."""
        found = self._scanned.get(name)
        if found is None or not self._has_only_writer or found[0] != self._db.total_changes:
            found = self._scanned[name] = (self._db.total_changes, scan())
        value: T = found[1]
        return value


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """SQLite's errors as `JournalError`, in one place."""
    try:
        yield
    except sqlite3.Error as error:
        raise JournalError(f"{path}: {error}", hint=_hint(str(error).lower())) from None
    except OSError as error:
        raise JournalError(f"{path}: {error.strerror or error}", hint="is the run directory writable?") from None


def _hint(message: str) -> str:
    hints: Iterable[tuple[tuple[str, ...], str]] = (
        (
            ("full", "disk i/o"),
            "the disk is full or failing: free some space and run the same command again; nothing committed was lost",
        ),
        (
            ("malformed", "not a database", "corrupt", "disk image"),
            "the file is damaged: restore it from a copy, or choose another --out; it was left as it is",
        ),
        (("readonly", "read-only", "unable to open"), "is the run directory writable?"),
        (("locked",), "another process holds the journal: wait for it or stop it"),
    )
    return next((hint for words, hint in hints if any(w in message for w in words)), "is the disk in good order?")
