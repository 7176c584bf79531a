"""Answers of a later stage whose rows lost their places: kept under negative numbers until these are found again.

A later stage's slot stands under the place of the row it works on. Where the decisions of the stage before are made
anew, places change; so before that every answer is put aside, and taken back as soon as its row is accepted again.
"""

from __future__ import annotations

import sqlite3
from typing import TypeAlias

Origin: TypeAlias = tuple[str, str, int]
PARKED = (
    "SELECT label, json_extract(draft, '$.source'), coalesce(json_extract(draft, '$.copy'), 0), ordinal"
    " FROM completions WHERE ordinal < 0 ORDER BY id"
)


def park(db: sqlite3.Connection) -> None:
    """Put every answer and failure aside. Needs an open transaction, and no decisions."""
    db.execute(
        "CREATE TEMP TABLE places AS SELECT label, ordinal, -min(id) AS parked FROM completions"
        " WHERE ordinal >= 0 GROUP BY label, ordinal"
    )
    db.execute(
        "UPDATE completions SET ordinal = (SELECT parked FROM places p WHERE p.label = completions.label"
        " AND p.ordinal = completions.ordinal) WHERE ordinal >= 0"
    )
    db.execute("DROP TABLE places")
    db.execute("DELETE FROM failures")


def take_back(db: sqlite3.Connection, label: str, place: int, ordinal: int) -> None:
    """Give an answer its row's new place. Needs an open transaction."""
    db.execute("UPDATE completions SET ordinal = ? WHERE label = ? AND ordinal = ?", (ordinal, label, place))
