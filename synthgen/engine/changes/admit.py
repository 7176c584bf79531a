"""Whether a job may work on the run that is there, and what the run keeps of the job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import orjson

from synthgen.engine.changes.effects import Effect, weight_of
from synthgen.engine.changes.preview import Preview, changed_job, look_ahead, run_fingerprint
from synthgen.engine.planning.prepared import PreparedJob
from synthgen.engine.planning.stage_journals import open_journals, stage_dirs
from synthgen.errors import JobError
from synthgen.identity import content_id
from synthgen.job import Job
from synthgen.journal import JOURNAL_NAME, Journal, RunLock, WritableJournal

Admission = Literal["refuse", "keep"]
ASKED_BEFORE_KEY = "asked_before"
KEPT_DEFAULTS = ("rules",)


def admit_job(journals: Sequence[WritableJournal], prepared: PreparedJob, run_dir: Path, on_change: Admission) -> bool:
    """Compare the job with the one the run was started with, and make it the run's; whether the run goes on.

    Args:
        journals: One for each stage, the run's own last.
        prepared: The job's last stage.
        run_dir: As error messages name it.
        on_change: As `run_job`.

    Raises:
        JobError: The run was started with another prompt, model or data, and `on_change` is `refuse`.
    """
    changes = changed_job(journals, prepared)
    is_resumed = run_fingerprint(journals[-1]) is not None
    effect = weight_of(changes)
    if effect is Effect.NEW_SLOTS and on_change == "refuse":
        raise refused(Preview(tuple(changes), look_ahead(journals, prepared)), run_dir)
    if effect >= Effect.REPLAY:
        forget_decisions(journals)
    adopt_job(journals, prepared, effect)
    return is_resumed


def keep_defaults(prepared: PreparedJob, journal: Journal) -> PreparedJob:
    """The job with the defaults that its run began with: a new default of a later synthgen is for new runs.

    Args:
        prepared: The job's last stage.
        journal: The run's own.
    """
    before = run_fingerprint(journal)
    known = {} if before is None else before["job"]
    written = prepared.job.model_fields_set
    kept = {key: known[key] for key in KEPT_DEFAULTS if key in known and key not in written}
    return _with_job(prepared, prepared.job.model_copy(update=kept)) if kept else prepared


def _with_job(prepared: PreparedJob, job: Job) -> PreparedJob:
    upstream = None if prepared.upstream is None else _with_job(prepared.upstream, job)
    return replace(prepared, job=job, upstream=upstream)


def forget_decisions(journals: Sequence[WritableJournal]) -> None:
    """Drop the decisions of every stage. Later stages first: their answers are put aside until the rows that they were
    made from are accepted again, so a crash in between leaves nothing under a wrong row."""
    for journal in reversed(journals[1:]):
        journal.park()
    journals[0].forget_decisions()


def adopt_job(journals: Sequence[WritableJournal], prepared: PreparedJob, effect: Effect) -> None:
    """Make a job the run's own, and keep what a later replay needs of it.

    Args:
        journals: One for each stage; decisions that the job changes are forgotten already.
        prepared: The job's last stage.
        effect: The weightiest difference from the run's job so far.
    """
    for journal, stage in zip(journals, prepared.stages, strict=True):
        _adopt(journal, stage, effect)


def _adopt(journal: WritableJournal, prepared: PreparedJob, effect: Effect) -> None:
    before = journal.meta()
    facts = {
        "fingerprint": orjson.dumps(prepared.fingerprint()).decode(),
        "template": prepared.template_source.text,
        "template_id": content_id(prepared.template_source.text),
        "base": str(prepared.base.absolute()),
        "job_path": str(Path(prepared.name).absolute()),
        "targets": orjson.dumps(dict(prepared.targets)).decode(),
        "text_field": prepared.text_field,
        "label_field": prepared.job.data.label or "",
        "name": prepared.job.name,
    }
    if len(prepared.job.stages or ()) > 1:
        facts["templates"] = orjson.dumps([stage.template_source.text for stage in prepared.stages]).decode()
        facts["stage"] = prepared.stage.name
    if effect is Effect.NEW_SLOTS or ASKED_BEFORE_KEY not in before:
        # Answers up to this one were asked under another job, or before the journal kept track of it.
        facts[ASKED_BEFORE_KEY] = str(journal.last_answer())
    journal.set_meta(facts)


def settle_by_asking(prepared: PreparedJob, run_dir: Path, confirm: Callable[[Preview], bool | None]) -> Admission:
    """Show what a changed job means and costs, and ask; what changes nothing that was decided is not asked about.

    Args:
        prepared: The job.
        run_dir: Where its run may be.
        confirm: Says whether to go on; None where nobody is there to be asked.

    Returns:
        `keep` where the answer is yes; `refuse` where there was nothing to ask, or nobody.

    Raises:
        JobError: The answer is no, or nobody is there and the job would ask differently.
        JournalError: A process works on the run, or its journal cannot be opened.
    """
    if not (run_dir / JOURNAL_NAME).exists():
        return "refuse"
    with RunLock(run_dir), open_journals(stage_dirs(run_dir, prepared)) as journals:
        prepared = keep_defaults(prepared, journals[-1])
        changes = changed_job(journals, prepared)
        effect = weight_of(changes)
        if effect is Effect.FREE:
            return "refuse"
        preview = Preview(tuple(changes), look_ahead(journals, prepared))
    answer = confirm(preview)
    if answer is None and effect is Effect.NEW_SLOTS:
        raise refused(preview, run_dir, why="there is no terminal to ask on, so nothing was changed")
    if answer is False:
        raise JobError(
            f"{run_dir}: left as it was",
            hint="put the job file back to go on as before, or choose a new folder with --out",
        )
    return "keep" if answer else "refuse"


def refused(preview: Preview, run_dir: Path, *, why: str = "nothing was changed") -> JobError:
    """The error of a job that asks differently."""
    listed = "\n".join(f"  {line}" for line in preview.lines())
    return JobError(
        f"{run_dir}: this run was started with another job; {why}\n{listed}",
        hint="--on-change keep: keep its answers and ask what is missing the new way (nothing is paid for twice); "
        "or choose a new folder with --out",
    )
