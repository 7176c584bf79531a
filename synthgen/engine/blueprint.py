"""Everything a job decides before the first request: rows, targets, prompts, schema, slots.

Made from files and values alone, so `synthgen plan` can look at it without a model.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import orjson
from pydantic import BaseModel

from synthgen.data.export import RESERVED_FIELDS
from synthgen.data.models import load_object
from synthgen.data.prompts import TemplateSource, load_template
from synthgen.data.tables import RealRows, load_rows
from synthgen.errors import JobError
from synthgen.identity import canonical_json, content_id, slot_id
from synthgen.job import DuplicateCheck, FieldSpec, Job, LabelCheck, LeakageCheck, ModelConfig
from synthgen.parse import answer_schema, item_model
from synthgen.plan import Interleaving, Planner
from synthgen.plan.seeds import DiversePicker, RandomPicker, RotatingPicker, SeedPicker
from synthgen.prompt import Template, parse_template
from synthgen.records import Draft, JsonSchema, Request, Slot

DEFAULT_ITEMS = 5
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


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A job made ready.

    Attributes:
        job: With its recipe's parts filled in.
        base: The job file's folder: what its paths are relative to.
        name: The job file, to blame.
        train: Real training rows.
        test: Real test rows, or None.
        targets: Accepted rows wanted, by class.
        template: The prompt.
        template_source: Where it came from.
        item: Pydantic model of one item.
        schema: JSON schema of an answer, or None where the template asks for text.
        items: Rows asked for in each answer.
        groups: Interchangeable endpoints.
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

    @property
    def order(self) -> Interleaving:
        return Interleaving(self.targets)

    @property
    def text_field(self) -> str:
        return self.job.data.text

    @property
    def needs_encoder(self) -> bool:
        """Whether any check or the seed picking looks at embeddings."""
        duplicate, leakage = self.check(DuplicateCheck), self.check(LeakageCheck)
        return (
            (duplicate is not None and duplicate.near)
            or (leakage is not None and leakage.near and self.test is not None)
            or self.check(LabelCheck) is not None
            or self.needs_vectors_to_plan
        )

    @property
    def needs_vectors_to_plan(self) -> bool:
        return self.job.prompt.pick == "diverse" and self.job.prompt.seeds > 0

    def check(self, kind: type[C]) -> C | None:
        """The job's check of one kind, or None."""
        return next((c for c in self.job.checks or () if isinstance(c, kind)), None)

    def slot_maker(self, vectors: Mapping[str, Vectors] | None = None) -> SlotMaker:
        """Makes slots; `vectors` (rows of each class encoded, in order) are needed to pick diverse seeds."""
        return SlotMaker(self, _planner(self, vectors))

    def fingerprint(self) -> dict[str, Any]:
        """What decides the dataset, with files as content ids: compared on resume."""
        job = self.job.model_dump(mode="json", by_alias=True)
        files = {"train": content_id(self.train.path.read_bytes())}
        if self.test is not None:
            files["test"] = content_id(self.test.path.read_bytes())
        item = content_id(canonical_json(self.item.model_json_schema()))
        return {"job": job, "files": files, "template": content_id(self.template_source.text), "item": item}


class SlotMaker:
    """Turns a class and an ordinal into a slot: plan, prompt, request, id."""

    def __init__(self, blueprint: Blueprint, planner: Planner) -> None:
        self._blueprint, self._planner = blueprint, planner
        self._names = _field_names(blueprint.item)
        shape = {"items": [dict.fromkeys(self._names, "...")]}
        self._schema_hint = orjson.dumps(shape).decode()
        self._labels = sorted(blueprint.train.by_label())

    def make(self, label: str, ordinal: int) -> Slot:
        """The `ordinal`-th slot of class `label`.

        Raises:
            JobError: The template cannot be rendered.
        """
        draft = self._planner.draft(label, ordinal)
        blueprint = self._blueprint
        group = blueprint.groups[draft.model_index]
        prompt = blueprint.template.render(self._values(draft))
        params = {"seed": draft.sampling_seed, **group.params}
        schema = blueprint.schema
        identity = slot_id(
            prompt=prompt.as_json(), model=group.model, params=params, schema=schema, label=label, sample=ordinal
        )
        return Slot(identity, draft, Request(prompt, params, schema))

    def _values(self, draft: Draft) -> dict[str, Any]:
        job = self._blueprint.job
        return {
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
        }


