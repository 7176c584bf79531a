"""Accepted rows page by page, by columns: what a resumed run's pools are filled from.

A page is fetched as one row of the database. Fetched one by one, each of its rows would wait for whatever Python runs in
another thread.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

from synthgen.errors import JournalError
from synthgen.journal.entries import AcceptedPage, AcceptedVectors

Place = tuple[int, int]


def texts(db: sqlite3.Connection, after: Place, limit: int) -> AcceptedPage | None:
    """The rows behind a place, `limit` of them; None where there is none."""
    sql = _page("position, item, row_id, label, text", "", _arrays("row_id", "label", "text"))
    (found,) = db.execute(sql, (*after, limit)).fetchall()
    places, order, columns = _in_order([orjson.loads(column) for column in found])
    if order is not None:
        columns = [[column[place] for place in order] for column in columns]
    return AcceptedPage(places[-1], *columns) if places else None


def vectors(db: sqlite3.Connection, after: Place, limit: int) -> AcceptedVectors | None:
    """Likewise, of the rows that have a vector.

    Raises:
        JournalError: They are not all of one length.
    """
    # What `group_concat` makes of blobs are their bytes as they are.
    arrays = f"{_arrays('label', 'length(vector)')}, CAST(group_concat(vector, '') AS BLOB)"
    sql = _page("position, item, label, vector", " AND vector IS NOT NULL", arrays)
    ((*found, joined),) = db.execute(sql, (*after, limit)).fetchall()
    places, order, (labels, lengths) = _in_order([orjson.loads(column) for column in found])
    if not places:
        return None
    if len(set(lengths)) > 1 or len(joined) != sum(lengths):
        raise JournalError(
            f"accepted rows up to slot {places[-1][0]} have vectors of different lengths: {sorted(set(lengths))} bytes",
            hint="`synthgen replay` of the run's folder judges them all anew, without a request",
        )
    if order is not None:
        labels = [labels[place] for place in order]
        joined = np.frombuffer(joined, dtype=np.uint8).reshape(len(places), -1)[order].tobytes()
    return AcceptedVectors(places[-1], labels, joined)


def _arrays(*names: str) -> str:
    return ", ".join(f"json_group_array({name})" for name in ("position", "item", *names))


def _page(columns: str, also: str, arrays: str) -> str:
    return (
        f"SELECT {arrays} FROM (SELECT {columns} FROM decisions"
        f" WHERE reason IS NULL{also} AND (position, item) > (?, ?) ORDER BY position, item LIMIT ?)"
    )


def _in_order(columns: Sequence[Any]) -> tuple[list[Place], list[int] | None, Sequence[Any]]:
    """Places in order, how the others must be moved, and the others. SQLite promises no order of what it aggregates, so
    it is looked at."""
    positions, items, *others = columns
    places = list(zip(positions, items, strict=True))
    if places == (in_order := sorted(places)):
        return places, None, others
    return in_order, sorted(range(len(places)), key=places.__getitem__), others
