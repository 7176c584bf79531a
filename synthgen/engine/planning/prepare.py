"""Reads everything a job names and checks that it fits together, before anything is sent.

Owns the refusals: a class without rows, a schema without the text, a stage that cannot follow the one before it. What
comes out is a `PreparedJob`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from synthgen.checks.label import LabelCheck
from synthgen.data.export import RESERVED_FIELDS
from synthgen.data.models import load_object
from synthgen.data.prompts import TemplateSource, load_template
from synthgen.data.reading import Reading
from synthgen.data.tables import RealRows, load_rows
from synthgen.engine.planning.prepared import MEAN, PLAIN, ModelGroup, PreparedJob, field_names, is_single
from synthgen.errors import JobError
from synthgen.identity import canonical_json
from synthgen.job import FieldSpec, Job, ModelConfig, StageConfig
from synthgen.parse import answer_schema, item_model
from synthgen.privacy import NOTHING, Redaction, describe, open_detector, redact_rows
from synthgen.prompt import Template, parse_template

DEFAULT_ITEMS = 5


def prepare_job(
    job: Job, *, base: Path, name: str, templates: Sequence[TemplateSource] | None = None, stage: int | None = None
) -> PreparedJob:
    """Read everything the job names and check that it fits together.

    Args:
        job: Resolved by its recipe.
        base: The job file's folder.
        name: The job file, as error messages name it.
        templates: Where they are known already, one for each stage; None reads those that the job names.
        stage: Number of the stage to stop at; None goes on to the last.

    Raises:
        JobError: A file, column, class, template or schema is wrong.
    """
    data = job.data
    read = partial(load_rows, text=data.text, label=data.label, reading=Reading(data.separator, data.encoding))
    train = RealRows(None, (), 0) if data.train is None else read(base / data.train, pool="train")
    test = read(base / data.test, pool="test") if data.test else None
    stages = job.stages or [PLAIN]
    targets = _targets(job, train, name, needs_rows=stages[0].kind != "generate")
    groups = _groups(job.models)
    redaction = _redaction(job, train, targets, name)
    _refuse_unknown_stages(groups, stages, name)
    prepared: PreparedJob | None = None
    for number, config in enumerate(stages[: len(stages) if stage is None else stage + 1]):
        source = templates[number] if templates else _template_source(job, config, number, base, name)
        parsed = parse_template(source.text, name=source.name)
        item = _item_model(job, config, number, base, name)
        items = _items(job, config, parsed, number, name)
        is_json = parsed.meta.output == "json"
        prepared = PreparedJob(
            job=job,
            base=base,
            name=name,
            train=train,
            test=test,
            targets=targets,
            template=parsed,
            template_source=source,
            item=item,
            schema=answer_schema(item, items=items, is_single=is_single(config)) if is_json else None,
            items=items,
            groups=groups,
            stage=config,
            number=number,
            upstream=prepared,
            redaction=redaction,
        )
        _refuse_misfits(prepared, name)
        _refuse_untrained(prepared, name)
    assert prepared is not None
    return prepared


def _redaction(job: Job, train: RealRows, targets: Mapping[str, int], name: str) -> Redaction:
    """Personal data in the real rows, and what is shown instead.

    All rows are looked at, also those of classes that nobody asks for: a class more or less must not change what
    prompts show of the others.
    """
    if job.seeds.pii == "allow" or not train.rows:
        return NOTHING
    try:
        detector = open_detector(job.seeds, job.seeds.entities, language=job.language)
    except JobError as error:
        raise JobError(f"{name}: seeds: {error.message}", hint=error.hint) from None
    found = redact_rows(train.rows, detector)
    if job.seeds.pii == "refuse":
        shown = [row_id for row_id, row in found.rows.items() if row.label in targets]
        if shown:
            raise JobError(
                f"{name}: seeds.pii: {train.path}: {len(shown):,} rows that prompts may show hold personal data "
                f"({describe(found.counts)} in all rows), such as {', '.join(shown[:5])}",
                hint="take it out of the file, or write `seeds: {pii: redact}`, which shows stand-ins",
            )
        return NOTHING
    return found


def _template_source(job: Job, stage: StageConfig, number: int, base: Path, name: str) -> TemplateSource:
    if stage.prompt is not None:
        return TemplateSource(f"{name}: stages[{number}].prompt", base / name, stage.prompt)
    named = stage.template or (job.prompt.template if number == 0 else None)
    if named is None:
        raise JobError(
            f"{name}: stages[{number}]: '{stage.name}' has no prompt", hint="give it a `template` or a `prompt`"
        )
    return load_template(named, base=base)


def _refuse_misfits(prepared: PreparedJob, name: str) -> None:
    """A stage must fit the one before it, before anything is sent."""
    stage, text = prepared.stage, prepared.text_field
    place = f"{name}: stages[{prepared.number}] ('{stage.name}')"
    if stage.kind == "generate" and prepared.upstream is not None:
        raise JobError(
            f"{place}: only a first stage can generate; later ones work on rows: transform, respond or judge"
        )
    names = field_names(prepared.item)
    if stage.kind in ("generate", "transform") and text not in names:
        raise JobError(
            f"{name}: schema: has no field '{text}' (data.text), the text that checks and dedup look at",
            hint=f"name one of its fields '{text}'",
        )
    if stage.kind == "respond" and (taken := set(names) & set(prepared.source_fields())):
        raise JobError(f"{place}: schema.{min(taken)}: the source row has a field of that name", hint="choose another")
    if stage.kind == "judge":
        for field in stage.pass_:
            if field != MEAN and field not in names:
                raise JobError(f"{place}: pass.{field}: no such score in its schema ({', '.join(names)})")


def _refuse_untrained(prepared: PreparedJob, name: str) -> None:
    check = prepared.check(LabelCheck)
    if check is not None and check.model is None and not prepared.train.rows:
        raise JobError(
            f"{name}: checks: label: its classifier is trained on real rows, and the job names none (data.train)",
            hint="name a file of real rows, or a classifier of your own: `model: my_module:predict`",
        )


def _refuse_unknown_stages(groups: Sequence[ModelGroup], stages: Sequence[StageConfig], name: str) -> None:
    known = [stage.name for stage in stages]
    for group in groups:
        for named in group.stages:
            if named not in known:
                raise JobError(f"{name}: models: '{group.model}': no stage '{named}' (there are: {', '.join(known)})")
    for stage in known:
        if not any(stage in group.stages or not group.stages for group in groups):
            raise JobError(
                f"{name}: models: none answers stage '{stage}'", hint="leave `stages` out of one of the models"
            )


def _targets(job: Job, train: RealRows, name: str, *, needs_rows: bool) -> dict[str, int]:
    rows = train.by_label()
    if isinstance(job.targets, int):
        targets = {"": job.targets}
    elif job.targets is not None:
        targets = dict(job.targets)
    else:
        targets = {label: max(0, (job.balance_to or 0) - len(found)) for label, found in rows.items()}
        if not any(targets.values()):
            raise JobError(f"{name}: balance_to: every class already has {job.balance_to} rows or more: nothing to do")
    for label in targets:
        if not rows.get(label) and (needs_rows or job.prompt.seeds > 0):
            raise _no_seeds(label, list(rows), train.path, name)
    _refuse_unknown_classes("descriptions", job.descriptions, targets, name)
    return {label: count for label, count in targets.items() if count > 0}


def _no_seeds(label: str, known: Sequence[str], path: Path | None, name: str) -> JobError:
    if path is None:
        return JobError(
            f"{name}: data.train: missing: the job shows the model real rows and names no file of them",
            hint="name a file of real rows, or set prompt.seeds: 0 to write from names and descriptions alone",
        )
    near = difflib.get_close_matches(label, known, n=1, cutoff=0.5)
    guess = f"; did you mean '{near[0]}'?" if near else ""
    shown = ", ".join(sorted(known)[:12]) + (", ..." if len(known) > 12 else "")
    return JobError(
        f"{name}: targets.{label}: no real row of class '{label}' in {path}{guess} (classes: {shown})",
        hint="add a few real rows of the class to show the model, or set prompt.seeds: 0 to write from its name alone",
    )


def _refuse_unknown_classes(field: str, given: Mapping[str, Any], known: Mapping[str, Any], name: str) -> None:
    for label in given:
        if label not in known:
            raise JobError(
                f"{name}: {field}.{label}: not among the targets ({', '.join(known)})",
                hint="add it to `targets`, or remove it here",
            )


def _item_model(job: Job, stage: StageConfig, number: int, base: Path, name: str) -> type[BaseModel]:
    given = stage.schema_ or (job.schema_ if number == 0 else None)
    if isinstance(given, str):
        loaded = load_object(given, base=base, field="schema")
        if not (isinstance(loaded, type) and issubclass(loaded, BaseModel)):
            raise JobError(f"{name}: schema: {given} is not a pydantic model")
        model: type[BaseModel] = loaded
    else:
        model = item_model(given or {job.data.text: FieldSpec(type="str")})
    _refuse_reserved(model, name)
    return model


def _refuse_reserved(model: type[BaseModel], name: str) -> None:
    for field in field_names(model):
        if field in RESERVED_FIELDS:
            raise JobError(
                f"{name}: schema.{field}: exported rows carry a field of that name already", hint="choose another name"
            )


def _items(job: Job, stage: StageConfig, template: Template, number: int, name: str) -> int:
    asked = (job.prompt.items if number == 0 else None) or stage.items
    if template.meta.output == "text":
        if (asked or 1) != 1:
            raise JobError(f"{name}: prompt.items: template {template.name} gives one row an answer; remove `items`")
        schema = stage.schema_ or (job.schema_ if number == 0 else None)
        if isinstance(schema, str) or len(schema or {}) > 1:
            raise JobError(f"{name}: schema: template {template.name} gives plain text; fields need a JSON template")
        return 1
    if is_single(stage):
        return 1
    return asked or template.meta.items or (DEFAULT_ITEMS if stage.kind == "generate" else 1)


def _groups(models: Sequence[ModelConfig]) -> tuple[ModelGroup, ...]:
    found: dict[bytes, list[ModelConfig]] = {}
    for model in models:
        key = canonical_json([model.provider, model.model, model.params, model.stages])
        found.setdefault(key, []).append(model)
    return tuple(ModelGroup(m[0].model or m[0].provider, m[0].params, tuple(m)) for m in found.values())
