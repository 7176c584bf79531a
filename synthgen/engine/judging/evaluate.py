"""From a raw answer to judged items: parse, row checks, vectors, real rows. Everything that does not depend on order.

What remains for the committer is what does: is it new among the accepted rows, and is there still room.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from synthgen.checks import Check, LabelJudge, build_checks, measure_row, measuring, rewrite_row, rewriting
from synthgen.checks.leftovers import Leftovers
from synthgen.checks.protocol import MeasuringCheck, RewritingCheck
from synthgen.data.models import load_check
from synthgen.dedup import Comparison
from synthgen.encoders import Encoder
from synthgen.engine.judging.deduplicators import Deduplicators
from synthgen.engine.judging.likeness import SourceLikeness
from synthgen.engine.planning.prepared import PreparedJob
from synthgen.identity import row_id
from synthgen.journal import vector_digests
from synthgen.parse import RULES, ParsedAnswer, ParsedItem, parse_answer
from synthgen.records import NOTHING, UNREADABLE, Candidate, Completion, Nearest, Reason, Rejection, Slot

_log = logging.getLogger(__name__)
# What a strange text can cause. Not what the machine causes: no memory, a disk, a model that fails to run.
CAUSED_BY_A_TEXT = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, AssertionError, RecursionError)
Vector = npt.NDArray[np.float16]


class Judged(NamedTuple):
    """One item, as far as it can be judged alone."""

    candidate: Candidate
    rejection: Rejection | None
    nearest: Nearest | None = None
    vector: Vector | None = None
    results: Mapping[str, Any] = NOTHING

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
        answers: How many it took: more than one where the model was prompted again.
    """

    slot: Slot
    items: tuple[Judged, ...]
    is_failed: bool = False
    answers: int = 1

    @property
    def survivors(self) -> int:
        return sum([item.rejection is None for item in self.items])

    @property
    def surviving_texts(self) -> list[str]:
        """What is encoded together."""
        return [item.candidate.text for item in self.items if item.rejection is None]


@dataclass(slots=True, eq=False)
class OpenItem:
    """An item while it is judged."""

    candidate: Candidate
    rejection: Rejection | None
    results: Mapping[str, Any]

    def closed(self) -> Judged:
        return Judged(self.candidate, self.rejection, results=self.results)


class ParsedAnswers(NamedTuple):
    """Answers whose items are rows that no check has seen.

    Attributes:
        slots: Of the answers.
        items: Of each answer.
        complaints: Where none of an answer's items is usable: what to say to the model when asking again.
    """

    slots: Sequence[Slot]
    items: Sequence[Sequence[OpenItem]]
    complaints: Sequence[str | None]


