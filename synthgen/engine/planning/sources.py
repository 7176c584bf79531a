"""What a later stage works on: the rows that the stage before accepted, class by class, in the order they were.

The `n`-th slot of a class works on a fixed row: with `copies` slots a row, slots 0 to `copies` - 1 on the first
accepted row, and so on. Since what a stage accepts of a class follows from that class's answers alone
(`docs/design.md`, Stages), so does every later slot.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

from synthgen.journal import Journal
from synthgen.records import Source


class Sources:
    """Accepted rows of one stage, for the next.

    Args:
        labels: Classes there are.
        copies: Slots for each row.
    """

    def __init__(self, labels: Iterable[str], *, copies: int) -> None:
        self._rows: dict[str, list[Source]] = {label: [] for label in labels}
        self._ends: dict[str, int] = {}
        self.copies = copies

    def add(self, source: Source) -> None:
        """One more row was accepted."""
        self._rows[source.label].append(source)

    def end(self, label: str, rows: int) -> None:
        """The stage before accepts no more rows of a class than these."""
        self._ends[label] = rows

    def is_exhausted(self, label: str) -> bool:
        """Whether all rows of a class that will ever come are here."""
        return label in self._ends and len(self._rows[label]) >= self._ends[label]

    def available(self, label: str) -> int:
        """Slots of a class that can be made by now."""
        return len(self._rows[label]) * self.copies

    def at(self, label: str, ordinal: int) -> tuple[Source, int]:
        """The row that a slot works on, and which of its slots it is.

        Raises:
            IndexError: Not accepted yet.
        """
        place, copy = divmod(ordinal, self.copies)
        return self._rows[label][place], copy

    def by_id(self, label: str) -> dict[str, Source]:
        """Rows of a class by their ids."""
        return {source.id: source for source in self._rows[label]}


def load_sources(journal: Journal, labels: Container[str]) -> list[Source]:
    """Rows that a stage accepted so far, in their order, of some classes."""
    rows = journal.rows(accepted=True)
    return [Source(row.row_id, row.text, row.label, row.fields) for row in rows if row.label in labels]
