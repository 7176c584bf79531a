"""What people said of accepted rows: the SQL of it. History is only appended to; what an undo means is the reader's
business."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from synthgen.journal.entries import StoredVerdict
from synthgen.journal.reader import Reader
from synthgen.journal.rows import as_storable

_SINCE = 3  # the journal version that brought the table


class VerdictsReader(Reader):
    """Reads what people said."""

    def verdicts(self) -> list[StoredVerdict]:
        """Everything that people did about rows, oldest first; nothing in a file from before there was any."""
        if self._one("PRAGMA user_version")[0] < _SINCE:
            return []
        return [
            StoredVerdict(*row) for row in self._all("SELECT reviewer, row_id, act, note, at FROM verdicts ORDER BY id")
        ]


def insert(db: sqlite3.Connection, verdicts: Sequence[StoredVerdict]) -> None:
    """Append. Needs an open transaction."""
    db.executemany(
        "INSERT INTO verdicts (reviewer, row_id, act, note, at) VALUES (?,?,?,?,?)",
        [
            (as_storable(v.reviewer), v.row_id, v.act, None if v.note is None else as_storable(v.note), v.at)
            for v in verdicts
        ],
    )
