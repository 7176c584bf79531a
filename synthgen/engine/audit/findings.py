"""What a look at a whole journal found: how much of what was checked, and what is not as it should be."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

MAX_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is recorded otherwise than it follows from the answers.

    Attributes:
        what: Which thing: `file`, `order`, `answer`, `failure`, `slot id`, `row id`, `row` (that a later stage worked
            on), `items`, `text`, `vector`,
            `decision`, `nearest`, `promise` (two rows too near each other, or a row it duplicates that is none).
        slot: Class and ordinal, or the empty string where it is about no slot.
        item: Place within the slot's answer, or None.
        recorded: As the journal has it.
        derived: As it follows.
    """

    what: str
    slot: str
    item: int | None
    recorded: str
    derived: str

    def __str__(self) -> str:
        where = f"{self.slot}, item {self.item}: " if self.item is not None else f"{self.slot}: " if self.slot else ""
        return f"{where}{self.what}: recorded {self.recorded}; derived {self.derived}"


@dataclass(slots=True)
class Findings:
    """Collected while looking.

    Attributes:
        checked: How many of each kind were looked at.
        skipped: What was not looked at, and why.
        notes: What is worth knowing and no fault.
        differences: The first of them.
        difference_count: All of them.
        has_damage: Whether a file's own pages are not sound.
    """

    checked: Counter[str] = field(default_factory=Counter)
    skipped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    difference_count: int = 0
    has_damage: bool = False

    def differ(self, what: str, slot: str, recorded: object, derived: object, *, item: int | None = None) -> None:
        """Note a difference; beyond the first ten only its number."""
        self.difference_count += 1
        if len(self.differences) < MAX_SHOWN:
            self.differences.append(Difference(what, slot, item, _short(recorded), _short(derived)))

    @property
    def is_clean(self) -> bool:
        return self.difference_count == 0

    def as_json(self) -> dict[str, Any]:
        """The contract of `--json`."""
        return {
            "is_clean": self.is_clean,
            "checked": dict(self.checked),
            "skipped": self.skipped,
            "notes": self.notes,
            "difference_count": self.difference_count,
            "differences": [
                {"what": d.what, "slot": d.slot, "item": d.item, "recorded": d.recorded, "derived": d.derived}
                for d in self.differences
            ],
        }


def _short(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 120 else text[:117] + "..."
