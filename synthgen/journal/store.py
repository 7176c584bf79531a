"""The journal file: blocking reads and writes of one SQLite database.

WAL and `synchronous=FULL`: what `apply` returned from survives `kill -9` and a power cut. One connection writes (the
run that holds the lock); any number of others may read while it does. Owns the SQL; owns no thread and no clock.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Self, TypeAlias

import orjson

from synthgen.errors import JournalError
from synthgen.journal.migrations import MIGRATIONS, migrate
from synthgen.records import Completion, Decision, Failure, Usage

JOURNAL_NAME = "journal.sqlite"


@dataclass(frozen=True, slots=True)
class FailedSlot:
    """A slot given up."""

    slot_id: str
    label: str
    ordinal: int
    step: int
    failure: Failure
    endpoint: str
    attempts: int
    failed_at: float


@dataclass(frozen=True, slots=True)
class CommittedSlot:
    """A slot that was judged, with what became of its items.

    Attributes:
        slot_id: Its id.
        label: Its class.
        ordinal: Its number within the class.
        is_failed: Whether it was passed over because no answer could be had.
        decisions: One for each item of its answer.
    """

    slot_id: str
    label: str
    ordinal: int
    is_failed: bool
    decisions: tuple[Decision, ...]


@dataclass(frozen=True, slots=True)
class VectorEntry:
    """A real row's encoded text, float16 bytes."""

    encoder: str
    digest: str
    vector: bytes


Write: TypeAlias = Completion | FailedSlot | CommittedSlot | VectorEntry


@dataclass(frozen=True, slots=True)
class StoredRow:
    """An item as the journal has it: accepted where `reason` is None."""

    row_id: str
    slot_id: str
    label: str
    ordinal: int
    item: int
    reason: str | None
    text: str
    fields: Mapping[str, Any]
    evidence: Mapping[str, Any]
    nearest: Mapping[str, Any]
    results: Mapping[str, Any]
    draft: Mapping[str, Any]
    model: str
    vector: bytes | None


