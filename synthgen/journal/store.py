"""The journal file: blocking reads and writes of one SQLite database.

WAL and `synchronous=FULL`: what `apply` returned from survives `kill -9` and a power cut. One connection writes (the
run that holds the lock); any number of others may read while it does. Owns the SQL; owns no clock, and a thread
only while the tables of a large file are counted.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import Any, Self, TypeVar

from synthgen.errors import JournalError
from synthgen.journal import kept, pages, parked, sessions, verdicts
from synthgen.journal.batches import insert_many
from synthgen.journal.entries import (
    AcceptedMark,
    AcceptedPage,
    AcceptedVectors,
    CommittedSlot,
    FailedSlot,
    Lease,
    LimitChange,
    Loss,
    StoredRow,
    StoredSession,
    StoredSlot,
    StoredVerdict,
    VectorEntry,
    Write,
)
from synthgen.journal.figures import Figures
from synthgen.journal.files import require_whole
from synthgen.journal.migrations import MIGRATIONS, OLDEST_READABLE, migrate
from synthgen.journal.rows import as_completion, as_row, as_storable, completion_values, decision_values
from synthgen.records import Completion, Usage

JOURNAL_NAME = "journal.sqlite"
LARGE_BYTES = 1 << 26  # what takes longer to count than a second connection to open
T = TypeVar("T")

_ROWS = (
    "SELECT d.row_id, s.slot_id, d.label, s.ordinal, d.item, d.reason, d.text, d.fields, d.evidence, d.nearest,"
    " d.results, c.draft, c.model, d.vector FROM decisions d JOIN slots s USING (position)"
    " JOIN completions c ON c.label = s.label AND c.ordinal = s.ordinal AND c.step ="
    " (SELECT max(step) FROM completions l WHERE l.label = s.label AND l.ordinal = s.ordinal)"
)


class Journal:
    """One run's file.

    Use `Journal.create` to write (while holding the `RunLock`) and `Journal.read` to look.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, *, is_writer: bool = False) -> None:
        self.path = path
        self._db = connection
        self._is_writer = is_writer
        self._scanned: dict[str, tuple[int, Any]] = {}

    @classmethod
    def create(cls, run_dir: Path) -> Self:
        """Open the journal of `run_dir` for writing, new or not.

        Takes the same time whatever the size of the file; `synthgen journal verify` looks at every page.

        Raises:
            JournalError: The file cannot be written, or is damaged; a damaged file is left as it is.
        """
        path = run_dir / JOURNAL_NAME
        with _translated(path), contextlib.ExitStack() as stack:
            require_whole(path)
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            stack.callback(connection.close)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            _require_size(connection, path)
            migrate(connection, str(path))
            stack.pop_all()
        return cls(path, connection, is_writer=True)

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
        with _translated(path):
            if not path.stat().st_size:
                require_whole(path)
            connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
            )
            with contextlib.ExitStack() as stack:
                stack.callback(connection.close)
                _require_readable(connection, path)
                stack.pop_all()
        return cls(path, connection)

    def close(self) -> None:
        self._db.close()

    # --- writing -----------------------------------------------------------------------------------------------

    def apply(self, writes: Sequence[Write]) -> None:
        """Make `writes` durable, in order, all or none.

        Raises:
            JournalError: The disk is full, or the file is damaged; nothing of `writes` was kept.
        """
        with self._transaction():
            answers = [write for write in writes if isinstance(write, Completion)]
            committed = [write for write in writes if isinstance(write, CommittedSlot)]
            self._insert_completions(answers)
            self._insert_committed(committed)
            if len(answers) + len(committed) < len(writes):
                for write in writes:
                    self._apply_one(write)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with _translated(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise

    def _apply_one(self, write: Write) -> None:
        """Make one of the rarer kinds of writes."""
        match write:
            case FailedSlot():
                self._insert_failed(write)
            case VectorEntry():
                values = (write.encoder, write.digest, write.vector)
                self._db.execute("INSERT OR REPLACE INTO vectors VALUES (?,?,?)", values)
            case Loss():
                sessions.insert_loss(self._db, write)
            case Lease():
                sessions.set_lease(self._db, write)
            case LimitChange():
                self._db.execute(
                    "INSERT INTO limit_history (endpoint, at, max_concurrency, requests_per_s, in_flight, why)"
                    " VALUES (?,?,?,?,?,?)",
                    (write.endpoint, write.at, write.max_concurrency, write.requests_per_s, write.in_flight, write.why),
                )

    def _insert_failed(self, slot: FailedSlot) -> None:
        failure, usage = slot.failure, slot.usage
        answer = None if slot.answer is None else as_storable(slot.answer)
        self._db.execute(
            "INSERT OR REPLACE INTO failures (label, ordinal, step, slot_id, kind, code, message, endpoint, attempts,"
            " failed_at, answer, input_tokens, output_tokens, usd) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            (slot.label, slot.ordinal, slot.step, slot.slot_id, failure.kind, failure.code,
             as_storable(failure.message), slot.endpoint, slot.attempts, slot.failed_at, answer, usage.input_tokens,
             usage.output_tokens, str(usage.usd)),
        )  # fmt: skip

    def _insert_completions(self, completions: Sequence[Completion]) -> None:
        columns = (
            "label, ordinal, step, slot_id, text, finish_reason, input_tokens, output_tokens, usd, model, endpoint,"
            " attempts, latency_s, answered_at, draft"
        )
        insert_many(self._db, f"completions ({columns})", [completion_values(c) for c in completions])

    def _insert_committed(self, slots: Sequence[CommittedSlot]) -> None:
        if not slots:
            return
        (last,) = self._db.execute("SELECT coalesce(max(position), 0) FROM slots").fetchone()
        numbered = list(enumerate(slots, last + 1))
        rows = [(position, s.label, s.ordinal, s.slot_id, s.is_failed) for position, s in numbered]
        insert_many(self._db, "slots (position, label, ordinal, slot_id, is_failed)", rows)
        decisions = [(position, *decision_values(d)) for position, s in numbered for d in s.decisions]
        insert_many(self._db, "decisions", decisions)

    def set_meta(self, values: Mapping[str, str]) -> None:
        """Write facts about the run itself.

        Raises:
            JournalError: As `apply`.
        """
        with _translated(self.path):
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

    def parked(self) -> dict[parked.Origin, int]:
        """Where answers were put aside, by class, row and which of its slots."""
        with _translated(self.path):
            return parked.parked(self._db)

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

    def _forget(self, *, since: int) -> None:
        kept.keep(self._db, since=since)
        self._db.execute("DELETE FROM decisions WHERE position >= ?", (since,))
        self._db.execute("DELETE FROM slots WHERE position >= ?", (since,))

    def begin_session(self, now: float) -> None:
        """Note that a process works on the run from now on.

        What a session that died may have had in flight becomes a loss, in the same commit.

        Args:
            now: Unix time.

        Raises:
            JournalError: As `apply`.
        """
        with self._transaction():
            sessions.begin(self._db, now=now)

    def end_session(self, status: str, reason: str, elapsed_s: float, now: float) -> None:
        """Note how the session ended. Nothing may be in flight any more: its lease is dropped.

        Raises:
            JournalError: As `apply`.
        """
        with self._transaction():
            sessions.end(self._db, status=status, reason=reason, elapsed_s=elapsed_s, now=now)

    def add_verdicts(self, entries: Sequence[StoredVerdict]) -> None:
        """Make what a person said durable, all or none.

        Raises:
            JournalError: As `apply`.
        """
        with self._transaction():
            verdicts.insert(self._db, entries)

    # --- reading -----------------------------------------------------------------------------------------------

    def meta(self) -> dict[str, str]:
        with _translated(self.path):
            return dict(self._db.execute("SELECT key, value FROM meta"))

    def committed_counts(self) -> dict[str, int]:
        """Slots judged so far, by class: also the next ordinal to judge, as they are judged in order."""
        return self._counts("SELECT label, count(*) FROM slots GROUP BY label")

    def accepted_counts(self) -> dict[str, int]:
        """Accepted rows, by class."""
        return {label: count for label, reason, count in self._decision_counts() if reason is None}

    def rejected_counts(self) -> dict[str, int]:
        """Rejected items, by reason."""
        counts: Counter[str] = Counter()
        for _, reason, count in self._decision_counts():
            if reason is not None:
                counts[reason] += count
        return dict(counts)

    def _decision_counts(self) -> list[tuple[str, str | None, int]]:
        query = "SELECT label, reason, count(*) FROM decisions GROUP BY label, reason ORDER BY label, reason"
        return self._once("decisions", lambda: self._db.execute(query).fetchall())

    def _once(self, name: str, look: Callable[[], T]) -> T:
        """What a scan of a whole table found; the writer, beside whom nobody writes, scans again after a write only."""
        found = self._scanned.get(name)
        if found is None or not self._is_writer or found[0] != self._db.total_changes:
            with _translated(self.path):
                found = self._scanned[name] = (self._db.total_changes, look())
        value: T = found[1]
        return value

    def count_large(self) -> None:
        """Scan the tables of a large journal side by side, so that what asks for their counts next has them."""
        if self.path.stat().st_size < LARGE_BYTES:
            return
        with contextlib.closing(Journal.read(self.path.parent)) as beside, ThreadPoolExecutor(max_workers=1) as thread:
            scanned = thread.submit(lambda: (beside.answers(), beside.usage()))
            self._decision_counts()
            self._scanned |= {
                name: (self._db.total_changes, found)
                for name, found in zip(("answers", "usage"), scanned.result(), strict=True)
            }

    def failed_counts(self) -> dict[str, int]:
        """Slots failed permanently, by class."""
        return self._counts("SELECT label, count(*) FROM failures GROUP BY label")

    def failed_count(self) -> int:
        return sum(self.failed_counts().values())

    def _counts(self, sql: str) -> dict[str, int]:
        with _translated(self.path):
            return dict(self._db.execute(sql))

    def answers(self) -> int:
        """Answers paid for, over all resumes."""
        query = "SELECT count(*) FROM completions"
        return self._once("answers", lambda: int(self._db.execute(query).fetchone()[0]))

    def usage(self) -> Usage:
        """Tokens and money of every answer paid for, over all resumes."""
        query = "SELECT sum(input_tokens), sum(output_tokens), usd, count(*) FROM completions GROUP BY usd"
        return self._once("usage", lambda: sessions.sum_usage(self._db.execute(query)))

    def losses_total(self) -> tuple[int, Usage]:
        """Requests that may have been billed and brought no answer, and their cost at most, over all resumes."""
        with _translated(self.path):
            return sessions.losses_total(self._db)

    def sessions(self) -> list[StoredSession]:
        """Every process that worked on the run, the first one first."""
        with _translated(self.path):
            return sessions.read_all(self._db)

    def limit_history(self) -> list[LimitChange]:
        """Every change of an endpoint's limits, in order."""
        with _translated(self.path):
            rows = self._db.execute(
                "SELECT endpoint, at, max_concurrency, requests_per_s, in_flight, why FROM limit_history ORDER BY id"
            )
            return [LimitChange(*row) for row in rows]

    def undecided(self, label: str, *, since: int) -> tuple[list[int], list[int]]:
        """Ordinals of a class, from `since` on, that have an answer, and those that failed permanently; each
        ascending."""
        with _translated(self.path):
            answered = self._db.execute(
                "SELECT DISTINCT ordinal FROM completions WHERE label = ? AND ordinal >= ? ORDER BY ordinal",
                (label, since),
            ).fetchall()
            failed = self._db.execute(
                "SELECT ordinal FROM failures WHERE label = ? AND ordinal >= ? ORDER BY ordinal", (label, since)
            ).fetchall()
        return [o for (o,) in answered], [o for (o,) in failed]

    def completions(self, label: str, ordinal: int) -> list[Completion]:
        """Answers to one slot, first to last re-ask."""
        with _translated(self.path):
            rows = self._db.execute(
                "SELECT slot_id, label, ordinal, step, text, finish_reason, input_tokens, output_tokens, usd, model,"
                " endpoint, attempts, latency_s, answered_at, draft FROM completions"
                " WHERE label = ? AND ordinal = ? ORDER BY step",
                (label, ordinal),
            ).fetchall()
        return [as_completion(*row) for row in rows]

    def recent_yields(self, label: str, *, last: int) -> list[int]:
        """Rows accepted from each of the last `last` answered slots of a class, oldest first."""
        with _translated(self.path):
            rows = self._db.execute(
                "SELECT (SELECT count(*) FROM decisions d WHERE d.position = s.position AND d.reason IS NULL)"
                " FROM slots s WHERE s.label = ? AND NOT s.is_failed ORDER BY s.ordinal DESC LIMIT ?",
                (label, last),
            ).fetchall()
        return [count for (count,) in reversed(rows)]

    def rows(self, *, accepted: bool | None = None) -> Iterator[StoredRow]:
        """Items in commit order: all, or only the accepted or the rejected ones."""
        where = {None: "", True: "WHERE d.reason IS NULL", False: "WHERE d.reason IS NOT NULL"}[accepted]
        with _translated(self.path):
            rows = self._db.execute(f"{_ROWS} {where} ORDER BY d.position, d.item")
            for row in rows:
                yield as_row(*row)

    def accepted_page(self, *, after: tuple[int, int], limit: int) -> AcceptedPage | None:
        """Accepted rows in commit order, `limit` of them, from the first one behind a place on; None behind the last.

        Args:
            after: Position and item of the last row of the page before; `(0, -1)` for the first page.
            limit: Rows at most.
        """
        with _translated(self.path):
            return pages.texts(self._db, after, limit)

    def accepted_vectors(self, *, after: tuple[int, int], limit: int) -> AcceptedVectors | None:
        """The vectors of such rows, likewise, but for rows that have none.

        Raises:
            JournalError: They are not all of one length.
        """
        with _translated(self.path):
            return pages.vectors(self._db, after, limit)

    def row(self, position: int, item: int) -> StoredRow | None:
        """One item by its place, or None where there is none."""
        with _translated(self.path):
            found = self._db.execute(f"{_ROWS} WHERE d.position = ? AND d.item = ?", (position, item)).fetchone()
        return None if found is None else as_row(*found)

    def accepted_marks(self) -> Iterator[AcceptedMark]:
        """Accepted rows in commit order, without texts and vectors."""
        with _translated(self.path):
            yield from verdicts.accepted(self._db)

    def verdicts(self) -> list[StoredVerdict]:
        """Everything that people did about rows, oldest first."""
        with _translated(self.path):
            return verdicts.read_all(self._db)

    def slots(self) -> Iterator[StoredSlot]:
        """Judged slots in commit order, each with its items, answered or not."""
        with _translated(self.path):
            rows = self._db.execute(
                "SELECT s.position, s.slot_id, s.label, s.ordinal, s.is_failed, d.row_id, s.slot_id, d.label,"
                " s.ordinal, d.item, d.reason, d.text, d.fields, d.evidence, d.nearest, d.results, NULL, '', d.vector"
                " FROM slots s LEFT JOIN decisions d USING (position) ORDER BY s.position, d.item"
            )
            for (position, slot_id, label, ordinal, is_failed), found in groupby(rows, key=lambda row: row[:5]):
                items = tuple(as_row(*row[5:]) for row in found if row[5] is not None)
                yield StoredSlot(position, slot_id, label, ordinal, bool(is_failed), items)

    @contextlib.contextmanager
    def figures(self) -> Iterator[Figures]:
        """What a report counts; read inside `snapshot` where it must be of one moment."""
        with _translated(self.path):
            yield Figures(self._db)

    def page_count(self) -> int:
        with _translated(self.path):
            return int(self._db.execute("PRAGMA page_count").fetchone()[0])

    def stray_decisions(self) -> int:
        """Items of slots that are not there; there should be none."""
        with _translated(self.path):
            query = "SELECT count(*) FROM decisions WHERE position NOT IN (SELECT position FROM slots)"
            return int(self._db.execute(query).fetchone()[0])

    def last_answer(self) -> int:
        """Number of the answer that came last, 0 where none came: later ones have higher numbers."""
        with _translated(self.path):
            return int(self._db.execute("SELECT coalesce(max(id), 0) FROM completions").fetchone()[0])

    def last_answered_at(self) -> float | None:
        """Unix time of the answer that came last."""
        with _translated(self.path):
            row = self._db.execute("SELECT answered_at FROM completions ORDER BY id DESC LIMIT 1").fetchone()
            return None if row is None else float(row[0])

    def answer_number(self, label: str, ordinal: int) -> int | None:
        """Number of a slot's first answer, or None where it has none."""
        with _translated(self.path):
            query = "SELECT min(id) FROM completions WHERE label = ? AND ordinal = ?"
            (number,) = self._db.execute(query, (label, ordinal)).fetchone()
            return None if number is None else int(number)

    def integrity_problems(self, *, at_most: int) -> list[str]:
        """What SQLite finds wrong with the file, looking at every page; empty where it is whole."""
        try:
            found = [said for (said,) in self._db.execute(f"PRAGMA integrity_check({at_most})")]
        except sqlite3.DatabaseError as error:
            return [str(error)]
        return [] if found == ["ok"] else found

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """All that is read inside is of one moment, whatever a live run writes meanwhile."""
        with _translated(self.path):
            self._db.execute("BEGIN")
        try:
            yield
        finally:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")

    def sample(self, label: str, *, count: int) -> list[str]:
        """Texts of `count` accepted rows of a class, evenly over the run."""
        with _translated(self.path):
            rows = self._db.execute(
                "SELECT text FROM (SELECT text, row_number() OVER (ORDER BY position, item) - 1 AS n, count(*) OVER ()"
                " AS total FROM decisions WHERE reason IS NULL AND label = ?1)"
                " WHERE total <= ?2 OR n * ?2 / total <> (n - 1) * ?2 / total OR n = 0 LIMIT ?2",
                (label, count),
            ).fetchall()
        return [text for (text,) in rows]

    def vectors(self, encoder: str) -> dict[str, bytes]:
        """Stored vectors of real rows, by text digest."""
        with _translated(self.path):
            return dict(self._db.execute("SELECT digest, vector FROM vectors WHERE encoder = ?", (encoder,)))

    def has_row_vectors(self) -> bool:
        """Whether vectors of dropped decisions are kept."""
        with _translated(self.path):
            return self._db.execute("SELECT 1 FROM row_vectors LIMIT 1").fetchone() is not None

    def row_vectors(self, encoder: str, digests: Sequence[str]) -> dict[str, bytes]:
        """Those of the asked vectors that are kept, by digest (`vector_digests`)."""
        with _translated(self.path):
            return kept.find(self._db, encoder, digests)


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


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
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
