"""The journal's shape, as numbered steps that are only ever appended to.

`PRAGMA user_version` says how many a file has seen. A file from a newer synthgen is refused, never guessed at.
"""

from __future__ import annotations

import sqlite3

from synthgen.errors import JournalError

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

    -- Raw answers, in the order they came. Never changed, never deleted: they were paid for.
    CREATE TABLE completions (
        id INTEGER PRIMARY KEY,
        label TEXT NOT NULL, ordinal INTEGER NOT NULL, step INTEGER NOT NULL, slot_id TEXT NOT NULL,
        text TEXT NOT NULL, finish_reason TEXT NOT NULL,
        input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, usd TEXT NOT NULL,
        model TEXT NOT NULL, endpoint TEXT NOT NULL, attempts INTEGER NOT NULL, latency_s REAL NOT NULL,
        answered_at REAL NOT NULL, draft TEXT NOT NULL
    );
    CREATE UNIQUE INDEX completions_by_slot ON completions (label, ordinal, step);

    -- Slots failed permanently. `retry-failed` reopens them.
    CREATE TABLE failures (
        label TEXT NOT NULL, ordinal INTEGER NOT NULL, step INTEGER NOT NULL, slot_id TEXT NOT NULL,
        kind TEXT NOT NULL, code TEXT NOT NULL, message TEXT NOT NULL, endpoint TEXT NOT NULL,
        attempts INTEGER NOT NULL, failed_at REAL NOT NULL,
        PRIMARY KEY (label, ordinal)
    ) WITHOUT ROWID;

    -- What was judged, in commit order. Everything from here on can be recomputed from the answers.
    CREATE TABLE slots (
        position INTEGER PRIMARY KEY,
        label TEXT NOT NULL, ordinal INTEGER NOT NULL, slot_id TEXT NOT NULL,
        is_failed INTEGER NOT NULL
    );
    CREATE UNIQUE INDEX slots_by_ordinal ON slots (label, ordinal);
    CREATE TABLE decisions (
        position INTEGER NOT NULL, item INTEGER NOT NULL, row_id TEXT NOT NULL, label TEXT NOT NULL,
        reason TEXT, text TEXT NOT NULL, fields TEXT NOT NULL, evidence TEXT, nearest TEXT, results TEXT,
        vector BLOB,
        PRIMARY KEY (position, item)
    ) WITHOUT ROWID;

    -- Vectors of real rows, so that a resumed run does not encode them again.
    CREATE TABLE vectors (
        encoder TEXT NOT NULL, digest TEXT NOT NULL, vector BLOB NOT NULL, PRIMARY KEY (encoder, digest)
    ) WITHOUT ROWID;
    """,
    """
    -- One row for each process that worked on the run. `ended_at` stays NULL where it died. The lease is an upper bound
    -- of what it may have in flight without a completion or a loss to show for it.
    CREATE TABLE sessions (
        id INTEGER PRIMARY KEY,
        started_at REAL NOT NULL, ended_at REAL, status TEXT NOT NULL, reason TEXT NOT NULL, elapsed_s REAL,
        lease_requests INTEGER NOT NULL DEFAULT 0, lease_input_tokens INTEGER NOT NULL DEFAULT 0,
        lease_output_tokens INTEGER NOT NULL DEFAULT 0, lease_usd TEXT NOT NULL DEFAULT '0'
    );

    -- Calls that may have been billed and brought no answer; `crash` stands for a dead session's lease.
    CREATE TABLE losses (
        id INTEGER PRIMARY KEY,
        label TEXT, ordinal INTEGER, step INTEGER, endpoint TEXT NOT NULL, code TEXT NOT NULL,
        requests INTEGER NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, usd TEXT NOT NULL,
        at REAL NOT NULL
    );

    ALTER TABLE failures ADD COLUMN answer TEXT;
    ALTER TABLE failures ADD COLUMN input_tokens INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE failures ADD COLUMN output_tokens INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE failures ADD COLUMN usd TEXT NOT NULL DEFAULT '0';

    CREATE TABLE limit_history (
        id INTEGER PRIMARY KEY,
        endpoint TEXT NOT NULL, at REAL NOT NULL, max_concurrency INTEGER NOT NULL, requests_per_s REAL,
        in_flight INTEGER NOT NULL, why TEXT NOT NULL
    );

    -- Vectors of generated rows whose decisions were dropped, so that a replay does not encode them again.
    CREATE TABLE row_vectors (
        encoder TEXT NOT NULL, digest TEXT NOT NULL, vector BLOB NOT NULL, PRIMARY KEY (encoder, digest)
    ) WITHOUT ROWID;
    """,
    """
    -- What people said of accepted rows. Never changed, never deleted: a correction and an undo are further rows.
    CREATE TABLE verdicts (
        id INTEGER PRIMARY KEY,
        reviewer TEXT NOT NULL, row_id TEXT NOT NULL, act TEXT NOT NULL, note TEXT, at REAL NOT NULL
    );
    """,
    """
    -- Answers of a later stage stand under negative numbers while the row they were made from has no place (`parked`).
    CREATE INDEX completions_parked ON completions (label, ordinal) WHERE ordinal < 0;
    """,
)
OLDEST_READABLE = 2  # what later steps added can be missed by whoever only looks


def migrate(connection: sqlite3.Connection, name: str) -> None:
    """Bring a file to today's shape.

    Raises:
        JournalError: The file was written by a newer synthgen.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise JournalError(
            f"{name}: written by a newer synthgen (journal version {version}, this one knows {len(MIGRATIONS)})",
            hint="upgrade synthgen, or choose another --out",
        )
    for number, script in enumerate(MIGRATIONS[version:], version + 1):
        connection.executescript(f"BEGIN; {script}; PRAGMA user_version = {number}; COMMIT;")
