"""What a report and a dataset card count, read from a journal in one pass over each table.

A run may hold hundreds of thousands of rows: nothing here loads them, and texts are fetched only for the few that are
shown. Owns the SQL; what the figures mean is the reader's business.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson

from synthgen.records import Usage

Place = tuple[int, int]
"""Of an item: the position of its slot in commit order, and its number within the slot's answer."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A decision without its text and vector.

    Attributes:
        position: Place of its slot in commit order.
        item: Its place in the slot's answer.
        row_id: The row's id.
        label: Its class.
        reason: Why it was rejected; None where it was accepted.
        nearest: Nearest row, where dedup looked.
        results: What the checks that passed kept.
        evidence: What stood against it.
    """

    position: int
    item: int
    row_id: str
    label: str
    reason: str | None
    nearest: Mapping[str, Any]
    results: Mapping[str, Any]
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ModelUse:
    """What one model at one endpoint answered."""

    model: str
    endpoint: str
    answers: int
    usage: Usage


@dataclass(frozen=True, slots=True)
class Figures:
    """Reads one journal; get it from `Journal.figures`."""

    db: sqlite3.Connection

    def judgements(self) -> Iterator[Judgement]:
        """Every item in commit order."""
        rows = self.db.execute(
            "SELECT position, item, row_id, label, reason, nearest, results, evidence FROM decisions"
            " ORDER BY position, item"
        )
        for position, item, row_id, label, reason, nearest, results, evidence in rows:
            found = (_json(nearest), _json(results), _json(evidence))
            yield Judgement(position, item, row_id, label, reason, *found)

    def texts(self, places: Iterable[Place]) -> dict[Place, str]:
        """Texts of some items, by place."""
        return self._of_items("text", places)

    def row_vectors(self, places: Iterable[Place]) -> dict[Place, bytes]:
        """Vectors of some items, by place; those without one are left out."""
        return self._of_items("vector", places)

    def _of_items(self, column: str, places: Iterable[Place]) -> dict[Place, Any]:
        query = f"SELECT {column} FROM decisions WHERE position = ? AND item = ?"
        found = ((place, self.db.execute(query, place).fetchone()) for place in places)
        return {place: row[0] for place, row in found if row is not None and row[0] is not None}

    def accepted_vectors(self) -> Iterator[tuple[Place, bytes]]:
        """Places and vectors of the accepted rows that have one, in commit order."""
        rows = self.db.execute(
            "SELECT position, item, vector FROM decisions WHERE reason IS NULL AND vector IS NOT NULL"
            " ORDER BY position, item"
        )
        for position, item, vector in rows:
            yield (position, item), vector

    def models(self) -> list[ModelUse]:
        """Who answered, the busiest first."""
        rows = self.db.execute(
            "SELECT model, endpoint, count(*), sum(input_tokens), sum(output_tokens), usd FROM completions"
            " GROUP BY model, endpoint, usd"
        )
        found: dict[tuple[str, str], ModelUse] = {}
        for model, endpoint, count, input_tokens, output_tokens, usd in rows:
            before = found.get((model, endpoint), ModelUse(model, endpoint, 0, Usage()))
            usage = before.usage + Usage(input_tokens, output_tokens, Decimal(usd) * count)
            found[model, endpoint] = ModelUse(model, endpoint, before.answers + count, usage)
        return sorted(found.values(), key=lambda use: -use.answers)

    def answer_times(self) -> Iterator[tuple[float, float, int]]:
        """Unix time, seconds it took and output tokens of every answer, in the order they came."""
        yield from self.db.execute("SELECT answered_at, latency_s, output_tokens FROM completions ORDER BY id")

    def losses(self) -> dict[str, int]:
        """Requests that may have been billed without an answer, by what went wrong."""
        return dict(self.db.execute("SELECT code, sum(requests) FROM losses GROUP BY code"))

    def failures(self) -> dict[str, int]:
        """Slots failed permanently, by what went wrong."""
        return dict(self.db.execute("SELECT code, count(*) FROM failures GROUP BY code"))


def _json(value: str | None) -> Mapping[str, Any]:
    return orjson.loads(value) if value else {}
