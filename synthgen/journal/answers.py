"""Answers paid for, and slots that failed permanently: the SQL of two tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from synthgen.journal.batches import insert_many
from synthgen.journal.entries import FailedSlot
from synthgen.journal.parked import PARKED, Origin
from synthgen.journal.reader import Reader
from synthgen.journal.rows import as_completion, as_storable, completion_values
from synthgen.journal.sessions import sum_usage
from synthgen.records import Completion, Usage

_COLUMNS = (
    "slot_id, label, ordinal, step, text, finish_reason, input_tokens, output_tokens, usd, model, endpoint, attempts,"
    " latency_s, answered_at, draft"
)


class AnswersReader(Reader):
    """Reads what was answered, and what was not."""

    def answers(self) -> int:
        """Answers paid for, over all resumes."""
        return self._once("answers", lambda: int(self._one("SELECT count(*) FROM completions")[0]))

    def usage(self) -> Usage:
        """Tokens and money of every answer paid for, over all resumes."""
        query = "SELECT sum(input_tokens), sum(output_tokens), usd, count(*) FROM completions GROUP BY usd"
        return self._once("usage", lambda: sum_usage(self._all(query)))

    def failed_counts(self) -> dict[str, int]:
        """Slots failed permanently, by class."""
        return dict(self._all("SELECT label, count(*) FROM failures GROUP BY label"))

    def failed_count(self) -> int:
        """Slots failed permanently."""
        return sum(self.failed_counts().values())

    def undecided(self, label: str, *, since: int) -> tuple[list[int], list[int]]:
        """Ordinals of a class, from `since` on, that have an answer, and those that failed permanently; each
        ascending."""
        where = "WHERE label = ? AND ordinal >= ? ORDER BY ordinal"
        answered = self._all(f"SELECT DISTINCT ordinal FROM completions {where}", (label, since))
        failed = self._all(f"SELECT ordinal FROM failures {where}", (label, since))
        return [o for (o,) in answered], [o for (o,) in failed]

    def completions(self, label: str, ordinal: int) -> list[Completion]:
        """Answers to one slot: the first, then those to each prompt with a validation error."""
        where = "WHERE label = ? AND ordinal = ? ORDER BY step"
        return [
            as_completion(row) for row in self._all(f"SELECT {_COLUMNS} FROM completions {where}", (label, ordinal))
        ]

    def last_answer(self) -> int:
        """Number of the answer that came last, 0 where none came: later ones have higher numbers."""
        return int(self._one("SELECT coalesce(max(id), 0) FROM completions")[0])

    def last_answered_at(self) -> float | None:
        """Unix time of the answer that came last."""
        row = self._one("SELECT answered_at FROM completions ORDER BY id DESC LIMIT 1")
        return None if row is None else float(row[0])

    def answer_number(self, label: str, ordinal: int) -> int | None:
        """Number of a slot's first answer, or None where it has none."""
        number: int | None = self._one(
            "SELECT min(id) FROM completions WHERE label = ? AND ordinal = ?", (label, ordinal)
        )[0]
        return number

    def parked(self) -> dict[Origin, int]:
        """Where answers were put aside, by class, row and which of its slots."""
        return {(label, source, copy): ordinal for label, source, copy, ordinal in self._all(PARKED)}


def insert_completions(db: sqlite3.Connection, completions: Sequence[Completion]) -> None:
    """Needs an open transaction."""
    insert_many(db, f"completions ({_COLUMNS})", [completion_values(c) for c in completions])


def insert_failed(db: sqlite3.Connection, slot: FailedSlot) -> None:
    """Needs an open transaction."""
    failure, usage = slot.failure, slot.usage
    answer = None if slot.answer is None else as_storable(slot.answer)
    db.execute(
        "INSERT OR REPLACE INTO failures (label, ordinal, step, slot_id, kind, code, message, endpoint, attempts,"
        " failed_at, answer, input_tokens, output_tokens, usd) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        (slot.label, slot.ordinal, slot.step, slot.slot_id, failure.kind, failure.code,
         as_storable(failure.message), slot.endpoint, slot.attempts, slot.failed_at, answer, usage.input_tokens,
         usage.output_tokens, str(usage.usd)),
    )  # fmt: skip
