"""What people said of accepted rows, and what a sample is drawn from: the SQL of it, for `store`.

History is only appended to. What an undo means is the reader's business.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

import orjson

from synthgen.journal.entries import AcceptedMark, StoredVerdict
from synthgen.journal.rows import as_storable

_SINCE = 3  # the journal version that brought the table


def insert(db: sqlite3.Connection, verdicts: Sequence[StoredVerdict]) -> None:
    """Append. Needs an open transaction."""
    db.executemany(
        "INSERT INTO verdicts (reviewer, row_id, act, note, at) VALUES (?,?,?,?,?)",
        [
            (as_storable(v.reviewer), v.row_id, v.act, None if v.note is None else as_storable(v.note), v.at)
            for v in verdicts
        ],
    )


def read_all(db: sqlite3.Connection) -> list[StoredVerdict]:
    """The whole history, oldest first; empty in a file from before there was one."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version < _SINCE:
        return []
    return [
        StoredVerdict(*row) for row in db.execute("SELECT reviewer, row_id, act, note, at FROM verdicts ORDER BY id")
    ]


def accepted(db: sqlite3.Connection) -> Iterator[AcceptedMark]:
    """Accepted rows in commit order, without their texts and vectors."""
    rows = db.execute(
        "SELECT row_id, label, position, item, results FROM decisions WHERE reason IS NULL ORDER BY position, item"
    )
    for row_id, label, position, item, results in rows:
        yield AcceptedMark(row_id, label, position, item, orjson.loads(results) if results else {})
