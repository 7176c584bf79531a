"""Everything a job decides before the first request: rows, targets, prompts, schema, slots.

Made from files and values alone, so `synthgen plan` can look at it without a model.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import orjson
from pydantic import BaseModel

from synthgen.checks import needs_vectors
from synthgen.data.export import RESERVED_FIELDS
from synthgen.data.models import load_object
from synthgen.data.prompts import TemplateSource, load_template
from synthgen.data.tables import RealRows, load_rows
from synthgen.engine.sources import Sources
from synthgen.errors import JobError
from synthgen.identity import canonical_json, content_id, slot_id
from synthgen.job import (
    ChangeCheck,
    CheckConfig,
    DuplicateCheck,
    FieldSpec,
    Job,
    LabelCheck,
    LeakageCheck,
    ModelConfig,
    StageConfig,
)
from synthgen.parse import answer_schema, item_model
from synthgen.plan import Interleaving, Planner
from synthgen.plan.seeds import DiversePicker, RandomPicker, RotatingPicker, SeedPicker
from synthgen.privacy import NOTHING, Redaction, describe, open_detector, redact_rows
from synthgen.prompt import Template, parse_template, source_view
from synthgen.records import Draft, JsonSchema, Request, Row, Slot, Source

DEFAULT_ITEMS = 5
MEAN = "mean"
PLAIN = StageConfig(name="generate")
Vectors = npt.NDArray[np.float32]
C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class ModelGroup:
    """Endpoints that are interchangeable: same provider, model and parameters."""

    model: str
    params: Mapping[str, Any]
    endpoints: tuple[ModelConfig, ...]

    @property
    def weight(self) -> float:
        return sum(e.weight for e in self.endpoints)

    @property
    def stages(self) -> Sequence[str]:
        """Stages it is kept for; empty where it answers whatever no other does."""
        return self.endpoints[0].stages


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A job made ready: its last stage, which leads to those before it.

    Attributes:
        job: With its recipe's parts filled in.
        base: The job file's folder: what its paths are relative to.
        name: The job file, to blame.
        train: Real training rows.
        test: Real test rows, or None.
        targets: Accepted rows wanted, by class.
        template: The prompt.
        template_source: Where it came from.
        item: Pydantic model of one item of an answer.
        schema: JSON schema of an answer, or None where the template asks for text.
        items: Rows asked for in each answer.
        groups: Interchangeable endpoints, of all stages.
        stage: What this stage is.
        number: Its place among the stages, from 0.
        upstream: The stage before it, whose accepted rows it works on; None for the first.
        redaction: Real rows that prompts show with stand-ins for personal data.
    """

    job: Job
    base: Path
    name: str
    train: RealRows
    test: RealRows | None
    targets: Mapping[str, int]
    template: Template
    template_source: TemplateSource
    item: type[BaseModel]
    schema: JsonSchema | None
    items: int
    groups: tuple[ModelGroup, ...]
    stage: StageConfig = PLAIN
    number: int = 0
    upstream: Blueprint | None = None
    redaction: Redaction = NOTHING

    @property
    def order(self) -> Interleaving:
        return Interleaving(self.targets)

    @property
    def text_field(self) -> str:
        return self.job.data.text

    @property
    def answer_field(self) -> str:
        """Where a plain text answer goes: the text, or the first field of an answer that brings other fields."""
        return field_names(self.item)[0] if is_single(self.stage) else self.text_field

    @property
    def stages(self) -> tuple[Blueprint, ...]:
        """Every stage up to this one, the first first."""
        return (self,) if self.upstream is None else (*self.upstream.stages, self)

    @property
    def is_last(self) -> bool:
        """Whether its accepted rows are the run's."""
        return self.number == len(self.job.stages or (self.stage,)) - 1

    @property
    def has_source(self) -> bool:
        """Whether each of its slots works on one row."""
        return self.stage.kind != "generate"

    @property
    def served_by(self) -> frozenset[int]:
        """Places of the groups that answer it."""
        return frozenset(place for place, weight in enumerate(_weights(self)) if weight > 0)

    @property
    def checks(self) -> Sequence[CheckConfig]:
        """Judges of its rows."""
        own = self.stage.checks
        return own if own is not None else (self.job.checks or ()) if self.is_last else ()

    @property
    def needs_encoder(self) -> bool:
        """Whether any check or the seed picking looks at embeddings."""
        duplicate, leakage = self.check(DuplicateCheck), self.check(LeakageCheck)
        return (
            (duplicate is not None and duplicate.near)
            or (leakage is not None and leakage.near and self.test is not None)
            or self.check(LabelCheck) is not None
            or any(needs_vectors(check) for check in self.checks_of(ChangeCheck))
            or self.needs_vectors_to_plan
        )

    @property
    def needs_vectors_to_plan(self) -> bool:
        prompt = self.job.prompt
        return not self.has_source and prompt.pick == "diverse" and prompt.seeds > 0

    def check(self, kind: type[C]) -> C | None:
        """The stage's check of one kind, or None."""
        return next((c for c in self.checks if isinstance(c, kind)), None)

    def checks_of(self, kind: type[C]) -> list[C]:
        """All of the stage's checks of one kind."""
        return [c for c in self.checks if isinstance(c, kind)]

    def row_fields(self) -> tuple[str, ...]:
        """Fields of the rows it accepts."""
        own = () if self.stage.kind == "judge" else field_names(self.item)
        before = () if not self.has_source else self.source_fields()
        return tuple(dict.fromkeys((*before, *own)))

    def source_fields(self) -> tuple[str, ...]:
        """Fields of the rows it works on."""
        return self.upstream.row_fields() if self.upstream is not None else (self.text_field,)

    def slot_maker(self, vectors: Mapping[str, Vectors] | None = None, sources: Sources | None = None) -> SlotMaker:
        """Makes slots.

        Args:
            vectors: Rows of each class encoded, in order: needed to pick diverse seeds.
            sources: What the stage before accepted: needed by every stage but the first.
        """
        return SlotMaker(self, _planner(self, vectors), sources)

    def draft_as_asked(self, draft: Draft, recorded: Mapping[str, Any], train: Mapping[str, Row]) -> Draft:
        """A draft with the seeds and attributes that its answer recorded.

        Args:
            draft: As the job makes it today.
            recorded: `Draft.recorded` of the day.
            train: Real rows by id.
        """
        seeds = tuple(self.as_shown(train[i]) for i in recorded.get("seeds", ()) if i in train)
        drawn = replace(draft, seeds=seeds, attributes=recorded.get("attributes", {}))
        is_first = self.has_source and self.upstream is None
        return replace(drawn, source=self.as_source(seeds[0])) if is_first and seeds else drawn

    def as_shown(self, row: Row) -> Row:
        """A real row as prompts show it."""
        return self.redaction.rows.get(row.id, row)

    def redaction_notice(self) -> str | None:
        """What to tell of personal data in the rows that may be shown; None where there is nothing to tell."""
        count = sum(row.label in self.targets for row in self.redaction.rows.values())
        if not count:
            return None
        return (
            f"{count:,} of the rows that prompts may show hold personal data ({describe(self.redaction.counts)} in "
            "all): stand-ins are shown instead (names are not looked for); `seeds: {pii: allow}` shows rows as they are"
        )

    def as_source(self, row: Row) -> Source:
        """A real row, to be worked on."""
        return Source(row.id, row.text, row.label, {self.text_field: row.text})

    def fingerprint(self) -> dict[str, Any]:
        """What decides the dataset, with files as content ids: compared on resume."""
        job = self.job.model_dump(mode="json", by_alias=True)
        pools = {"train": self.train, "test": self.test}
        files = {name: content_id(rows.path.read_bytes()) for name, rows in pools.items() if rows and rows.path}
        item = content_id(canonical_json(self.item.model_json_schema()))
        found = {"job": job, "files": files, "template": content_id(self.template_source.text), "item": item}
        return {**found, "seeds": self._redaction_facts()} if self.redaction else found

    def _redaction_facts(self) -> dict[str, Any]:
        """What became of personal data: the texts decide prompts, whatever setting or package brought them about."""
        texts = {row_id: row.text for row_id, row in self.redaction.rows.items()}
        counts = {"rows": len(texts), "redacted": dict(self.redaction.counts)}
        return {**counts, "texts": content_id(canonical_json(texts))}


