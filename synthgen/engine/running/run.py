"""Opens a run directory, new or not, works on it, and says how it ended."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from synthgen.engine.asking.prices import require_affordable
from synthgen.engine.changes.admit import Admission, admit_job, keep_defaults
from synthgen.engine.changes.estimate import pretended_sources
from synthgen.engine.changes.preview import Outlook, look_ahead
from synthgen.engine.clock import loop_time
from synthgen.engine.events import Observer, RunStarted
from synthgen.engine.judging.evaluate import row_judge
from synthgen.engine.planning.demand import ClassDemand
from synthgen.engine.planning.prepared import PreparedJob
from synthgen.engine.planning.stage_journals import open_journals, rejected_in_all, stage_dirs
from synthgen.engine.running.session import Session
from synthgen.engine.running.unreadable import Unreadable, why_unreadable
from synthgen.engine.stop import StopKind
from synthgen.errors import JournalError, SynthgenError
from synthgen.job import ModelConfig
from synthgen.journal import Journal, RunLock, WritableJournal
from synthgen.providers.protocol import Provider
from synthgen.records import Usage

OpenProvider = Callable[[ModelConfig], Provider]
STARVED_EXIT = 6


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run stands after a session.

    Attributes:
        run_dir: Its folder.
        status: `complete` where every target is met.
        reason: Why it stopped, or the empty string.
        hint: The next step, or None.
        exit_code: For the command.
        accepted: Rows, by class.
        targets: Rows wanted, by class.
        requests: Answers paid for, over all resumes.
        rejected: Items, by reason.
        failed: Slots failed permanently.
        usage: Tokens and money, over all resumes.
        elapsed_s: Seconds this session took.
        outlook: Where it stopped early: what the rest will likely take.
    """

    run_dir: Path
    status: Literal["complete", "stopped"]
    reason: str
    hint: str | None
    exit_code: int
    accepted: Mapping[str, int]
    targets: Mapping[str, int]
    requests: int
    rejected: Mapping[str, int]
    failed: int
    usage: Usage
    elapsed_s: float
    outlook: Outlook | None = None

    def as_json(self) -> dict[str, Any]:
        """The contract of `--json`."""
        return {
            "run_dir": str(self.run_dir),
            "status": self.status,
            "reason": self.reason,
            "accepted": dict(self.accepted),
            "targets": dict(self.targets),
            "requests": self.requests,
            "rejected": dict(self.rejected),
            "failed": self.failed,
            "usage": self.usage.as_json(),
            "elapsed_s": round(self.elapsed_s, 3),
            **({"outlook": self.outlook.as_json()} if self.outlook else {}),
        }


async def run_job(
    prepared: PreparedJob,
    run_dir: Path,
    *,
    open_provider: OpenProvider,
    observe: Observer,
    on_change: Admission = "refuse",
    pilot: int | None = None,
) -> RunResult:
    """Run a job in `run_dir`, or go on with the run that is there.

    Args:
        prepared: The job, made ready.
        run_dir: Created where it does not exist.
        open_provider: Makes the provider of one endpoint.
        observe: Receives every event.
        on_change: What to do where the run there was started with another prompt, model or data: `refuse`, or `keep`
            the answers that are there and ask new slots the new way.
        pilot: Answers to ask for before it stops, to see what the whole will take; None runs to the end.

    Raises:
        JobError: The directory holds another job's run and `on_change` is `refuse`; or as `Session.run`.
        JournalError: The directory is not empty and holds no run, is in use, or cannot be written.
        ProviderError: As `Session.run`.
    """
    started = loop_time()
    require_affordable(prepared.job)
    _render_once(prepared)
    _make_dir(run_dir)
    with RunLock(run_dir), open_journals(stage_dirs(run_dir, prepared)) as journals:
        journal = journals[-1]
        prepared = keep_defaults(prepared, journal)
        is_resumed = admit_job(journals, prepared, run_dir, on_change)
        judges = [row_judge(stage) for stage in prepared.stages]
        providers = [[open_provider(config) for config in group.endpoints] for group in prepared.groups]
        journal.begin_session(time.time())
        session: Session | None = None
        try:
            session = Session(prepared, providers, journals, judges, observe, pilot=pilot)
            observe(session_started(journals, prepared, is_resumed=is_resumed, notes=session.notes))
            await work(session)
        except SynthgenError as error:
            with contextlib.suppress(JournalError):  # the first error is the one to report
                _end_session(journal, session, "failed", error.message, loop_time() - started)
            raise
        result = _result(session, journals, run_dir, loop_time() - started)
        if result.status != "complete":
            result = replace(result, outlook=look_ahead(journals, prepared))
        _end_session(journal, session, result.status, result.reason, result.elapsed_s)
        return result


