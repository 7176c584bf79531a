"""What people said, read from the history of what they did. Undoing is one more act; nothing is taken out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from synthgen.journal import StoredVerdict

UNDO = "undo"
NOTE = "note"


class Verdict(StrEnum):
    """What a reviewer may say of a row. All but `keep` and `skip` are errors; a skip counts for nothing."""

    KEEP = "keep"
    WRONG_LABEL = "wrong_label"
    UNNATURAL = "unnatural"
    HARMFUL = "harmful"
    SKIP = "skip"

    @property
    def is_error(self) -> bool:
        return self not in (Verdict.KEEP, Verdict.SKIP)

    @property
    def words(self) -> str:
        """For a person."""
        return self.replace("_", " ")


WORDS = frozenset(verdict.value for verdict in Verdict)


@dataclass(slots=True)
class Opinions:
    """One reviewer's.

    Attributes:
        said: ReviewStatus verdict of each row that has one.
        notes: Latest note of each row that has one.
    """

    said: dict[str, Verdict] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    _acts: list[tuple[str, Verdict]] = field(default_factory=list)

    @property
    def last(self) -> str | None:
        """Row of the verdict that an undo would take back."""
        return self._acts[-1][0] if self._acts else None

    def take(self, act: StoredVerdict) -> None:
        """Add one act of the history; unknown words of a later synthgen are passed over."""
        if act.act == NOTE:
            self._take_note(act)
        elif act.act == UNDO:
            self._take_back(act.row_id)
        elif act.act in WORDS:
            self._acts.append((act.row_id, Verdict(act.act)))
            self.said[act.row_id] = Verdict(act.act)
            if act.note:
                self.notes[act.row_id] = act.note

    def _take_note(self, act: StoredVerdict) -> None:
        if act.note:
            self.notes[act.row_id] = act.note
        else:
            self.notes.pop(act.row_id, None)

    def _take_back(self, row_id: str) -> None:
        """The row's latest verdict goes; the one before it, where there was one, stands again."""
        for place in range(len(self._acts) - 1, -1, -1):
            if self._acts[place][0] == row_id:
                del self._acts[place]
                break
        before = [verdict for about, verdict in self._acts if about == row_id]
        if before:
            self.said[row_id] = before[-1]
        else:
            self.said.pop(row_id, None)


def read_opinions(history: Iterable[StoredVerdict]) -> dict[str, Opinions]:
    """Each reviewer's opinions, in order of first appearance."""
    found: dict[str, Opinions] = {}
    for act in history:
        found.setdefault(act.reviewer, Opinions()).take(act)
    return found


def worst(verdicts: Iterable[Verdict]) -> Verdict | None:
    """What counts for a row that several people looked at: an error where anybody saw one; None where all skipped."""
    order = (Verdict.HARMFUL, Verdict.WRONG_LABEL, Verdict.UNNATURAL, Verdict.KEEP)
    said = set(verdicts)
    return next((verdict for verdict in order if verdict in said), None)