class SlotMaker:
    """Turns a class and an ordinal into a slot: plan, prompt, request, id."""

    def __init__(self, blueprint: Blueprint, planner: Planner, sources: Sources | None) -> None:
        self._blueprint, self._planner, self._sources = blueprint, planner, sources
        self._names = list(field_names(blueprint.item))
        item = dict.fromkeys(self._names, "...")
        self._schema_hint = orjson.dumps(item if is_single(blueprint.stage) else {"items": [item]}).decode()
        self._labels = sorted(blueprint.train.by_label() or blueprint.targets)

    def make(self, label: str, ordinal: int) -> Slot:
        """The `ordinal`-th slot of class `label`.

        Raises:
            JobError: The template cannot be rendered.
        """
        return self.of_draft(self._draft(label, ordinal))

    def of_draft(self, draft: Draft) -> Slot:
        """The slot of a draft."""
        blueprint = self._blueprint
        group = blueprint.groups[draft.model_index]
        prompt = blueprint.template.render(self._values(draft))
        params = {"seed": draft.sampling_seed, **group.params, **blueprint.stage.params}
        schema = blueprint.schema
        sample = draft.ordinal if blueprint.upstream is None else [_source_id(draft), draft.copy]
        identity = slot_id(
            prompt=prompt.as_json(), model=group.model, params=params, schema=schema, label=draft.label, sample=sample
        )
        return Slot(identity, draft, Request(prompt, params, schema))

    def _draft(self, label: str, ordinal: int) -> Draft:
        blueprint = self._blueprint
        if blueprint.upstream is not None:
            if self._sources is None:
                raise ValueError("a later stage needs the rows of the one before")
            return self._planner.draft_of(*self._sources.at(label, ordinal), label=label, ordinal=ordinal)
        draft = self._planner.draft(label, ordinal)
        if not blueprint.has_source:
            return draft
        return replace(draft, source=blueprint.as_source(draft.seeds[0]))

    def _values(self, draft: Draft) -> dict[str, Any]:
        job = self._blueprint.job
        values = {
            "label": draft.label,
            "labels": self._labels,
            "description": job.descriptions.get(draft.label, ""),
            "seeds": draft.seeds,
            "items": self._blueprint.items,
            "attributes": draft.attributes,
            "language": job.language,
            "instructions": job.prompt.instructions,
            "schema_hint": self._schema_hint,
            "fields": self._names,
            "options": job.options,
        }
        if draft.source is not None:
            values["source"] = source_view(draft.source)
        return values


