"""The journal file: one SQLite database, opened to look or to write.

WAL and `synchronous=FULL`: what `apply` returned from survives `kill -9` and a power cut. One connection writes (the
run that holds the lock); any number of others may read while it does. Blocking; owns no clock, and a thread only while
the tables of a large file are counted. The SQL of each subject stands in its own file.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

from synthgen.errors import JournalError
from synthgen.journal import parked, sessions, vectors, verdicts
from synthgen.journal.answers import AnswersReader, insert_completions, insert_failed
from synthgen.journal.decisions import DecisionsReader, insert_committed
from synthgen.journal.entries import (
    CommittedSlot,
    FailedSlot,
    Lease,
    LimitChange,
    Loss,
    StoredVerdict,
    VectorEntry,
    Write,
)
from synthgen.journal.figures import Figures
from synthgen.journal.files import require_whole
from synthgen.journal.migrations import MIGRATIONS, OLDEST_READABLE, migrate
from synthgen.journal.reader import translated
from synthgen.journal.sessions import SessionsReader
from synthgen.journal.vectors import VectorsReader
from synthgen.journal.verdicts import VerdictsReader
from synthgen.records import Completion

JOURNAL_NAME = "journal.sqlite"
LARGE_BYTES = 1 << 26  # what takes longer to count than a second connection to open


_INSERTS: Mapping[type[Write], Callable[[sqlite3.Connection, Any], None]] = {
    FailedSlot: insert_failed,
    VectorEntry: vectors.insert,
    Loss: sessions.insert_loss,
    Lease: sessions.set_lease,
    LimitChange: sessions.insert_limit_change,
}
"""The rarer kinds of writes."""


class Journal(AnswersReader, DecisionsReader, SessionsReader, VectorsReader, VerdictsReader):
    """One run's file, to look at: `Journal.read`. `Journal.create` opens it for writing."""

    @staticmethod
    def create(run_dir: Path) -> WritableJournal:
        """Open the journal of `run_dir` for writing, new or not, while holding the `RunLock`.

        Takes the same time whatever the size of the file; `synthgen journal verify` looks at every page.

        Raises:
            JournalError: The file cannot be written, or is damaged; a damaged file is left as it is.
        """
        path = run_dir / JOURNAL_NAME
        with translated(path), contextlib.ExitStack() as stack:
            require_whole(path)
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            stack.callback(connection.close)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            _require_size(connection, path)
            migrate(connection, str(path))
            stack.pop_all()
        return WritableJournal(path, connection)

    @staticmethod
    def require(run_dir: Path) -> None:
        """Before anything is created in it: whether a folder holds a run.

        Raises:
            JournalError: It does not.
        """
        if not (run_dir / JOURNAL_NAME).exists():
            raise JournalError(f"{run_dir}: no run here (no {JOURNAL_NAME})", hint="give the --out folder of a run")

    @classmethod
    def read(cls, run_dir: Path) -> Self:
        """Open the journal of `run_dir` to look only; works while a run writes it.

        Raises:
            JournalError: There is none, or it is damaged.
        """
        cls.require(run_dir)
        path = run_dir / JOURNAL_NAME
        with translated(path), contextlib.ExitStack() as stack:
            if not path.stat().st_size:
                require_whole(path)
            uri = f"{path.absolute().as_uri()}?mode=ro"
            connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
            stack.callback(connection.close)
            _require_readable(connection, path)
            stack.pop_all()
        return cls(path, connection)

    def meta(self) -> dict[str, str]:
        """Facts about the run itself."""
        return dict(self._all("SELECT key, value FROM meta"))

    @contextlib.contextmanager
    def figures(self) -> Iterator[Figures]:
        """What a report counts; read inside `snapshot` where it must be of one moment."""
        with translated(self.path):
            yield Figures(self._db)

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """All that is read inside is of one moment, whatever a live run writes meanwhile."""
        with translated(self.path):
            self._db.execute("BEGIN")
        try:
            yield
        finally:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")

    def page_count(self) -> int:
        """Pages of the file."""
        return int(self._one("PRAGMA page_count")[0])

    def integrity_problems(self, *, at_most: int) -> list[str]:
        """What SQLite finds wrong with the file, looking at every page; empty where it is whole."""
        try:
            found = [said for (said,) in self._db.execute(f"PRAGMA integrity_check({at_most})")]
        except sqlite3.DatabaseError as error:
            return [str(error)]
        return [] if found == ["ok"] else found


