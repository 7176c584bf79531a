"""Opens a run directory, new or not, works on it, and says how it ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import orjson

from synthgen.checks import build_checks
from synthgen.engine.blueprint import Blueprint
from synthgen.engine.changes import Change, Effect, compare
from synthgen.engine.evaluate import RowJudge
from synthgen.engine.events import Observer, RunStarted
from synthgen.engine.session import Session
from synthgen.errors import JobError, JournalError, SynthgenError
from synthgen.identity import content_id
from synthgen.job import ModelConfig
from synthgen.journal import Journal, RunLock
from synthgen.providers.protocol import Provider
from synthgen.records import Usage

OpenProvider = Callable[[ModelConfig], Provider]
OnChange = Literal["refuse", "keep"]
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
        requests: Answers bought, over all resumes.
        rejected: Items, by reason.
        failed: Slots given up.
        usage: Tokens and money, over all resumes.
        elapsed_s: Seconds this session took.
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
            "usage": {
                "input_tokens": self.usage.input_tokens,
                "output_tokens": self.usage.output_tokens,
                "usd": float(self.usage.usd),
            },
            "elapsed_s": round(self.elapsed_s, 3),
        }


async def run_job(
    blueprint: Blueprint,
    run_dir: Path,
    *,
    open_provider: OpenProvider,
    observe: Observer,
    on_change: OnChange = "refuse",
) -> RunResult:
    """Run a job in `run_dir`, or go on with the run that is there.

    Args:
        blueprint: The job, made ready.
        run_dir: Created where it does not exist.
        open_provider: Makes the provider of one endpoint.
        observe: Told of everything that happens.
        on_change: What to do where the run there was started with another prompt, model or data: `refuse`, or `keep`
            the answers that are there and ask new slots the new way.

    Raises:
        JobError: The directory holds another job's run and `on_change` is `refuse`; or as `Session.run`.
        JournalError: The directory is not empty and holds no run, is in use, or cannot be written.
        ProviderError: As `Session.run`.
    """
    started = time.monotonic()
    _render_once(blueprint)
    _make_dir(run_dir)
    with RunLock(run_dir):
        journal = Journal.create(run_dir)
        try:
            is_resumed = _admit_job(journal, blueprint, run_dir, on_change)
            checks = build_checks(blueprint.job.checks or (), language=blueprint.job.language)
            row_judge = RowJudge(blueprint.item, blueprint.text_field, checks)
            providers = [[open_provider(config) for config in group.endpoints] for group in blueprint.groups]
            session = Session(blueprint, providers, journal, row_judge, observe)
            observe(_started(journal, blueprint, is_resumed))
            await _work(session)
            return _result(session, journal, run_dir, time.monotonic() - started)
        finally:
            journal.close()


def _render_once(blueprint: Blueprint) -> None:
    """Meet a template's mistakes before anything is opened or sent."""
    if not blueprint.needs_vectors_to_plan:
        maker = blueprint.slot_maker()
        for label in blueprint.targets:
            maker.make(label, 0)


async def _work(session: Session) -> None:
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
        strangers = [p.name for p in run_dir.iterdir()]
    except OSError as error:
        raise JournalError(f"{run_dir}: {error.strerror}", hint="choose another --out") from None
    if strangers and not any(name.startswith(("journal.sqlite", "run.lock")) for name in strangers):
        raise JournalError(
            f"{run_dir}: not empty and not a run (it holds {', '.join(sorted(strangers)[:3])}, ...)",
            hint="choose a new folder with --out; nothing here was touched",
        )


def _admit_job(journal: Journal, blueprint: Blueprint, run_dir: Path, on_change: OnChange) -> bool:
    """Compare the job with the one the run was started with; whether the run goes on."""
    meta, now = journal.meta(), blueprint.fingerprint()
    before = orjson.loads(meta["fingerprint"]) if "fingerprint" in meta else None
    if before is not None:
        changes = compare(before, now)
        if any(c.effect is Effect.NEW_SLOTS for c in changes) and on_change == "refuse":
            raise _changed_error(changes, run_dir, journal.answers())
        if any(c.effect >= Effect.REPLAY for c in changes):
            journal.forget_decisions()
    journal.set_meta(
        {
            "fingerprint": orjson.dumps(now).decode(),
            "template_id": content_id(blueprint.template_source.text),
            "targets": orjson.dumps(dict(blueprint.targets)).decode(),
            "text_field": blueprint.text_field,
            "label_field": blueprint.job.data.label or "",
            "name": blueprint.job.name,
        }
    )
    return before is not None


def _changed_error(changes: Sequence[Change], run_dir: Path, answers: int) -> JobError:
    listed = "\n".join(f"    {change}" for change in changes if change.effect is Effect.NEW_SLOTS)
    return JobError(
        f"{run_dir}: this run was started with another job; it holds {answers:,} answers\n{listed}",
        hint="--on-change keep: keep its answers and ask what is missing the new way (nothing is bought twice); "
        "or choose a new folder with --out",
    )


def _started(journal: Journal, blueprint: Blueprint, is_resumed: bool) -> RunStarted:
    return RunStarted(
        name=blueprint.job.name,
        targets=blueprint.targets,
        accepted=journal.accepted_counts(),
        rejected=journal.rejected_counts(),
        answers=journal.answers(),
        usage=journal.usage(),
        is_resumed=is_resumed,
    )


def _result(session: Session, journal: Journal, run_dir: Path, elapsed_s: float) -> RunResult:
    accounts = session.demand.classes
    is_complete = all(a.is_met for a in accounts.values())
    starved = [a for a in accounts.values() if a.is_starved and not a.is_met]
    reason, hint, exit_code = session.stop.reason, session.stop.hint, 0
    if is_complete:
        reason, hint = "", None
    elif session.stop.kind is not None:
        exit_code = session.stop.kind.value
    elif starved:
        exit_code = STARVED_EXIT
        reason = "; ".join(
            f"class '{a.label}' starved: {a.accepted} of {a.target} rows, "
            f"the last {len(a.recent)} answers brought {sum(a.recent)}"
            for a in starved
        )
        hint = "look at the rejections (`synthgen status`), then change the prompt, the checks or starvation.patience"
    return RunResult(
        run_dir=run_dir,
        status="complete" if is_complete else "stopped",
        reason=reason,
        hint=hint,
        exit_code=exit_code,
        accepted={label: a.accepted for label, a in accounts.items()},
        targets={label: a.target for label, a in accounts.items()},
        requests=journal.answers(),
        rejected=journal.rejected_counts(),
        failed=journal.failed_count(),
        usage=journal.usage(),
        elapsed_s=elapsed_s,
    )