def draw_blueprint(job: Job, *, base: Path, name: str, template: TemplateSource | None = None) -> Blueprint:
    """Read everything the job names and check that it fits together.

    Args:
        job: Resolved by its recipe.
        base: The job file's folder.
        name: The job file, to blame.
        template: Where it is known already; None reads the one that the job names.

    Raises:
        JobError: A file, column, class, template or schema is wrong.
    """
    data = job.data
    train = load_rows(base / data.train, pool="train", text=data.text, label=data.label)
    test = load_rows(base / data.test, pool="test", text=data.text, label=data.label) if data.test else None
    targets = _targets(job, train, name)
    source = template or load_template(job.prompt.template or "", base=base)
    parsed = parse_template(source.text, name=source.name)
    item = _item_model(job, base, name)
    items = _items(job, parsed, name)
    return Blueprint(
        job=job,
        base=base,
        name=name,
        train=train,
        test=test,
        targets=targets,
        template=parsed,
        template_source=source,
        item=item,
        schema=answer_schema(item, items=items) if parsed.meta.output == "json" else None,
        items=items,
        groups=_groups(job.models),
    )


def _targets(job: Job, train: RealRows, name: str) -> dict[str, int]:
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
        if not rows.get(label) and job.prompt.seeds > 0:
            raise _no_seeds(label, list(rows), train.path, name)
    _refuse_strangers("descriptions", job.descriptions, targets, name)
    return {label: count for label, count in targets.items() if count > 0}


def _no_seeds(label: str, known: Sequence[str], path: Path, name: str) -> JobError:
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


def _item_model(job: Job, base: Path, name: str) -> type[BaseModel]:
    text = job.data.text
    if isinstance(job.schema_, str):
        loaded = load_object(job.schema_, base=base, field="schema")
        if not (isinstance(loaded, type) and issubclass(loaded, BaseModel)):
            raise JobError(f"{name}: schema: {job.schema_} is not a pydantic model")
        model: type[BaseModel] = loaded
    else:
        model = item_model(job.schema_ or {text: FieldSpec(type="str")})
    _refuse_reserved(model, name)
    if text not in _field_names(model):
        raise JobError(
            f"{name}: schema: has no field '{text}' (data.text), the text that checks and dedup look at",
            hint=f"name one of its fields '{text}'",
        )
    return model


def _field_names(model: type[BaseModel]) -> list[str]:
    """Names of an item's fields as the model is told them."""
    return [field.alias or name for name, field in model.model_fields.items()]


def _refuse_reserved(model: type[BaseModel], name: str) -> None:
    for field in _field_names(model):
        if field in RESERVED_FIELDS:
            raise JobError(
                f"{name}: schema.{field}: exported rows carry a field of that name already", hint="choose another name"
            )


def _items(job: Job, template: Template, name: str) -> int:
    if template.meta.output == "text":
        if (job.prompt.items or 1) != 1:
            raise JobError(f"{name}: prompt.items: template {template.name} gives one row an answer; remove `items`")
        if isinstance(job.schema_, str) or len(job.schema_ or {}) > 1:
            raise JobError(f"{name}: schema: template {template.name} gives plain text; fields need a JSON template")
        return 1
    return job.prompt.items or template.meta.items or DEFAULT_ITEMS


def _groups(models: Sequence[ModelConfig]) -> tuple[ModelGroup, ...]:
    found: dict[bytes, list[ModelConfig]] = {}
    for model in models:
        found.setdefault(canonical_json([model.provider, model.model, model.params]), []).append(model)
    return tuple(ModelGroup(m[0].model or m[0].provider, m[0].params, tuple(m)) for m in found.values())


def _planner(blueprint: Blueprint, vectors: Mapping[str, Vectors] | None) -> Planner:
    rows = blueprint.train.by_label()
    seeds = {label: rows.get(label, []) for label in blueprint.targets}
    return Planner(
        rows=seeds,
        pickers={label: _picker(blueprint.job, label, len(found), vectors) for label, found in seeds.items()},
        attributes=blueprint.job.attributes,
        model_weights=[group.weight for group in blueprint.groups],
        seed=blueprint.job.seed,
    )


def _picker(job: Job, label: str, rows: int, vectors: Mapping[str, Vectors] | None) -> SeedPicker:
    wanted, names = job.prompt.seeds, (job.seed, "seeds", label)
    if wanted == 0 or job.prompt.pick == "random":
        return RandomPicker(rows, wanted, *names)
    if job.prompt.pick == "diverse":
        if vectors is None:
            raise ValueError("diverse seeds need the rows' vectors")
        return DiversePicker(vectors[label], wanted, *names)
    return RotatingPicker(rows, wanted, *names)
