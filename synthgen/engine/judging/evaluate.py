"""From a raw answer to judged items: parse, row checks, vectors, real rows. Everything that does not depend on order.

What remains for the committer is what does: is it new among the accepted rows, and is there still room.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from synthgen.checks import Check, LabelJudge, build_checks, measure_row, measuring, rewrite_row, rewriting
from synthgen.checks.protocol import MeasuringCheck, RewritingCheck
from synthgen.data.models import load_check
from synthgen.dedup import Comparison
from synthgen.encoders import Encoder
from synthgen.engine.judging.deduplicators import Deduplicators
from synthgen.engine.judging.likeness import SourceLikeness
from synthgen.engine.planning.prepared import PreparedJob
from synthgen.identity import row_id
from synthgen.journal import vector_digests
from synthgen.parse import ParsedAnswer, ParsedItem, parse_answer
from synthgen.records import NOTHING, Candidate, Completion, Nearest, Reason, Rejection, Slot

Vector = npt.NDArray[np.float16]


class Judged(NamedTuple):
    """One item, as far as it can be judged alone."""

    candidate: Candidate
    rejection: Rejection | None
    nearest: Nearest | None = None
    vector: Vector | None = None
    results: Mapping[str, Any] = NOTHING
    is_text_judged: bool = False

    def with_contrast(self, verdict: Comparison) -> Mapping[str, Any]:
        """Its results, with the near row that differs in a negation or a number only, where one was found first."""
        if verdict.contrast is None or "contrast" in self.results:
            return self.results
        return {**self.results, "contrast": verdict.contrast}


class EvaluatedSlot(NamedTuple):
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
        return sum([item.rejection is None for item in self.items])

    @property
    def surviving_texts(self) -> list[str]:
        """What is encoded together."""
        return [item.candidate.text for item in self.items if item.rejection is None]


@dataclass(slots=True, eq=False)
class _Open:
    """An item while it is judged."""

    candidate: Candidate
    rejection: Rejection | None
    results: Mapping[str, Any]

    def closed(self) -> Judged:
        return Judged(self.candidate, self.rejection, results=self.results)


@dataclass(frozen=True, slots=True)
class RowJudge:
    """Parses an answer, makes rows of it as the stage's kind says, and runs the checks that need nothing but the row.

    Attributes:
        kind: Of the stage.
        model: What an item of an answer must look like.
        answer_field: Where a plain text answer goes.
        text_field: The field that checks and dedup look at.
        checks: The judges.
        rewriting: Those of them that change a row before it is judged.
        measuring: Those of them that keep figures of the rows that pass.
        least: Of a judge stage: least score by field.
    """

    kind: str
    model: type[BaseModel]
    answer_field: str
    text_field: str
    checks: Sequence[Check]
    rewriting: Sequence[RewritingCheck]
    measuring: Sequence[MeasuringCheck]
    least: Mapping[str, float] = field(default_factory=dict)

    def judge(self, slot: Slot, completion: Completion) -> tuple[EvaluatedSlot, str | None]:
        """The answer's items and, where none is usable, what to tell the model when asking again."""
        return self.judge_each([(slot, completion)])[0]

    def judge_each(self, answers: Sequence[tuple[Slot, Completion]]) -> list[tuple[EvaluatedSlot, str | None]]:
        """As `judge`, for many at once, one step after the other over all of them: a third quicker, since the code and
        tables of a step stay in the processor's caches meanwhile."""
        parsed = [self._parse(slot, completion) for slot, completion in answers]
        opened = [
            [self._open(slot, number, item) for number, item in enumerate(answer.items)]
            for (slot, _), answer in zip(answers, parsed, strict=True)
        ]
        self._check([item for items in opened for item in items])
        return [
            (EvaluatedSlot(slot, tuple([item.closed() for item in items])), answer.complaint)
            for (slot, _), answer, items in zip(answers, parsed, opened, strict=True)
        ]

    def warm_up(self) -> None:
        """Judge a text of no consequence, so that rules are compiled and tables read before the first answer comes."""
        nobody = Candidate(
            id="", slot_id="", label="", ordinal=0, item=0, text="a text", fields={self.text_field: "a text"}
        )
        for check in self.checks:
            check.judge(nobody)

    def _parse(self, slot: Slot, completion: Completion) -> ParsedAnswer:
        return parse_answer(
            completion.text,
            finish_reason=completion.finish_reason,
            output=slot.request.prompt.output,
            model=self.model,
            text_field=self.answer_field,
            needs_text=self.kind in ("generate", "transform"),
        )

    def _open(self, slot: Slot, number: int, item: ParsedItem) -> _Open:
        source = slot.draft.source
        if source is None or item.rejection is not None:
            fields = item.fields
        elif self.kind == "judge":
            fields = dict(source.fields)
        else:
            fields = {**source.fields, **item.fields}
        candidate = self._candidate(slot, number, fields)
        rejection, results = item.rejection, dict[str, Any]()
        if rejection is None and self.kind in ("respond", "judge") and number > 0:
            rejection = Rejection(Reason.MALFORMED, {"problems": ["the answer holds more than the one item asked for"]})
        if rejection is None and self.kind == "judge":
            rejection, results = judge_scores(item.fields, self.least)
        if rejection is None and self.rewriting:
            candidate, changed = rewrite_row(self.rewriting, candidate)
            results = {**results, **changed}
        return _Open(candidate, rejection, results)

    def _check(self, items: Sequence[_Open]) -> None:
        """Each check over all items that none before it objected to."""
        alive = [item for item in items if item.rejection is None]
        for check in self.checks:
            judge = check.judge
            for item in alive:
                item.rejection = judge(item.candidate)
            alive = [item for item in alive if item.rejection is None]
        for item in alive if self.measuring else ():
            item.results = {**item.results, **measure_row(self.measuring, item.candidate)}

    def _candidate(self, slot: Slot, number: int, fields: dict[str, Any]) -> Candidate:
        text, source = fields.get(self.text_field), slot.draft.source
        return Candidate(
            id=row_id(slot.id, number),
            slot_id=slot.id,
            label=slot.label,
            ordinal=slot.ordinal,
            item=number,
            text=text if isinstance(text, str) else "",
            fields=fields,
            seeds=tuple([seed.id for seed in slot.draft.seeds]),
            seed_texts=tuple([seed.text for seed in slot.draft.seeds]),
            source_text="" if source is None else source.text,
        )


