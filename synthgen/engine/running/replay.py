"""Judges a run's answers anew without asking for anything: another threshold, another target, or a second look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthgen.engine.changes.admit import adopt_job, forget_decisions
from synthgen.engine.changes.effects import Change, Effect
from synthgen.engine.changes.preview import changed_job
from synthgen.engine.changes.recall import recall_prepared
from synthgen.engine.events import Observer
from synthgen.engine.judging.evaluate import row_judge
from synthgen.engine.planning.stage_journals import found_stage_dirs, open_journals, rejected_in_all
from synthgen.engine.running.run import session_started, work
from synthgen.engine.running.session import Session
from synthgen.engine.running.stage_runner import StageRunner
from synthgen.errors import JobError
from synthgen.journal import Journal, RunLock


@dataclass(frozen=True, slots=True)
class RunTotals:
    """Where a run stands: accepted rows by class, rejected items by reason."""

    accepted: Mapping[str, int]
    rejected: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """What a replay came to.

    Attributes:
        run_dir: The run's folder.
        job_path: The run's job file.
        targets: Rows wanted, by class.
        before: The decisions that were dropped.
        after: Those that were made.
        changes: What was set differently.
        unjudged: Answers that wait for a slot before them, which only a run can ask.
        starved: Classes that stalled.
        reason: Why it was broken off, or the empty string.
        exit_code: For the command.
    """

    run_dir: Path
    job_path: str
    targets: Mapping[str, int]
    before: RunTotals
    after: RunTotals
    changes: tuple[Change, ...]
    unjudged: int
    starved: tuple[str, ...]
    reason: str
    exit_code: int

    def as_json(self) -> dict[str, Any]:
        """The contract of `--json`."""
        return {
            "run_dir": str(self.run_dir),
            "targets": dict(self.targets),
            "accepted_before": dict(self.before.accepted),
            "accepted": {label: self.after.accepted.get(label, 0) for label in self.targets},
            "rejected_before": dict(self.before.rejected),
            "rejected": dict(self.after.rejected),
            "changes": [{"place": c.place, "before": c.before, "after": c.after} for c in self.changes],
            "unjudged": self.unjudged,
            "starved": list(self.starved),
            "reason": self.reason,
        }


async def replay_run(run_dir: Path, *, settings: Sequence[str], observe: Observer) -> ReplayResult:
    """Drop a run's decisions and make them again from its answers, in slot order, until a slot has no answer.

    Answers are never touched. Where it is broken off, the next replay or run goes on from there.

    Args:
        run_dir: The run's folder; nothing else is needed but the data files.
        settings: `KEY=VALUE` to replace in the run's job first; only what costs no request.
        observe: Receives every event.

    Raises:
        JobError: A setting is wrong or would ask differently; as `recall_prepared`.
        JournalError: There is no run, or a process works on it.
    """
    Journal.require(run_dir)
    with RunLock(run_dir), open_journals(found_stage_dirs(run_dir)) as journals:
        prepared = recall_prepared(journals[-1], settings)
        changes = changed_job(journals, prepared)
        _refuse_new_slots(changes)
        judges, before = [row_judge(stage) for stage in prepared.stages], _totals(journals)
        forget_decisions(journals)
        adopt_job(journals, prepared, Effect.REPLAY)
        session = Session(prepared, None, journals, judges, observe)
        observe(session_started(journals, prepared, is_resumed=True))
        await work(session)
        accounts = session.demand.classes.values()
        kind = session.stop.kind
        return ReplayResult(
            run_dir=run_dir,
            job_path=prepared.name,
            targets=prepared.targets,
            before=before,
            after=_totals(journals),
            changes=tuple(changes),
            unjudged=sum(_unjudged(runner) for runner in session.runners),
            starved=tuple(a.label for a in accounts if a.is_stalled and not a.is_met),
            reason=session.stop.reason,
            exit_code=0 if kind is None else kind.value,
        )


def _unjudged(runner: StageRunner) -> int:
    """Answers of a stage that wait for a slot before them, or for a row that was not accepted."""
    accounts = [account for account in runner.demand.classes.values() if account.is_open]
    waiting = [runner.writer.journal.undecided(account.label, since=account.committed)[0] for account in accounts]
    return sum(len(found) for found in waiting)


def _refuse_new_slots(changes: Sequence[Change]) -> None:
    asking = [change for change in changes if change.effect is Effect.NEW_SLOTS]
    if asking:
        raise JobError(
            f"--set {asking[0].place.removeprefix('job.')}: decides what is asked, and a replay asks for nothing",
            hint="write it into the job file and run it with --on-change ask, which says what it will cost",
        )


def _totals(journals: Sequence[Journal]) -> RunTotals:
    return RunTotals(journals[-1].accepted_counts(), rejected_in_all(journals))
