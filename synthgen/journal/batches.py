"""Many rows in one statement.

Each statement that SQLite works on gives the interpreter's lock away, and beside a busy event loop it takes up to five
milliseconds to get it back: a commit of 150 statements took 80 ms of waiting, and as long did every answer in it
(2026-11-21). One statement for up to 128 rows waits once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

# Few sizes, so that the prepared statements stay in the connection's cache.
CHUNKS = (128, 32, 8, 1)


def insert_many(db: sqlite3.Connection, into: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows, in order.

    Args:
        db: With an open transaction.
        into: Table, and columns in brackets where they are not all of them in order. Never a user's text.
        rows: Values, each row as many.
    """
    start = 0
    while start < len(rows):
        size = next(chunk for chunk in CHUNKS if chunk <= len(rows) - start)
        chunk = rows[start : start + size]
        marks = f"({','.join('?' * len(chunk[0]))})"
        values = [value for row in chunk for value in row]
        db.execute(f"INSERT INTO {into} VALUES {','.join([marks] * size)}", values)
        start += size
