"""A second chance for slots that failed permanently: the next run asks them again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from synthgen.engine.planning.stage_journals import found_stage_dirs, open_journals
from synthgen.errors import JournalError
from synthgen.journal import Journal, RunLock, WritableJournal


@dataclass(frozen=True, slots=True)
class Reopened:
    """What became of a run's failed slots.

    Attributes:
        run_dir: The run's folder.
        job_path: The run's job file; empty where the journal is too old to know.
        slots: Reopened slots, by class.
        left: Failed slots that stay as they are: their classes are met, or wanted no more.
        forgotten: Judged slots that are judged anew, because they came after a reopened one.
        is_complete: Whether every class is met, in which case nothing was changed.
    """

    run_dir: Path
    job_path: str
    slots: Mapping[str, int]
    left: int
    forgotten: int
    is_complete: bool

    def as_json(self) -> dict[str, Any]:
        """The contract of `--json`."""
        return {
            "run_dir": str(self.run_dir),
            "reopened": sum(self.slots.values()),
            "classes": dict(self.slots),
            "left": self.left,
            "forgotten": self.forgotten,
            "is_complete": self.is_complete,
        }


def reopen_failed(run_dir: Path) -> Reopened:
    """Reopen the failed slots of every class that is not met. Answers stay; all in one commit, or nothing.

    Raises:
        JournalError: There is no run, it never began, or a process works on it.
    """
    Journal.require(run_dir)
    with RunLock(run_dir), open_journals(found_stage_dirs(run_dir)) as journals:
        last = journals[-1]
        meta = last.meta()
        if "targets" not in meta:
            raise JournalError(f"{last.path}: the run here never began", hint="run its job again")
        accepted, targets = last.accepted_counts(), orjson.loads(meta["targets"])
        missing = [label for label, target in targets.items() if accepted.get(label, 0) < target]
        before, judged = _failed(journals), _judged(journals)
        _reopen(journals, missing)
        return Reopened(
            run_dir=run_dir,
            job_path=meta.get("job_path", ""),
            slots={label: before[label] for label in missing if before[label]},
            left=_failed(journals).total(),
            forgotten=judged - _judged(journals),
            is_complete=not missing,
        )


def _reopen(journals: Sequence[WritableJournal], labels: Sequence[str]) -> None:
    """Stages after one that judges anew work on rows that may change: theirs are put aside first, later ones first."""
    has_failed = [any(label in journal.failed_counts() for label in labels) for journal in journals]
    if not any(has_failed):
        return
    first = has_failed.index(True)
    for journal in reversed(journals[first + 1 :]):
        journal.park()
    journals[first].reopen_failed(labels)


def _failed(journals: Sequence[Journal]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for journal in journals:
        counts.update(journal.failed_counts())
    return counts


def _judged(journals: Sequence[Journal]) -> int:
    return sum(sum(journal.committed_counts().values()) for journal in journals)
