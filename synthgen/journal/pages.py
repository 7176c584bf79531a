"""Accepted rows page by page, by columns: what a resumed run's pools are filled from.

A page is fetched as one row of the database. Fetched one by one, each of its rows would wait for whatever Python runs
in another thread.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import orjson

from synthgen.errors import JournalError
from synthgen.journal.entries import AcceptedPage, AcceptedVectors

REPLAY_HINT = "`synthgen replay` of the run's folder judges them all anew, without a request"
Place = tuple[int, int]


def texts(db: sqlite3.Connection, after: Place, limit: int) -> AcceptedPage | None:
    """The rows behind a place, `limit` of them; None where there is none."""
    sql = _page("position, item, row_id, label, text", "", _arrays("row_id", "label", "text"))
    (found,) = db.execute(sql, (*after, limit)).fetchall()
    positions, items, *columns = map(orjson.loads, found)
    last, order = _in_order(positions, items)
    if order is not None:
        columns = [[column[place] for place in order] for column in columns]
    return None if last is None else AcceptedPage(last, *columns)


def vectors(db: sqlite3.Connection, after: Place, limit: int) -> AcceptedVectors | None:
    """Likewise, of the rows that have a vector.

    Raises:
        JournalError: They are not all of one length.
    """
    # What `group_concat` makes of blobs are their bytes as they are.
    arrays = f"{_arrays('label', 'length(vector)')}, CAST(group_concat(vector, '') AS BLOB)"
    sql = _page("position, item, label, vector", " AND vector IS NOT NULL", arrays)
    ((*found, joined),) = db.execute(sql, (*after, limit)).fetchall()
    positions, items, labels, lengths = map(orjson.loads, found)
    last, order = _in_order(positions, items)
    if last is None:
        return None
    if len(set(lengths)) > 1 or len(joined) != sum(lengths):
        raise JournalError(
            f"accepted rows up to slot {last[0]} have vectors of different lengths: {sorted(set(lengths))} bytes",
            hint=REPLAY_HINT,
        )
    if order is not None:
        labels = [labels[place] for place in order]
        joined = np.frombuffer(joined, dtype=np.uint8).reshape(len(labels), -1)[order].tobytes()
    return AcceptedVectors(last, labels, joined)


def _arrays(*names: str) -> str:
    return ", ".join(f"json_group_array({name})" for name in ("position", "item", *names))


def _page(columns: str, also: str, arrays: str) -> str:
    return (
        f"SELECT {arrays} FROM (SELECT {columns} FROM decisions"
        f" WHERE reason IS NULL{also} AND (position, item) > (?, ?) ORDER BY position, item LIMIT ?)"
    )


def _in_order(positions: Sequence[int], items: Sequence[int]) -> tuple[Place | None, npt.NDArray[np.int64] | None]:
    """The last place, and how rows must be moved where they are out of order. SQLite promises no order of what it
    aggregates, so it is looked at."""
    if not positions:
        return None, None
    steps, within = np.diff(positions), np.diff(items)
    if ((steps > 0) | ((steps == 0) & (within > 0))).all():
        return (positions[-1], items[-1]), None
    order = np.lexsort((items, positions))
    return (positions[order[-1]], items[order[-1]]), order
