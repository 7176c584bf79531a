"""A second chance for slots that were given up: the next run asks them again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from synthgen.errors import JournalError
from synthgen.journal import Journal, RunLock


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
    with RunLock(run_dir):
        journal = Journal.create(run_dir)
        try:
            meta = journal.meta()
            if "targets" not in meta:
                raise JournalError(f"{journal.path}: the run here never began", hint="run its job again")
            accepted, targets = journal.accepted_counts(), orjson.loads(meta["targets"])
            missing = [label for label, target in targets.items() if accepted.get(label, 0) < target]
            before, judged = journal.failed_counts(), sum(journal.committed_counts().values())
            journal.reopen_failed(missing)
            return Reopened(
                run_dir=run_dir,
                job_path=meta.get("job_path", ""),
                slots={label: before[label] for label in missing if label in before},
                left=journal.failed_count(),
                forgotten=judged - sum(journal.committed_counts().values()),
                is_complete=not missing,
            )
        finally:
            journal.close()