def _end_session(journal: WritableJournal, session: Session | None, status: str, reason: str, elapsed_s: float) -> None:
    """Close the session's record, unless calls were broken off: then the next session books them as a loss."""
    if session is None or session.has_drained:
        journal.end_session(status, reason, elapsed_s, time.time())


def _render_once(prepared: PreparedJob) -> None:
    """Meet a template's mistakes before anything is opened or sent."""
    for stage in prepared.stages:
        if not stage.needs_vectors_to_plan:
            maker = stage.slot_maker(None, pretended_sources(stage))
            for label in stage.targets:
                maker.make(label, 0)


async def work(session: Session) -> None:
    """Run a session; of an exception group, raise what a person must act on."""
    try:
        await session.run()
    except BaseExceptionGroup as group:
        raise _first(group) from None


def _first(error: BaseException) -> BaseException:
    """The first `SynthgenError` among the leaves of a group, else the first leaf."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    leaves = [_first(e) for e in error.exceptions]
    return next((leaf for leaf in leaves if isinstance(leaf, SynthgenError)), leaves[0])


def _make_dir(run_dir: Path) -> None:
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        others = [p.name for p in run_dir.iterdir()]
    except OSError as error:
        raise JournalError(f"{run_dir}: {error.strerror}", hint="choose another --out") from None
    if others and not any(name.startswith(("journal.sqlite", "run.lock")) for name in others):
        raise JournalError(
            f"{run_dir}: not empty and not a run (it holds {', '.join(sorted(others)[:3])}, ...)",
            hint="choose a new folder with --out; nothing here was touched",
        )


def session_started(
    journals: Sequence[Journal], prepared: PreparedJob, *, is_resumed: bool, notes: Sequence[str] = ()
) -> RunStarted:
    """The event that a session begins with; `notes` are the session's own."""
    return RunStarted(
        name=prepared.job.name,
        targets=prepared.targets,
        accepted=journals[-1].accepted_counts(),
        rejected=rejected_in_all(journals),
        answers=sum(journal.answers() for journal in journals),
        usage=sum((journal.usage() for journal in journals), Usage()),
        is_resumed=is_resumed,
        notes=(*prepared.notes(), *notes),
    )


def _result(session: Session, journals: Sequence[Journal], run_dir: Path, elapsed_s: float) -> RunResult:
    accounts = session.demand.classes
    is_complete = all(a.is_met for a in accounts.values())
    starved = [a for a in accounts.values() if a.is_stalled and not a.is_met]
    reason, hint, exit_code = session.stop.reason, session.stop.hint, 0
    is_pilot = session.is_pilot_over
    if is_complete:
        reason, hint = "", None
    elif session.stop.kind is not None:
        exit_code = session.stop.kind.value
        if hint is None:
            once = {StopKind.BUDGET: ", once the budget is raised", StopKind.PROVIDER: ", once the server answers"}
            hint = "the same command goes on from here" + ("" if is_pilot else once.get(session.stop.kind, ""))
    elif starved:
        exit_code = STARVED_EXIT
        reason = "; ".join(
            f"class '{a.label}' stalled: {a.accepted} of {a.target} rows, {_why_starved(a, session)}" for a in starved
        )
        hint = "look at the rejections (`synthgen status`), then change the prompt, the checks or starvation.patience"
        if (unreadable := _unreadable(session, starved[0].label)) is not None:
            hint = unreadable.remedy
    return RunResult(
        run_dir=run_dir,
        status="complete" if is_complete else "stopped",
        reason=reason,
        hint=hint,
        exit_code=exit_code,
        accepted={label: a.accepted for label, a in accounts.items()},
        targets={label: a.target for label, a in accounts.items()},
        requests=sum(journal.answers() for journal in journals),
        rejected=rejected_in_all(journals),
        failed=sum(journal.failed_count() for journal in journals),
        usage=sum((journal.usage() for journal in journals), Usage()),
        elapsed_s=elapsed_s,
    )


def _unreadable(session: Session, label: str) -> Unreadable | None:
    """Why nothing of a class could be read, here or in a stage before; None where something could."""
    if not any(runner.demand.classes[label].is_unreadable() for runner in session.runners):
        return None
    return why_unreadable([runner.writer.journal for runner in session.runners], label)


def _why_starved(account: ClassDemand, session: Session) -> str:
    """Where the yield collapsed: here, or in the first stage before where it stalled."""
    if (unreadable := _unreadable(session, account.label)) is not None:
        return f"none of its first answers can be read: {unreadable.said}"
    for runner in session.runners[:-1]:
        before = runner.demand.classes[account.label]
        if before.is_stalled and not account.has_stalled():
            name = runner.prepared.stage.name
            return f"the last {len(before.recent)} answers of stage '{name}' brought {sum(before.recent)}"
    return f"the last {len(account.recent)} answers brought {sum(account.recent)}"