@dataclass(frozen=True, slots=True)
class RowJudge:
    """Parses answers, makes rows of them as the stage's kind says, and runs the checks that need nothing but the row.

    Many answers at once, one step after the other over all of them: a third quicker than one answer after the other,
    since the code and tables of a step stay in the processor's caches meanwhile.

    Attributes:
        kind: Of the stage.
        model: What an item of an answer must look like.
        answer_field: Where a plain text answer goes.
        text_field: The field that checks and dedup look at.
        checks: The judges.
        rewriting: Those of them that change a row before it is judged.
        measuring: Those of them that keep figures of the rows that pass.
        least: Of a judge stage: least score by field.
        rules: Version of the rules that read and tidy answers.
        leftovers: Takes away what the machine leaves in a row; None by the first rules.
    """

    kind: str
    model: type[BaseModel]
    answer_field: str
    text_field: str
    checks: Sequence[Check]
    rewriting: Sequence[RewritingCheck]
    measuring: Sequence[MeasuringCheck]
    least: Mapping[str, float] = field(default_factory=dict)
    rules: int = RULES
    leftovers: Leftovers | None = None

    def judge(self, slot: Slot, completion: Completion) -> tuple[EvaluatedSlot, str | None]:
        """The answer's items and, where none is usable, what to say to the model when asking again."""
        return self.check_each(self.parse_each([(slot, completion)]))[0]

    def parse_each(self, answers: Sequence[tuple[Slot, Completion]]) -> ParsedAnswers:
        """Make rows of the items of answers."""
        parsed = [self._parse(slot, completion) for slot, completion in answers]
        slots = [slot for slot, _ in answers]
        items = [
            [self._open(slot, number, item) for number, item in enumerate(answer.items)]
            for slot, answer in zip(slots, parsed, strict=True)
        ]
        return ParsedAnswers(slots, items, [answer.complaint for answer in parsed])

    def check_each(self, answers: ParsedAnswers) -> list[tuple[EvaluatedSlot, str | None]]:
        """Run the row checks; as `judge`, for each answer."""
        self._check([item for items in answers.items for item in items])
        return [
            (EvaluatedSlot(slot, tuple([item.closed() for item in items])), complaint)
            for slot, items, complaint in zip(*answers, strict=True)
        ]

    def warm_up(self) -> None:
        """Judge a text of no consequence, so that rules are compiled and tables read before the first answer comes."""
        nobody = Candidate(
            id="", slot_id="", label="", ordinal=0, item=0, text="a text", fields={self.text_field: "a text"}
        )
        for check in self.checks:
            check.judge(nobody)

    def _parse(self, slot: Slot, completion: Completion) -> ParsedAnswer:
        try:
            return parse_answer(
                completion.text,
                finish_reason=completion.finish_reason,
                output=slot.request.prompt.output,
                model=self.model,
                text_field=self.answer_field,
                needs_text=self.kind in ("generate", "transform"),
                rules=self.rules,
            )
        except CAUSED_BY_A_TEXT as error:
            return ParsedAnswer((ParsedItem({}, broken("parsing", error, slot.id)),))

    def _open(self, slot: Slot, number: int, item: ParsedItem) -> OpenItem:
        source = slot.draft.source
        if source is None or item.rejection is not None:
            fields = item.fields
        elif self.kind == "judge":
            fields = dict(source.fields)
        else:
            fields = {**source.fields, **item.fields}
        rejection, results = item.rejection, dict[str, Any]()
        if rejection is None and self.leftovers is not None:
            fields, rejection = self._tidied(fields)
        candidate = self._candidate(slot, number, fields)
        if rejection is None and self.kind in ("respond", "judge") and number > 0:
            rejection = Rejection(Reason.MALFORMED, {"problems": ["the answer holds more than the one item asked for"]})
        if rejection is None and self.kind == "judge":
            rejection, results = judge_scores(item.fields, self.least)
        if rejection is None and self.rewriting:
            try:
                candidate, changed = rewrite_row(self.rewriting, candidate)
                results = {**results, **changed}
            except CAUSED_BY_A_TEXT as error:
                rejection = broken("rewriting", error, candidate.id)
        return OpenItem(candidate, rejection, results)

    def _check(self, items: Sequence[OpenItem]) -> None:
        """Each check over all items that none before it objected to."""
        alive = [item for item in items if item.rejection is None]
        for check in self.checks:
            judge = check.judge
            for item in alive:
                try:
                    item.rejection = judge(item.candidate)
                except CAUSED_BY_A_TEXT as error:
                    item.rejection = broken(type(check).__name__, error, item.candidate.id)
            alive = [item for item in alive if item.rejection is None]
        for item in alive if self.measuring else ():
            item.results = {**item.results, **measure_row(self.measuring, item.candidate)}

    def _tidied(self, fields: dict[str, Any]) -> tuple[dict[str, Any], Rejection | None]:
        """The fields with a text that holds nothing of the machine's, or why that cannot be had."""
        text = fields.get(self.text_field)
        if self.leftovers is None or not isinstance(text, str):
            return fields, None
        clean, why = self.leftovers.clean(text)
        rejection = Rejection(Reason.MALFORMED, {"problems": [f"{self.text_field}: {why}"]}) if why else None
        return (fields if clean == text else {**fields, self.text_field: clean}), rejection

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


def broken(what: str, error: Exception, where: str) -> Rejection:
    """The rejection of something that made a step fail: nothing that a model writes may stop a run."""
    _log.info("%s failed at %s", what, where, exc_info=error)
    said = str(error).encode("utf-8", "replace").decode()[:200]
    return Rejection(Reason.BROKEN, {"step": what, "error": type(error).__name__, "said": said})