def is_single(stage: StageConfig) -> bool:
    """Whether an answer is about its one source row, and so is one item."""
    return stage.kind in ("respond", "judge")


def _source_id(draft: Draft) -> str:
    return draft.source.id if draft.source is not None else ""


def draw_blueprint(
    job: Job, *, base: Path, name: str, templates: Sequence[TemplateSource] | None = None, stage: int | None = None
) -> Blueprint:
    """Read everything the job names and check that it fits together.

    Args:
        job: Resolved by its recipe.
        base: The job file's folder.
        name: The job file, to blame.
        templates: Where they are known already, one for each stage; None reads those that the job names.
        stage: Number of the stage to stop at; None goes on to the last.

    Raises:
        JobError: A file, column, class, template or schema is wrong.
    """
    data = job.data
    train = RealRows(None, (), 0)
    if data.train is not None:
        train = load_rows(base / data.train, pool="train", text=data.text, label=data.label)
    test = load_rows(base / data.test, pool="test", text=data.text, label=data.label) if data.test else None
    stages = job.stages or [PLAIN]
    targets = _targets(job, train, name, needs_rows=stages[0].kind != "generate")
    groups = _groups(job.models)
    redaction = _redaction(job, train, targets, name)
    _refuse_strange_stages(groups, stages, name)
    drawn: Blueprint | None = None
    for number, config in enumerate(stages[: len(stages) if stage is None else stage + 1]):
        source = templates[number] if templates else _template_source(job, config, number, base, name)
        parsed = parse_template(source.text, name=source.name)
        item = _item_model(job, config, number, base, name)
        items = _items(job, config, parsed, number, name)
        is_json = parsed.meta.output == "json"
        drawn = Blueprint(
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
            upstream=drawn,
            redaction=redaction,
        )
        _refuse_misfits(drawn, name)
        _refuse_untrained(drawn, name)
    assert drawn is not None
    return drawn


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