class WritableJournal(Journal):
    """One run's file, open for its one writer, who holds the `RunLock`. Each write raises `JournalError` where the disk
    is full or the file damaged, and then nothing of it was kept."""

    _has_only_writer = True

    def apply(self, writes: Sequence[Write]) -> None:
        """Make `writes` durable, in order, all or none."""
        with self._transaction():
            answers = [write for write in writes if isinstance(write, Completion)]
            committed = [write for write in writes if isinstance(write, CommittedSlot)]
            insert_completions(self._db, answers)
            insert_committed(self._db, committed)
            for write in writes if len(answers) + len(committed) < len(writes) else ():
                if (insert := _INSERTS.get(type(write))) is not None:
                    insert(self._db, write)

    def set_meta(self, values: Mapping[str, str]) -> None:
        """Write facts about the run itself."""
        with translated(self.path):
            self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?,?)", list(values.items()))

    def forget_decisions(self) -> None:
        """Drop everything that can be recomputed from the answers. The answers stay, and so do the rows' vectors."""
        with self._transaction():
            self._forget(since=0)

    def park(self) -> None:
        """Drop every decision and put every answer aside: those of a later stage, whose rows may lose their places."""
        with self._transaction():
            self._forget(since=0)
            parked.park(self._db)

    def take_back(self, label: str, place: int, ordinal: int) -> None:
        """Let an answer that was put aside stand under its row's new place."""
        with self._transaction():
            parked.take_back(self._db, label, place, ordinal)

    def reopen_failed(self, labels: Iterable[str]) -> int:
        """Drop the failures of some classes, so that their slots are asked again; how many there were.

        What was judged after the first of them is forgotten too, whatever its class: acceptance depends on order.
        """
        with self._transaction():
            reopened, first = 0, None
            for label in labels:
                reopened += self._db.execute("DELETE FROM failures WHERE label = ?", (label,)).rowcount
                query = "SELECT min(position) FROM slots WHERE is_failed AND label = ?"
                (position,) = self._db.execute(query, (label,)).fetchone()
                first = position if first is None else min(first, position or first)
            if first is not None:
                self._forget(since=first)
            return reopened

    def begin_session(self, now: float) -> None:
        """Note that a process works on the run from now on (Unix time).

        What a session that died may have had in flight becomes a loss, in the same commit.
        """
        with self._transaction():
            sessions.begin(self._db, now=now)

    def end_session(self, status: str, reason: str, elapsed_s: float, now: float) -> None:
        """Note how the session ended. Nothing may be in flight any more: its lease is dropped."""
        with self._transaction():
            sessions.end(self._db, status=status, reason=reason, elapsed_s=elapsed_s, now=now)

    def add_verdicts(self, entries: Sequence[StoredVerdict]) -> None:
        """Make what a person said durable, all or none."""
        with self._transaction():
            verdicts.insert(self._db, entries)

    def count_large(self) -> None:
        """Scan the tables of a large journal side by side, so that what asks for their counts next has them."""
        if self.path.stat().st_size < LARGE_BYTES:
            return
        with contextlib.closing(Journal.read(self.path.parent)) as beside, ThreadPoolExecutor(max_workers=1) as thread:
            scanned = thread.submit(lambda: (beside.answers(), beside.usage()))
            self._decision_counts()
            for name, found in zip(("answers", "usage"), scanned.result(), strict=True):
                self._scanned[name] = (self._db.total_changes, found)

    def _forget(self, *, since: int) -> None:
        vectors.keep(self._db, since=since)
        self._db.execute("DELETE FROM decisions WHERE position >= ?", (since,))
        self._db.execute("DELETE FROM slots WHERE position >= ?", (since,))

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with translated(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise


def _require_readable(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == 0 or not connection.execute("SELECT 1 FROM meta WHERE key = 'fingerprint'").fetchone():
        raise JournalError(f"{path}: the run here never began", hint="run its job again")
    if not OLDEST_READABLE <= version <= len(MIGRATIONS):
        raise JournalError(
            f"{path}: journal version {version}, this synthgen reads {len(MIGRATIONS)}",
            hint="resume the run once with this synthgen, or use the one that wrote it",
        )


def _require_size(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the log into the file, which must then be as long as SQLite believes."""
    is_busy, logged, copied = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    if is_busy or logged != copied:  # somebody reads an older state; the next start looks again
        return
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    size = path.stat().st_size
    if size < pages * page_bytes:
        raise sqlite3.DatabaseError(f"database disk image is malformed: {size:,} of {pages * page_bytes:,} bytes")