class Journal:
    """One run's file.

    Use `Journal.create` to write (while holding the `RunLock`) and `Journal.read` to look.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._db = connection

    @classmethod
    def create(cls, run_dir: Path) -> Self:
        """Open the journal of `run_dir` for writing, new or not.

        Raises:
            JournalError: The file cannot be written, or is damaged.
        """
        path = run_dir / JOURNAL_NAME
        with _translated(path):
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise sqlite3.DatabaseError(verdict)
            migrate(connection, str(path))
        return cls(path, connection)

    @classmethod
    def read(cls, run_dir: Path) -> Self:
        """Open the journal of `run_dir` to look only; works while a run writes it.

        Raises:
            JournalError: There is none, or it is damaged.
        """
        path = run_dir / JOURNAL_NAME
        if not path.exists():
            raise JournalError(f"{run_dir}: no run here (no {JOURNAL_NAME})", hint="give the --out folder of a run")
        with _translated(path):
            connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, check_same_thread=False)
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
        with _translated(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                for write in writes:
                    self._apply_one(write)
                self._db.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise

    def _apply_one(self, write: Write) -> None:
        match write:
            case Completion():
                self._insert_completion(write)
            case CommittedSlot():
                self._insert_committed(write)
            case FailedSlot(failure=failure):
                self._db.execute(
                    "INSERT OR REPLACE INTO failures VALUES (?,?,?,?,?,?,?,?,?,?)",
                    (write.label, write.ordinal, write.step, write.slot_id, failure.kind, failure.code,
                     failure.message, write.endpoint, write.attempts, write.failed_at),
                )  # fmt: skip
            case VectorEntry():
                values = (write.encoder, write.digest, write.vector)
                self._db.execute("INSERT OR REPLACE INTO vectors VALUES (?,?,?)", values)

    def _insert_completion(self, c: Completion) -> None:
        self._db.execute(
            "INSERT INTO completions (label, ordinal, step, slot_id, text, finish_reason, input_tokens,"
            " output_tokens, usd, model, endpoint, attempts, latency_s, answered_at, draft)"
            " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            (c.label, c.ordinal, c.step, c.slot_id, _storable(c.text), c.finish_reason, c.usage.input_tokens,
             c.usage.output_tokens, str(c.usage.usd), c.model, c.endpoint, c.attempts, c.latency_s, c.answered_at,
             _json(c.draft)),
        )  # fmt: skip

    def _insert_committed(self, slot: CommittedSlot) -> None:
        cursor = self._db.execute(
            "INSERT INTO slots (label, ordinal, slot_id, is_failed) VALUES (?,?,?,?)",
            (slot.label, slot.ordinal, slot.slot_id, slot.is_failed),
        )
        self._db.executemany(
            "INSERT INTO decisions VALUES (?,?,?,?,?,?,?,?,?,?,?)",
            [(cursor.lastrowid, *_decision_values(d)) for d in slot.decisions],
        )

    def set_meta(self, values: Mapping[str, str]) -> None:
        """Write facts about the run itself.

        Raises:
            JournalError: As `apply`.
        """
        with _translated(self.path):
            self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?,?)", list(values.items()))

    def forget_decisions(self) -> None:
        """Drop everything that can be recomputed from the answers. The answers stay."""
        with _translated(self.path):
            self._db.executescript("BEGIN; DELETE FROM decisions; DELETE FROM slots; COMMIT;")

    # --- reading -----------------------------------------------------------------------------------------------

    def meta(self) -> dict[str, str]:
        with _translated(self.path):
            return dict(self._db.execute("SELECT key, value FROM meta"))

    def committed_counts(self) -> dict[str, int]:
        """Slots judged so far, by class: also the next ordinal to judge, as they are judged in order."""
        return self._counts("SELECT label, count(*) FROM slots GROUP BY label")

    def accepted_counts(self) -> dict[str, int]:
        return self._counts("SELECT label, count(*) FROM decisions WHERE reason IS NULL GROUP BY label")

    def rejected_counts(self) -> dict[str, int]:
        """Rejected items, by reason."""
        return self._counts("SELECT reason, count(*) FROM decisions WHERE reason IS NOT NULL GROUP BY reason")

    def failed_count(self) -> int:
        return sum(self._counts("SELECT code, count(*) FROM failures GROUP BY code").values())

    def _counts(self, sql: str) -> dict[str, int]:
        with _translated(self.path):
            return dict(self._db.execute(sql))

    def answers(self) -> int:
        """Answers bought, over all resumes."""
        with _translated(self.path):
            return int(self._db.execute("SELECT count(*) FROM completions").fetchone()[0])

    def usage(self) -> Usage:
        """Tokens and money of every answer bought, over all resumes."""
        with _translated(self.path):
            rows = self._db.execute(
                "SELECT sum(input_tokens), sum(output_tokens), usd, count(*) FROM completions GROUP BY usd"
            )
            return sum((Usage(i, o, Decimal(usd) * n) for i, o, usd, n in rows), Usage())

    def undecided(self, label: str, *, since: int) -> tuple[list[int], list[int]]:
        """Ordinals of a class, from `since` on, that have an answer, and those that were given up; each ascending."""
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
        return [_completion(*row) for row in rows]

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
            rows = self._db.execute(
                "SELECT d.row_id, s.slot_id, d.label, s.ordinal, d.item, d.reason, d.text, d.fields, d.evidence,"
                " d.nearest, d.results, c.draft, c.model, d.vector"
                " FROM decisions d JOIN slots s USING (position)"
                " JOIN completions c ON c.label = s.label AND c.ordinal = s.ordinal AND c.step ="
                " (SELECT max(step) FROM completions l WHERE l.label = s.label AND l.ordinal = s.ordinal)"
                f" {where} ORDER BY d.position, d.item"
            )
            for row in rows:
                yield _stored_row(*row)

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


def _completion(
    slot_id: str, label: str, ordinal: int, step: int, text: str, finish_reason: str, input_tokens: int,
    output_tokens: int, usd: str, model: str, endpoint: str, attempts: int, latency_s: float, answered_at: float,
    draft: str,
) -> Completion:  # fmt: skip
    usage = Usage(input_tokens, output_tokens, Decimal(usd))
    return Completion(
        slot_id, label, ordinal, step, text, finish_reason, usage, model, endpoint, attempts, latency_s, answered_at,
        orjson.loads(draft),
    )  # fmt: skip


def _stored_row(
    row_id: str, slot_id: str, label: str, ordinal: int, item: int, reason: str | None, text: str,
    fields: str, evidence: str | None, nearest: str | None, results: str | None, draft: str,
    model: str, vector: bytes | None,
) -> StoredRow:  # fmt: skip
    parsed = [orjson.loads(value) if value else {} for value in (fields, evidence, nearest, results, draft)]
    return StoredRow(
        row_id, slot_id, label, ordinal, item, reason, text, parsed[0], parsed[1], parsed[2], parsed[3], parsed[4],
        model, vector,
    )  # fmt: skip


def _decision_values(decision: Decision) -> tuple[Any, ...]:
    candidate, rejection, nearest = decision.candidate, decision.rejection, decision.nearest
    return (
        candidate.item,
        candidate.id,
        candidate.label,
        rejection.reason if rejection else None,
        _storable(candidate.text),
        _json(candidate.fields),
        _json(rejection.evidence) if rejection else None,
        _json({"id": nearest.id, "similarity": nearest.similarity, "pool": nearest.pool}) if nearest else None,
        _json(decision.results) if decision.results else None,
        decision.vector,
    )


def _json(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # a lone surrogate somewhere in model text
        return orjson.dumps(_all_storable(value)).decode()


def _all_storable(value: Any) -> Any:
    match value:
        case str():
            return _storable(value)
        case Mapping():
            return {_storable(str(k)): _all_storable(v) for k, v in value.items()}
        case list() | tuple():
            return [_all_storable(v) for v in value]
        case _:
            return value


def _storable(text: str) -> str:
    """Text that UTF-8 can hold: lone surrogates become replacement characters."""
    return text.encode("utf-8", "replace").decode() if not text.isascii() else text


def _require_readable(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == 0 or not connection.execute("SELECT 1 FROM meta WHERE key = 'fingerprint'").fetchone():
        raise JournalError(f"{path}: the run here never began", hint="run its job again")
    if version != len(MIGRATIONS):
        raise JournalError(
            f"{path}: journal version {version}, this synthgen reads {len(MIGRATIONS)}",
            hint="resume the run once with this synthgen, or use the one that wrote it",
        )


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
