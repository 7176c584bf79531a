"""The job of a run, from what its journal keeps: no job file is needed, the data files are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import orjson
from pydantic import ValidationError

from synthgen.data.prompts import TemplateSource
from synthgen.engine.changes.effects import as_it_meant
from synthgen.engine.planning.prepare import prepare_job
from synthgen.engine.planning.prepared import PreparedJob
from synthgen.errors import JobError, JournalError
from synthgen.identity import canonical_json, content_id
from synthgen.job import Job, override
from synthgen.journal import Journal


def recall_prepared(journal: Journal, settings: Sequence[str] = ()) -> PreparedJob:
    """The job that a run was last worked on with.

    Args:
        journal: Of the run, or of one of its stages.
        settings: `KEY=VALUE` to replace in the job.

    Raises:
        JobError: A data file or the schema is gone or another one; a setting is wrong.
        JournalError: The run never began, or was last worked on before journals kept all of this.
    """
    meta = journal.meta()
    if "fingerprint" not in meta:
        raise JournalError(f"{journal.path}: the run here never began", hint="run its job again")
    if "template" not in meta:
        raise JournalError(
            f"{journal.path}: last worked on by a synthgen that did not keep the whole job",
            hint="run its job once more: a finished run asks for nothing",
        )
    fingerprint = orjson.loads(meta["fingerprint"])
    base = Path(meta["base"])
    try:
        job = Job.model_validate(as_it_meant(fingerprint["job"]))
    except ValidationError as error:
        raise JournalError(
            f"{journal.path}: holds a job that this synthgen does not read: {error.errors()[0]['msg']}",
            hint="run its job once more with this synthgen, or use the one that wrote it",
        ) from None
    for pool, path in (("train", job.data.train), ("test", job.data.test)):
        if path is not None:
            _require_same(base / path, fingerprint["files"][pool], f"data.{pool}", meta["job_path"])
    for setting in settings:
        job = override(job, setting)
    templates = _templates(meta, job, base)
    shown_name = ", ".join(f"--set {setting}" for setting in settings) or meta["job_path"]
    prepared = prepare_job(job, base=base, name=shown_name, templates=templates, stage=len(templates) - 1)
    if content_id(canonical_json(prepared.item.model_json_schema())) != fingerprint["item"] and not settings:
        raise JobError(
            f"schema: {job.schema_} in {base} is not what it was when the run used it",
            hint=f"put the old one back, or run {meta['job_path']} again with --on-change keep",
        )
    return _named(prepared, meta["job_path"])


def _named(prepared: PreparedJob, name: str) -> PreparedJob:
    upstream = None if prepared.upstream is None else _named(prepared.upstream, name)
    return replace(prepared, name=name, upstream=upstream)


def _templates(meta: Mapping[str, str], job: Job, base: Path) -> list[TemplateSource]:
    """The prompts of a stage and of those before it, as the run used them."""
    texts = orjson.loads(meta["templates"]) if "templates" in meta else [meta["template"]]
    names = [stage.template or stage.name for stage in job.stages or ()] or [""]
    names[0] = job.prompt.template or names[0]
    return [TemplateSource(name, base / name, text) for name, text in zip(names, texts, strict=False)]


def _require_same(path: Path, known: str, key: str, job_path: str) -> None:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise JobError(
            f"{path}: {error.strerror}: the run's {key} is needed to judge its rows",
            hint=f"put the file back where it was when {job_path} ran",
        ) from None
    if content_id(content) != known:
        raise JobError(
            f"{path}: not the {key} the run was judged with: the file has changed",
            hint=f"put the old file back, or run {job_path} again, which says what the change means",
        )
