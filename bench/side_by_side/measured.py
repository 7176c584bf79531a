"""What one run of one peer came to: plain values, as they go into the JSON file, and how rows are judged."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Rows:
    """What an output file holds.

    Attributes:
        kept: Different rows with an answer.
        doubled: Rows that are there more than once, beyond the first.
        malformed: Kept rows whose answer is not what was asked for: `{"items": [{"text": ...}]}`.
    """

    kept: int
    doubled: int
    malformed: int


@dataclass(frozen=True, slots=True)
class Run:
    """One run.

    Attributes:
        peer, case, turn: Which.
        asked: Rows asked for.
        in_flight: Requests at once, at most.
        outcome: `done`, `failed`, `late` (stopped at its time limit), or `hung` (late, and it sent nothing any more).
        why: The last words of one that failed.
        wall_s: From the command to its end.
        start_up_s: From the command to the first request the server took on; None where there was none.
        asking_s: From there to the last answer that counts.
        counted_ratio: The share of the answers that count for the rate; the last ones of a heavy tail are left out.
        cpu_s: Processor time of the whole tree, after the first request.
        start_cpu_s: The same before it.
        peak_mib: Memory of the whole tree at its highest.
        rows: What it wrote.
        served: The server's counts.
    """

    peer: str
    case: str
    turn: int
    asked: int
    in_flight: int
    outcome: str
    wall_s: float
    rows: Rows
    served: Mapping[str, Any]
    why: str = ""
    start_up_s: float | None = None
    asking_s: float | None = None
    counted_ratio: float = 1.0
    cpu_s: float = 0.0
    start_cpu_s: float = 0.0
    peak_mib: float = 0.0
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_done(self) -> bool:
        return self.outcome == "done"

    @property
    def per_s(self) -> float:
        """Answers a second while it asked; 0 where it did not."""
        return self.counted_ratio * int(self.served["granted"]) / self.asking_s if self.asking_s else 0.0

    @property
    def cpu_ms(self) -> float:
        """Processor time an answer, start-up left out."""
        granted = int(self.served["granted"])
        return 1000 * self.cpu_s / granted if granted else 0.0

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "per_s": self.per_s, "cpu_ms": self.cpu_ms}


def moment_of(share: float, looks: Sequence[tuple[float, int]]) -> float | None:
    """When a share of the last count was reached, by straight lines between the looks; None where nothing was.

    Args:
        share: Of the last look's count.
        looks: Seconds and counts, both growing.
    """
    wanted = share * looks[-1][1] if looks else 0
    if not wanted:
        return None
    before_s, before = 0.0, 0
    for at_s, count in looks:
        if count >= wanted:
            return before_s + (at_s - before_s) * (wanted - before) / max(1, count - before)
        before_s, before = at_s, count
    return None


def read_rows(output: Path) -> Rows:
    """Judge a peer's output file; empty where it wrote none. A line that was cut by a kill is no row."""
    try:
        lines = output.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    found = [row for line in lines if (row := _row(line)) is not None]
    return judge_rows(found, is_malformed=lambda text: not is_as_asked(text))


def read_engine_rows(exported: bytes) -> Rows:
    """The same for the engine, whose rows are the texts themselves: no JSON may be left in one."""
    rows = [json.loads(line) for line in exported.splitlines()]
    return judge_rows(
        ((row["id"], row["text"]) for row in rows),
        is_malformed=lambda text: not text.strip() or any(mark in text for mark in ('{"', "items", "'text'", "```")),
    )


def judge_rows(rows: Iterable[tuple[Any, str]], *, is_malformed: Any) -> Rows:
    """Count rows by their id."""
    texts = list(rows)
    times = Counter(number for number, _ in texts)
    malformed = {number for number, text in texts if is_malformed(text)}
    return Rows(len(times), len(texts) - len(times), len(malformed))


def is_as_asked(text: str) -> bool:
    """Whether an answer is JSON of the shape asked for, as it stands."""
    try:
        items = json.loads(text)["items"]
        return bool(items) and all(isinstance(item["text"], str) and item["text"].strip() for item in items)
    except (ValueError, KeyError, TypeError):
        return False


def _row(line: str) -> tuple[int, str] | None:
    try:
        found = json.loads(line)
        return (int(found["id"]), found["text"]) if isinstance(found["text"], str) else None
    except (ValueError, KeyError, TypeError):
        return None