def judge_scores(scores: Mapping[str, Any], least: Mapping[str, float]) -> tuple[Rejection | None, dict[str, Any]]:
    """Whether a judge's scores are high enough, and what is kept of them where they are.

    Args:
        scores: The answer's fields; numbers among them are scores, the rest says why.
        least: Least score by field; `mean` bounds the mean of all numbers.
    """
    numbers = [v for v in scores.values() if isinstance(v, int | float) and not isinstance(v, bool)]
    known = {**scores, "mean": round(fmean(numbers), 3)} if numbers else dict(scores)
    failed = {name: bound for name, bound in least.items() if not _reaches(known.get(name), bound)}
    if failed:
        return Rejection(Reason.JUDGED, {"scores": known, "least": failed}), {}
    return None, {"judge": known}


def _reaches(score: Any, bound: float) -> bool:
    return isinstance(score, int | float) and score >= bound


def row_judge(prepared: PreparedJob) -> RowJudge:
    """The row judge of a job.

    Raises:
        JobError: A check's setting means nothing.
    """
    load = partial(load_check, base=prepared.base)
    checks = build_checks(prepared.checks, language=prepared.job.language, real=prepared.train.rows, load=load)
    return RowJudge(
        prepared.stage.kind,
        prepared.item,
        prepared.answer_field,
        prepared.text_field,
        checks,
        rewriting(checks),
        measuring(checks),
        prepared.stage.pass_,
    )


