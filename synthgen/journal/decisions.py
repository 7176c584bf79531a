"""What was judged, in commit order: the SQL of judged slots and of what became of their items."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

import orjson

from synthgen.journal import pages
from synthgen.journal.batches import insert_many
from synthgen.journal.entries import AcceptedMark, AcceptedPage, AcceptedVectors, CommittedSlot, StoredRow, StoredSlot
from synthgen.journal.reader import Reader, translated
from synthgen.journal.rows import as_row, decision_values
from synthgen.records import UNREADABLE

_ROWS = (
    "SELECT d.row_id, s.slot_id, d.label, s.ordinal, d.item, d.reason, d.text, d.fields, d.evidence, d.nearest,"
    " d.results, c.draft, c.model, d.vector FROM decisions d JOIN slots s USING (position)"
    " JOIN completions c ON c.label = s.label AND c.ordinal = s.ordinal AND c.step ="
    " (SELECT max(step) FROM completions l WHERE l.label = s.label AND l.ordinal = s.ordinal)"
)


class DecisionsReader(Reader):
    """Reads judged slots and their items."""

    def committed_counts(self) -> dict[str, int]:
        """Slots judged so far, by class: also the next ordinal to judge, as they are judged in order."""
        return dict(self._all("SELECT label, count(*) FROM slots GROUP BY label"))

    def accepted_counts(self) -> dict[str, int]:
        """Accepted rows, by class."""
        return {label: count for label, reason, count in self._decision_counts() if reason is None}

    def rejected_counts(self) -> dict[str, int]:
        """Rejected items, by reason."""
        counts: Counter[str] = Counter()
        for _, reason, count in self._decision_counts():
            if reason is not None:
                counts[reason] += count
        return dict(counts)

    def _decision_counts(self) -> list[tuple[str, str | None, int]]:
        query = "SELECT label, reason, count(*) FROM decisions GROUP BY label, reason ORDER BY label, reason"
        return self._once("decisions", lambda: self._all(query))

    def unreadable_answers(self, label: str) -> int | None:
        """Answers of a class that were judged, where none of them could be read into the job's fields; None where one
        could."""
        known = ",".join(f"'{reason}'" for reason in sorted(UNREADABLE))
        (is_readable,) = self._one(
            "SELECT EXISTS (SELECT 1 FROM slots s JOIN decisions d ON d.position = s.position"
            f" WHERE s.label = ? AND (d.reason IS NULL OR d.reason NOT IN ({known})))",
            (label,),
        )
        if is_readable:
            return None
        (count,) = self._one(
            "SELECT count(*) FROM completions c JOIN slots s ON s.label = c.label AND s.ordinal = c.ordinal"
            " WHERE c.label = ?",
            (label,),
        )
        return int(count)

    def recent_yields(self, label: str, *, last: int) -> list[int]:
        """Rows accepted from each of the last `last` answered slots of a class, oldest first."""
        rows = self._all(
            "SELECT (SELECT count(*) FROM decisions d WHERE d.position = s.position AND d.reason IS NULL)"
            " FROM slots s WHERE s.label = ? AND NOT s.is_failed ORDER BY s.ordinal DESC LIMIT ?",
            (label, last),
        )
        return [count for (count,) in reversed(rows)]

    def rows(self, *, accepted: bool | None = None) -> Iterator[StoredRow]:
        """Items in commit order: all, or only the accepted or the rejected ones."""
        where = {None: "", True: "WHERE d.reason IS NULL", False: "WHERE d.reason IS NOT NULL"}[accepted]
        for row in self._each(f"{_ROWS} {where} ORDER BY d.position, d.item"):
            yield as_row(row)

    def row(self, position: int, item: int) -> StoredRow | None:
        """One item by its place, or None where there is none."""
        found = self._one(f"{_ROWS} WHERE d.position = ? AND d.item = ?", (position, item))
        return None if found is None else as_row(found)

    def accepted_page(self, *, after: pages.Place, limit: int) -> AcceptedPage | None:
        """Accepted rows in commit order, `limit` of them, from the first one behind a place on; None behind the last.

        Args:
            after: Position and item of the last row of the page before; `(0, -1)` for the first page.
            limit: Rows at most.
        """
        with translated(self.path):
            return pages.texts(self._db, after, limit)

    def accepted_vectors(self, *, after: pages.Place, limit: int) -> AcceptedVectors | None:
        """The vectors of such rows, likewise, but for rows that have none.

        Raises:
            JournalError: They are not all of one length.
        """
        with translated(self.path):
            return pages.vectors(self._db, after, limit)

    def accepted_marks(self) -> Iterator[AcceptedMark]:
        """Accepted rows in commit order, without texts and vectors."""
        for row_id, label, position, item, results in self._each(
            "SELECT row_id, label, position, item, results FROM decisions WHERE reason IS NULL ORDER BY position, item"
        ):
            yield AcceptedMark(row_id, label, position, item, orjson.loads(results) if results else {})

    def sample(self, label: str, *, count: int) -> list[str]:
        """Texts of `count` accepted rows of a class, evenly over the run."""
        rows = self._all(
            "SELECT text FROM (SELECT text, row_number() OVER (ORDER BY position, item) - 1 AS n, count(*) OVER ()"
            " AS total FROM decisions WHERE reason IS NULL AND label = ?1)"
            " WHERE total <= ?2 OR n * ?2 / total <> (n - 1) * ?2 / total OR n = 0 LIMIT ?2",
            (label, count),
        )
        return [text for (text,) in rows]

    def slots(self) -> Iterator[StoredSlot]:
        """Judged slots in commit order, each with its items, answered or not."""
        rows = self._each(
            "SELECT s.position, s.slot_id, s.label, s.ordinal, s.is_failed, d.row_id, s.slot_id, d.label,"
            " s.ordinal, d.item, d.reason, d.text, d.fields, d.evidence, d.nearest, d.results, NULL, '', d.vector"
            " FROM slots s LEFT JOIN decisions d USING (position) ORDER BY s.position, d.item"
        )
        for (position, slot_id, label, ordinal, is_failed), found in groupby(rows, key=lambda row: row[:5]):
            items = tuple(as_row(row[5:]) for row in found if row[5] is not None)
            yield StoredSlot(position, slot_id, label, ordinal, bool(is_failed), items)

    def stray_decisions(self) -> int:
        """Items of slots that are not there; there should be none."""
        query = "SELECT count(*) FROM decisions WHERE position NOT IN (SELECT position FROM slots)"
        return int(self._one(query)[0])


def insert_committed(db: sqlite3.Connection, slots: Sequence[CommittedSlot]) -> None:
    """Append judged slots. Needs an open transaction."""
    if not slots:
        return
    (last,) = db.execute("SELECT coalesce(max(position), 0) FROM slots").fetchone()
    numbered = list(enumerate(slots, last + 1))
    rows = [(position, s.label, s.ordinal, s.slot_id, s.is_failed) for position, s in numbered]
    insert_many(db, "slots (position, label, ordinal, slot_id, is_failed)", rows)
    insert_many(db, "decisions", [(position, *decision_values(d)) for position, s in numbered for d in s.decisions])