def is_any_readable(rejections: Iterable[Rejection | None]) -> bool:
    """Whether an answer with such items could be read into the job's fields, at least one of them."""
    return any(rejection is None or rejection.reason not in UNREADABLE for rejection in rejections)


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
    rules, makes_text = prepared.job.rules, prepared.stage.kind in ("generate", "transform")
    real, language = prepared.train.rows, prepared.job.language
    checks = build_checks(prepared.checks, language=language, real=real, load=load, rules=rules)
    return RowJudge(
        prepared.stage.kind,
        prepared.item,
        prepared.answer_field,
        prepared.text_field,
        checks,
        rewriting(checks),
        measuring(checks),
        prepared.stage.pass_,
        rules,
        Leftovers([row.text for row in real], prepared.targets) if rules >= 2 and makes_text else None,
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

    def judge(self, evaluated: EvaluatedSlot, kept: Mapping[str, bytes] = NOTHING) -> EvaluatedSlot:
        """A slot that `judge_texts` has seen, with vectors, neighbours among the real rows, and the objections these
        raise.

        Args:
            evaluated: The slot.
            kept: Vectors that an earlier judging of the slot made, by digest; where one of them is missing, all are
                made anew.
        """
        if self.encoder is None:
            return evaluated
        try:
            vectors = iter(self._vectors(self.encoder, evaluated.surviving_texts, kept))
        except CAUSED_BY_A_TEXT as error:  # which of them it was cannot be told: they were encoded together
            rejection = broken("encoding", error, evaluated.slot.id)
            items = [i if i.rejection is not None else i._replace(rejection=rejection) for i in evaluated.items]
        else:
            items = [i if i.rejection is not None else self._judge_one(i, next(vectors)) for i in evaluated.items]
        return evaluated._replace(items=tuple(items))

    def judge_texts(self, slots: Sequence[EvaluatedSlot]) -> list[EvaluatedSlot]:
        """The same slots, with the objections of the real rows that need no vector: these items are not encoded.

        Only real rows count here: what was accepted depends on when the slot comes, and which texts are encoded
        together must not. Of many slots at once, which is much quicker; each verdict is the same as alone.
        """
        places = [
            (number, place)
            for number, evaluated in enumerate(slots)
            for place, item in enumerate(evaluated.items)
            if item.rejection is None
        ]
        verdicts = self.dedups.real.judge_texts_each([slots[number].items[place].candidate for number, place in places])
        items = [list(evaluated.items) for evaluated in slots]
        for (number, place), verdict in zip(places, verdicts, strict=True):
            item = items[number][place]
            results = item.with_contrast(verdict)
            items[number][place] = Judged(item.candidate, verdict.rejection, item.nearest, item.vector, results)
        return [evaluated._replace(items=tuple(own)) for evaluated, own in zip(slots, items, strict=True)]

    @staticmethod
    def _vectors(encoder: Encoder, texts: Sequence[str], kept: Mapping[str, bytes]) -> Sequence[Vector]:
        if not texts:
            return []
        found = [kept.get(digest) for digest in vector_digests(texts)] if kept else [None]
        if all(vector is not None for vector in found):
            return [np.frombuffer(vector, dtype=np.float16) for vector in found if vector is not None]
        return list(encoder.encode(texts).astype(np.float16))

    def _judge_one(self, item: Judged, vector: Vector) -> Judged:
        verdict = self.dedups.real.judge_vectors(item.candidate, vector)
        rejection, results = verdict.rejection, item.with_contrast(verdict)
        if rejection is None and self.likeness is not None:
            rejection, found = self.likeness.judge(item.candidate, vector)
            results = {**results, **found}
        if rejection is None and self.label_judge is not None:
            rejection, found = self.label_judge.judge(item.candidate.text, vector, item.candidate.label)
            results = {**results, **found}
        return item._replace(rejection=rejection, nearest=verdict.nearest, vector=vector, results=results)