@dataclass(frozen=True, slots=True)
class PoolJudge:
    """Encodes survivors and compares them with the real rows. Blocking: runs off the event loop.

    The texts of one slot are encoded together and with nothing else, so that a vector, to its last bit, does not
    depend on what happened to arrive at the same time. Decisions are made on float16 values, as the journal
    keeps them.

    Attributes:
        dedups: Know the real rows and the accepted ones.
        encoder: Makes vectors, or None where nobody looks at any.
        label_judge: The label check, or None.
        likeness: Compares rows with what they were made from, or None where no check bounds that.
    """

    dedups: Deduplicators
    encoder: Encoder | None
    label_judge: LabelJudge | None
    likeness: SourceLikeness | None = None

    def judge(self, evaluated: EvaluatedSlot, kept: Mapping[str, bytes] | None = None) -> EvaluatedSlot:
        """The same slot, with vectors, neighbours among the real rows, and the objections these raise.

        Args:
            evaluated: The slot.
            kept: Vectors that an earlier judging of the slot made, by digest; where one of them is missing, all are
                made anew.
        """
        evaluated = self.judge_texts(evaluated)
        if self.encoder is None:
            return evaluated
        alive = [i for i, item in enumerate(evaluated.items) if item.rejection is None]
        vectors = self._vectors(evaluated.surviving_texts, kept or {})
        items = list(evaluated.items)
        for place, vector in zip(alive, vectors, strict=True):
            items[place] = self._judge_one(items[place], vector)
        return evaluated._replace(items=tuple(items))

    def judge_texts(self, evaluated: EvaluatedSlot) -> EvaluatedSlot:
        """The same slot, with the objections of the real rows that need no vector: these items are not encoded.

        Only real rows count here: what was accepted depends on when the slot comes, and which texts are encoded
        together must not.
        """
        return self.judge_texts_each([evaluated])[0]

    def judge_texts_each(self, slots: Sequence[EvaluatedSlot]) -> list[EvaluatedSlot]:
        """As `judge_texts`, for many at once: much quicker, and every verdict is the same."""
        places = [
            (number, place)
            for number, evaluated in enumerate(slots)
            for place, item in enumerate(evaluated.items)
            if item.rejection is None and not item.is_text_judged
        ]
        verdicts = self.dedups.real.judge_texts_each([slots[number].items[place].candidate for number, place in places])
        items = [list(evaluated.items) for evaluated in slots]
        for (number, place), verdict in zip(places, verdicts, strict=True):
            item = items[number][place]
            results = item.with_contrast(verdict)
            items[number][place] = Judged(
                item.candidate, verdict.rejection, item.nearest, item.vector, results, is_text_judged=True
            )
        return [
            EvaluatedSlot(evaluated.slot, tuple(own), evaluated.is_failed)
            for evaluated, own in zip(slots, items, strict=True)
        ]

    def _vectors(self, texts: Sequence[str], kept: Mapping[str, bytes]) -> Sequence[Vector | None]:
        if self.encoder is None or not texts:
            return [None] * len(texts)
        found = [kept.get(digest) for digest in vector_digests(texts)] if kept else [None]
        if all(vector is not None for vector in found):
            return [np.frombuffer(vector, dtype=np.float16) for vector in found if vector is not None]
        return list(self.encoder.encode(texts).astype(np.float16))

    def _judge_one(self, item: Judged, vector: Vector | None) -> Judged:
        verdict = self.dedups.real.judge_vectors(item.candidate, vector)
        rejection, results = verdict.rejection, item.with_contrast(verdict)
        if rejection is None and self.likeness is not None and vector is not None:
            rejection, found = self.likeness.judge(item.candidate, vector)
            results = {**results, **found}
        if rejection is None and self.label_judge is not None and vector is not None:
            rejection, found = self.label_judge.judge(item.candidate.text, vector, item.candidate.label)
            results = {**results, **found}
        return item._replace(rejection=rejection, nearest=verdict.nearest, vector=vector, results=results)
