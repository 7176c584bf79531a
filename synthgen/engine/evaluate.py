"""From a raw answer to judged items: parse, row checks, vectors, real rows. Everything that does not depend on order.

What remains for the committer is what does: is it new among the accepted rows, and is there still room.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from synthgen.checks import Check, LabelJudge, build_checks, measure_row
from synthgen.dedup import Deduplicator, Verdict
from synthgen.encoders import Encoder
from synthgen.engine.blueprint import Blueprint
from synthgen.identity import row_id
from synthgen.journal import vector_digests
from synthgen.parse import parse_answer
from synthgen.records import Candidate, Completion, Nearest, Rejection, Slot

Vector = npt.NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Judged:
    """One item, as far as it can be judged alone."""

    candidate: Candidate
    rejection: Rejection | None
    nearest: Nearest | None = None
    vector: Vector | None = None
    results: Mapping[str, Any] = field(default_factory=dict)
    is_text_judged: bool = False

    def with_contrast(self, verdict: Verdict) -> Mapping[str, Any]:
        """Its results, with the near row that differs in a negation or a number only, where one was found first."""
        if verdict.contrast is None or "contrast" in self.results:
            return self.results
        return {**self.results, "contrast": verdict.contrast}


@dataclass(frozen=True, slots=True)
class Landed:
    """A slot ready for the committer.

    Attributes:
        slot: The slot.
        items: Its items in the answer's order; empty where it failed.
        is_failed: Whether no answer could be had.
    """

    slot: Slot
    items: tuple[Judged, ...]
    is_failed: bool = False

    @property
    def survivors(self) -> int:
        return sum(item.rejection is None for item in self.items)

    @property
    def surviving_texts(self) -> list[str]:
        """What is encoded together."""
        return [item.candidate.text for item in self.items if item.rejection is None]


@dataclass(frozen=True, slots=True)
class RowJudge:
    """Parses an answer and runs the checks that need nothing but the row."""

    model: type[BaseModel]
    text_field: str
    checks: Sequence[Check]

    def judge(self, slot: Slot, completion: Completion) -> tuple[Landed, str | None]:
        """The answer's items and, where none is usable, what to tell the model when asking again."""
        parsed = parse_answer(
            completion.text,
            finish_reason=completion.finish_reason,
            output=slot.request.prompt.output,
            model=self.model,
            text_field=self.text_field,
        )
        items = []
        for number, item in enumerate(parsed.items):
            candidate = self._candidate(slot, number, item.fields)
            rejection = item.rejection or self._first_objection(candidate)
            kept = {} if rejection is not None else measure_row(self.checks, candidate)
            items.append(Judged(candidate, rejection, results=kept))
        return Landed(slot, tuple(items)), parsed.complaint

    def _candidate(self, slot: Slot, number: int, fields: dict[str, Any]) -> Candidate:
        text = fields.get(self.text_field)
        return Candidate(
            id=row_id(slot.id, number),
            slot_id=slot.id,
            label=slot.label,
            ordinal=slot.ordinal,
            item=number,
            text=text if isinstance(text, str) else "",
            fields=fields,
            seeds=tuple(seed.id for seed in slot.draft.seeds),
            seed_texts=tuple(seed.text for seed in slot.draft.seeds),
        )

    def _first_objection(self, candidate: Candidate) -> Rejection | None:
        return next((r for check in self.checks if (r := check.judge(candidate)) is not None), None)


def row_judge(blueprint: Blueprint) -> RowJudge:
    """The row judge of a job.

    Raises:
        JobError: A check's setting means nothing.
    """
    checks = build_checks(blueprint.job.checks or (), language=blueprint.job.language, real=blueprint.train.rows)
    return RowJudge(blueprint.item, blueprint.text_field, checks)


@dataclass(frozen=True, slots=True)
class PoolJudge:
    """Encodes survivors and compares them with the real rows. Blocking: runs off the event loop.

    The texts of one slot are encoded together and with nothing else, so that a vector, to its last bit, does not
    depend on what happened to arrive at the same time. Decisions are made on float16 values, as the journal
    keeps them.
    """

    dedup: Deduplicator
    encoder: Encoder | None
    label_judge: LabelJudge | None

    def judge(self, landed: Landed, kept: Mapping[str, bytes] | None = None) -> Landed:
        """The same slot, with vectors, neighbours among the real rows, and the objections these raise.

        Args:
            landed: The slot.
            kept: Vectors that an earlier judging of the slot made, by digest; where one of them is missing, all are
                made anew.
        """
        landed = self.judge_texts(landed)
        if self.encoder is None:
            return landed
        alive = [i for i, item in enumerate(landed.items) if item.rejection is None]
        vectors = self._vectors(landed.surviving_texts, kept or {})
        items = list(landed.items)
        for place, vector in zip(alive, vectors, strict=True):
            items[place] = self._judge_one(items[place], vector)
        return replace(landed, items=tuple(items))

    def judge_texts(self, landed: Landed) -> Landed:
        """The same slot, with the objections of the real rows that need no vector: these items are not encoded.

        Only real rows count here: what was accepted depends on when the slot comes, and which texts are encoded
        together must not.
        """
        return Landed(landed.slot, tuple([self._judge_text(item) for item in landed.items]), landed.is_failed)

    def _judge_text(self, item: Judged) -> Judged:
        if item.rejection is not None or item.is_text_judged:
            return item
        verdict = self.dedup.judge_texts(item.candidate)
        results = item.with_contrast(verdict)
        return Judged(item.candidate, verdict.rejection, item.nearest, item.vector, results, is_text_judged=True)

    def _vectors(self, texts: Sequence[str], kept: Mapping[str, bytes]) -> Sequence[Vector | None]:
        if self.encoder is None or not texts:
            return [None] * len(texts)
        found = [kept.get(digest) for digest in vector_digests(texts)] if kept else [None]
        if all(vector is not None for vector in found):
            return [np.frombuffer(vector, dtype=np.float16) for vector in found if vector is not None]
        return list(self.encoder.encode(texts).astype(np.float16))

    def _judge_one(self, item: Judged, vector: Vector | None) -> Judged:
        verdict = self.dedup.judge_vectors(item.candidate, vector)
        rejection, results = verdict.rejection, item.with_contrast(verdict)
        if rejection is None and self.label_judge is not None and vector is not None:
            rejection, found = self.label_judge.judge(item.candidate.text, vector, item.candidate.label)
            results = {**results, **found}
        return replace(item, rejection=rejection, nearest=verdict.nearest, vector=vector, results=results)
