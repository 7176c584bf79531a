"""Vectors of real rows, and of generated rows while their decisions are dropped and made again: the SQL of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import groupby

from synthgen.identity import canonical_json, content_id
from synthgen.journal.entries import VectorEntry
from synthgen.journal.reader import Reader

ENCODER_KEY = "encoder"


class VectorsReader(Reader):
    """Reads stored vectors."""

    def vectors(self, encoder: str) -> dict[str, bytes]:
        """Stored vectors of real rows, by text digest."""
        return dict(self._all("SELECT digest, vector FROM vectors WHERE encoder = ?", (encoder,)))

    def has_row_vectors(self) -> bool:
        """Whether vectors of dropped decisions are kept."""
        return self._one("SELECT 1 FROM row_vectors LIMIT 1") is not None

    def row_vectors(self, encoder: str, digests: Sequence[str]) -> dict[str, bytes]:
        """Those of the asked vectors that are kept, by digest (`vector_digests`)."""
        query = "SELECT vector FROM row_vectors WHERE encoder = ? AND digest = ?"
        rows = ((digest, self._one(query, (encoder, digest))) for digest in digests)
        return {digest: row[0] for digest, row in rows if row is not None}


def vector_digests(texts: Sequence[str]) -> list[str]:
    """Names of the vectors of texts that were encoded together, one for each.

    The whole batch counts: an encoder may give a text other last bits beside other texts, and a replay must decide by
    the numbers that a fresh run would have.
    """
    batch = content_id(canonical_json(list(texts)))
    return [f"{batch}.{place}" for place in range(len(texts))]


def insert(db: sqlite3.Connection, entry: VectorEntry) -> None:
    """Keep the vector of a real row. Needs an open transaction."""
    db.execute("INSERT OR REPLACE INTO vectors VALUES (?,?,?)", (entry.encoder, entry.digest, entry.vector))


def keep(db: sqlite3.Connection, *, since: int) -> None:
    """Copy the vectors of decisions from position `since` on, under the encoder that made them.

    `meta` names it; before it did, it was the one that encoded the real rows.
    """
    found = db.execute("SELECT value FROM meta WHERE key = ?", (ENCODER_KEY,)).fetchall()
    found = found or db.execute("SELECT DISTINCT encoder FROM vectors").fetchall()
    if len(found) != 1:
        return
    rows = db.execute(
        "SELECT position, text, vector FROM decisions WHERE vector IS NOT NULL AND position >= ?"
        " ORDER BY position, item",
        (since,),
    )
    for _, slot in groupby(rows, key=lambda row: row[0]):
        together = list(slot)
        digests = vector_digests([text for _, text, _ in together])
        entries = [(found[0][0], digest, vector) for digest, (_, _, vector) in zip(digests, together, strict=True)]
        db.executemany("INSERT OR IGNORE INTO row_vectors VALUES (?,?,?)", entries)
