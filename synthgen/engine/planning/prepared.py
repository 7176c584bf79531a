"""What a job decides before the first request: rows, targets, prompts, schema, slots. `prepare_job` makes it.

Made from files and values alone, so `synthgen plan` can look at it without a model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import orjson
from pydantic import BaseModel

from synthgen.checks import needs_vectors
from synthgen.checks.change import ChangeCheck
from synthgen.checks.label import LabelCheck
from synthgen.data.class_notes import row_notes
from synthgen.data.prompts import TemplateSource
from synthgen.data.tables import RealRows
from synthgen.engine.planning.interleaving import Interleaving
from synthgen.engine.planning.planner import Planner
from synthgen.engine.planning.seeds import DiversePicker, RandomPicker, RotatingPicker, SeedPicker
from synthgen.engine.planning.sources import Sources
from synthgen.identity import canonical_json, content_id, slot_id
from synthgen.job import CheckConfig, DuplicateCheck, Job, LeakageCheck, ModelConfig, StageConfig
from synthgen.privacy import NOTHING, Redaction, describe
from synthgen.prompt import Template, source_view
from synthgen.records import Draft, JsonSchema, Request, Row, Slot, Source

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
class PreparedJob:
    """A job made ready: its last stage, which leads to those before it.

    Attributes:
        job: With its recipe's parts filled in.
        base: The job file's folder: what its paths are relative to.
        name: The job file, as error messages name it.
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
        redaction: Real rows that prompts show with surrogate values for personal data.
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
    upstream: PreparedJob | None = None
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
    def stages(self) -> tuple[PreparedJob, ...]:
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
        drawn = draft._replace(seeds=seeds, attributes=recorded.get("attributes", {}))
        is_first = self.has_source and self.upstream is None
        return drawn._replace(source=self.as_source(seeds[0])) if is_first and seeds else drawn

    def as_shown(self, row: Row) -> Row:
        """A real row as prompts show it."""
        return self.redaction.rows.get(row.id, row)

    def notes(self) -> tuple[str, ...]:
        """What a person should know before anything is asked, a sentence each."""
        notes = row_notes(self.train)
        count = sum(row.label in self.targets for row in self.redaction.rows.values())
        if not count:
            return (*notes,)
        return (
            *notes,
            f"{count:,} of the rows that prompts may show hold personal data ({describe(self.redaction.counts)} in "
            "all): surrogate values are shown instead (names are not looked for); "
            "`seeds: {pii: allow}` shows rows as they are",
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

    def __init__(self, prepared: PreparedJob, planner: Planner, sources: Sources | None) -> None:
        self._prepared, self._planner, self._sources = prepared, planner, sources
        self._names = list(field_names(prepared.item))
        item = dict.fromkeys(self._names, "...")
        self._schema_hint = orjson.dumps(item if is_single(prepared.stage) else {"items": [item]}).decode()
        self._schema = None if prepared.schema is None else orjson.Fragment(canonical_json(prepared.schema))
        self._labels = sorted(prepared.train.by_label() or prepared.targets)

    def make(self, label: str, ordinal: int) -> Slot:
        """The `ordinal`-th slot of class `label`.

        Raises:
            JobError: The template cannot be rendered.
        """
        return self.of_draft(self._draft(label, ordinal))

    def of_draft(self, draft: Draft) -> Slot:
        """The slot of a draft."""
        prepared = self._prepared
        group = prepared.groups[draft.model_index]
        prompt = prepared.template.render(self._values(draft))
        params = {"seed": draft.sampling_seed, **group.params, **prepared.stage.params}
        sample = draft.ordinal if prepared.upstream is None else [_source_id(draft), draft.copy]
        identity = slot_id(
            prompt=prompt.as_json(),
            model=group.model,
            params=params,
            schema=self._schema,
            label=draft.label,
            sample=sample,
        )
        return Slot(identity, draft, Request(prompt, params, prepared.schema))

    def _draft(self, label: str, ordinal: int) -> Draft:
        prepared = self._prepared
        if prepared.upstream is not None:
            if self._sources is None:
                raise ValueError("a later stage needs the rows of the one before")
            return self._planner.draft_of(*self._sources.at(label, ordinal), label=label, ordinal=ordinal)
        draft = self._planner.draft(label, ordinal)
        if not prepared.has_source:
            return draft
        return draft._replace(source=prepared.as_source(draft.seeds[0]))

    def _values(self, draft: Draft) -> dict[str, Any]:
        job = self._prepared.job
        values = {
            "label": draft.label,
            "labels": self._labels,
            "description": job.descriptions.get(draft.label, ""),
            "seeds": draft.seeds,
            "items": self._prepared.items,
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


def field_names(model: type[BaseModel]) -> tuple[str, ...]:
    """Names of an item's fields as the prompt gives them."""
    return tuple(field.alias or name for name, field in model.model_fields.items())


def _planner(prepared: PreparedJob, vectors: Mapping[str, Vectors] | None) -> Planner:
    rows = prepared.train.by_label()
    seeds = {label: [prepared.as_shown(row) for row in rows.get(label, [])] for label in prepared.targets}
    return Planner(
        rows=seeds,
        pickers={label: _picker(prepared, label, len(found), vectors) for label, found in seeds.items()},
        attributes={**(prepared.job.attributes if prepared.number == 0 else {}), **prepared.stage.attributes},
        model_weights=_weights(prepared),
        seed=prepared.job.seed,
        stage=prepared.stage.name if prepared.number else "",
    )


def _weights(prepared: PreparedJob) -> list[float]:
    """Share of the stage's slots for each group: those kept for it, or else those kept for none."""
    name = prepared.stage.name
    is_named = any(name in group.stages for group in prepared.groups)
    return [g.weight if (name in g.stages if is_named else not g.stages) else 0.0 for g in prepared.groups]


def _picker(prepared: PreparedJob, label: str, rows: int, vectors: Mapping[str, Vectors] | None) -> SeedPicker:
    job, names = prepared.job, (prepared.job.seed, "seeds", label)
    if prepared.has_source:
        return RotatingPicker(rows, 1, *names)
    wanted = job.prompt.seeds
    if wanted == 0 or job.prompt.pick == "random":
        return RandomPicker(rows, wanted, *names)
    if job.prompt.pick == "diverse":
        if vectors is None:
            raise ValueError("diverse seeds need the rows' vectors")
        return DiversePicker(vectors[label], wanted, *names)
    return RotatingPicker(rows, wanted, *names)