def _refuse_misfits(blueprint: Blueprint, name: str) -> None:
    """A stage must fit the one before it, before anything is sent."""
    stage, text = blueprint.stage, blueprint.text_field
    place = f"{name}: stages[{blueprint.number}] ('{stage.name}')"
    if stage.kind == "generate" and blueprint.upstream is not None:
        raise JobError(
            f"{place}: only a first stage can generate; later ones work on rows: transform, respond or judge"
        )
    names = field_names(blueprint.item)
    if stage.kind in ("generate", "transform") and text not in names:
        raise JobError(
            f"{name}: schema: has no field '{text}' (data.text), the text that checks and dedup look at",
            hint=f"name one of its fields '{text}'",
        )
    if stage.kind == "respond" and (taken := set(names) & set(blueprint.source_fields())):
        raise JobError(f"{place}: schema.{min(taken)}: the source row has a field of that name", hint="choose another")
    if stage.kind == "judge":
        for field in stage.pass_:
            if field != MEAN and field not in names:
                raise JobError(f"{place}: pass.{field}: no such score in its schema ({', '.join(names)})")


def _refuse_untrained(blueprint: Blueprint, name: str) -> None:
    check = blueprint.check(LabelCheck)
    if check is not None and check.model is None and not blueprint.train.rows:
        raise JobError(
            f"{name}: checks: label: its classifier is trained on real rows, and the job names none (data.train)",
            hint="name a file of real rows, or a classifier of your own: `model: my_module:predict`",
        )


def _refuse_strange_stages(groups: Sequence[ModelGroup], stages: Sequence[StageConfig], name: str) -> None:
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
    _refuse_strangers("descriptions", job.descriptions, targets, name)
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


def _refuse_strangers(field: str, given: Mapping[str, Any], known: Mapping[str, Any], name: str) -> None:
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


def field_names(model: type[BaseModel]) -> tuple[str, ...]:
    """Names of an item's fields as the model is told them."""
    return tuple(field.alias or name for name, field in model.model_fields.items())


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


def _planner(blueprint: Blueprint, vectors: Mapping[str, Vectors] | None) -> Planner:
    rows = blueprint.train.by_label()
    seeds = {label: [blueprint.as_shown(row) for row in rows.get(label, [])] for label in blueprint.targets}
    return Planner(
        rows=seeds,
        pickers={label: _picker(blueprint, label, len(found), vectors) for label, found in seeds.items()},
        attributes={**(blueprint.job.attributes if blueprint.number == 0 else {}), **blueprint.stage.attributes},
        model_weights=_weights(blueprint),
        seed=blueprint.job.seed,
        stage=blueprint.stage.name if blueprint.number else "",
    )


def _weights(blueprint: Blueprint) -> list[float]:
    """Share of the stage's slots for each group: those kept for it, or else those kept for none."""
    name = blueprint.stage.name
    is_named = any(name in group.stages for group in blueprint.groups)
    return [g.weight if (name in g.stages if is_named else not g.stages) else 0.0 for g in blueprint.groups]


def _picker(blueprint: Blueprint, label: str, rows: int, vectors: Mapping[str, Vectors] | None) -> SeedPicker:
    job, names = blueprint.job, (blueprint.job.seed, "seeds", label)
    if blueprint.has_source:
        return RotatingPicker(rows, 1, *names)
    wanted = job.prompt.seeds
    if wanted == 0 or job.prompt.pick == "random":
        return RandomPicker(rows, wanted, *names)
    if job.prompt.pick == "diverse":
        if vectors is None:
            raise ValueError("diverse seeds need the rows' vectors")
        return DiversePicker(vectors[label], wanted, *names)
    return RotatingPicker(rows, wanted, *names)
