"""Looks at a whole journal: is it sound, does it agree with itself, does every decision follow from the answers?

Only reads, in one snapshot, so a run may go on meanwhile. Decisions are derived in the recorded order, each against the
rows that are recorded as accepted before it: one wrong row is one difference, not one for every row after it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson

from synthgen.engine.audit.findings import MAX_SHOWN, Findings
from synthgen.engine.audit.promises import audit_promises
from synthgen.engine.changes.admit import ASKED_BEFORE_KEY
from synthgen.engine.changes.recall import recall_prepared
from synthgen.engine.judging.commit import judge_among_accepted
from synthgen.engine.judging.deduplicators import make_deduplicators
from synthgen.engine.judging.evaluate import Judged, PoolJudge, RowJudge, row_judge
from synthgen.engine.judging.pools import as_candidate, as_vector, assemble, stack, vectors_by_label
from synthgen.engine.planning.prepared import PreparedJob, SlotMaker
from synthgen.engine.planning.sources import Sources, load_sources
from synthgen.engine.planning.stage_journals import found_stage_dirs
from synthgen.errors import JobError, JournalError
from synthgen.identity import content_id, row_id
from synthgen.journal import ENCODER_KEY, Journal, StoredRow, StoredSlot, vector_digests
from synthgen.records import Completion, Draft, Nearest, Prompt, Reason, Rejection, Request, Slot, Source


def verify_run(run_dir: Path) -> Findings:
    """Check the journal of a run.

    Raises:
        JournalError: There is no run, or its file cannot be opened at all.
    """
    findings = Findings()
    before: Path | None = None
    for folder in found_stage_dirs(run_dir):
        _verify_stage(folder, before, findings)
        if not findings.is_clean and findings.has_damage:
            return findings
        before = folder
    return findings


def _verify_stage(folder: Path, before: Path | None, findings: Findings) -> None:
    """Check the journal of one stage, and with it that its slots follow from what the stage before accepted."""
    with contextlib.ExitStack() as stack:
        journal = stack.enter_context(contextlib.closing(Journal.read(folder)))
        stack.enter_context(journal.snapshot())
        findings.checked["pages"] += journal.page_count()
        for problem in journal.integrity_problems(at_most=MAX_SHOWN):
            findings.differ("file", "", problem, "a sound page")
            findings.has_damage = True
        if findings.has_damage:
            findings.skipped.append("everything but the file: what a damaged file says of its rows proves nothing")
            return
        prepared = _recalled(journal, findings)
        sources = None
        if before is not None and prepared is not None and prepared.upstream is not None:
            sources = Sources(prepared.targets, copies=prepared.stage.copies)
            with contextlib.closing(Journal.read(before)) as feeding:
                for source in load_sources(feeding, prepared.targets):
                    sources.add(source)
        _Verifier(journal, prepared, sources, findings).run()
        if prepared is not None and (prepared.is_last or len(prepared.targets) == 1):
            audit_promises(journal, prepared, findings)


def _recalled(journal: Journal, findings: Findings) -> PreparedJob | None:
    try:
        return recall_prepared(journal)
    except (JobError, JournalError) as error:
        findings.skipped.append(f"slot ids and decisions, which follow from the job and its data: {error.message}")
        return None


class _Verifier:
    """Walks the slots once, in commit order."""

    def __init__(
        self, journal: Journal, prepared: PreparedJob | None, sources: Sources | None, findings: Findings
    ) -> None:
        self._journal, self._findings, self._sources = journal, findings, sources
        self._is_last = prepared is None or prepared.is_last
        meta = journal.meta()
        self._targets: Mapping[str, int] = orjson.loads(meta["targets"])
        self._asked_before = int(meta.get(ASKED_BEFORE_KEY, journal.last_answer()))
        self._next: dict[str, int] = {}
        self._failed: dict[str, set[int]] = {}
        self._deriver = _deriver(journal, prepared, sources, findings) if prepared is not None else None

    def run(self) -> None:
        for slot in self._journal.slots():
            self._look_at(slot)
        self._look_at_unjudged()
        if strays := self._journal.stray_decisions():
            self._findings.differ("order", "", f"{strays:,} items of no slot", "none")
        for label, count in self._journal.accepted_counts().items():
            target = self._targets.get(label, 0)
            if count > target and self._is_last:
                self._findings.notes.append(
                    f"class '{label}': {count:,} rows accepted, {target:,} wanted: accepted under a higher target"
                )

    def _look_at(self, slot: StoredSlot) -> None:
        findings, name = self._findings, _name(slot.label, slot.ordinal)
        findings.checked["failed slots" if slot.is_failed else "answered slots"] += 1
        expected = self._next.get(slot.label, 0)
        if slot.ordinal != expected:
            findings.differ("order", name, f"slot {slot.ordinal} of its class", f"slot {expected}")
        self._next[slot.label] = slot.ordinal + 1
        self._look_at_rows(slot, name)
        completions = self._journal.completions(slot.label, slot.ordinal)
        if slot.is_failed:
            if slot.ordinal not in self._failed_ordinals(slot.label):
                findings.differ("failure", name, "given up", "no failure stands behind it")
            self._look_at_slot_id(slot.label, slot.ordinal, slot.slot_id, has_answer=bool(completions))
            return
        if not completions:
            findings.differ("answer", name, "judged", "there is no answer to judge")
            if self._deriver is not None:
                self._deriver.follow_recorded(slot.rows)
            return
        for completion in completions:
            if completion.slot_id != slot.slot_id:
                findings.differ("slot id", name, slot.slot_id, f"{completion.slot_id}, says its answer")
        self._look_at_slot_id(slot.label, slot.ordinal, slot.slot_id, has_answer=True)
        if self._deriver is not None:
            self._deriver.compare(slot, completions[-1], name)

    def _look_at_rows(self, slot: StoredSlot, name: str) -> None:
        for row in slot.rows:
            self._findings.checked["row ids"] += 1
            derived = row_id(slot.slot_id, row.item)
            if row.row_id != derived:
                self._findings.differ("row id", name, row.row_id, derived, item=row.item)
            if row.label != slot.label:
                self._findings.differ("text", name, f"class {row.label}", f"class {slot.label}", item=row.item)

    def _failed_ordinals(self, label: str) -> set[int]:
        if label not in self._failed:
            self._failed[label] = set(self._journal.undecided(label, since=0)[1])
        return self._failed[label]

    def _look_at_unjudged(self) -> None:
        """Answers that wait for their turn, or that nobody needs: their slot ids too must follow from the job."""
        for label in self._targets:
            answered, _ = self._journal.undecided(label, since=self._next.get(label, 0))
            for ordinal in answered:
                self._findings.checked["answers not judged"] += 1
                slot_id = self._journal.completions(label, ordinal)[0].slot_id
                self._look_at_slot_id(label, ordinal, slot_id, has_answer=True)

    def _look_at_slot_id(self, label: str, ordinal: int, recorded: str, *, has_answer: bool) -> None:
        if self._deriver is None:
            return
        number = self._journal.answer_number(label, ordinal) if has_answer else None
        derived = None
        if self._sources is not None and ordinal >= self._sources.available(label):
            self._findings.differ("slot id", _name(label, ordinal), recorded, "no row of the stage before")
            return
        if number is None or number > self._asked_before:
            derived = self._deriver.slot_id(label, ordinal)
        if derived is None:
            self._findings.checked["slots asked under an earlier job"] += 1
            return
        self._findings.checked["slot ids"] += 1
        if recorded != derived:
            self._findings.differ("slot id", _name(label, ordinal), recorded, derived)


class _Deriver:
    """Makes slots and decisions again from the job, the data and the answers.

    Args:
        prepared: The run's job.
        slots: Makes slots.
        judge: The row judge.
        pools: The pool judge, which knows the real rows and no accepted ones yet.
        sources: What the stage before accepted; None for a first stage.
        findings: Collects differences.
    """

    def __init__(
        self,
        prepared: PreparedJob,
        slots: SlotMaker,
        judge: RowJudge,
        pools: PoolJudge,
        sources: Sources | None,
        findings: Findings,
    ) -> None:
        self._prepared, self._slots, self._judge, self._pools = prepared, slots, judge, pools
        self._sources, self._findings = sources, findings
        self._by_id: dict[str, dict[str, Source]] = {}
        self._train_rows = {row.id: row for row in prepared.train.rows}

    def slot_id(self, label: str, ordinal: int) -> str | None:
        """The id a slot has under the job; None for a class that it no longer asks for."""
        return self._slots.make(label, ordinal).id if label in self._prepared.targets else None

    def compare(self, slot: StoredSlot, completion: Completion, name: str) -> None:
        """Judge one slot's answer anew and compare each item."""
        asked = self._as_asked(completion)
        if asked is None:
            self._findings.differ("row", name, completion.draft.get("source"), "not accepted by the stage before")
            self.follow_recorded(slot.rows)
            return
        evaluated, _ = self._judge.judge(asked, completion)
        if len(evaluated.items) != len(slot.rows):
            self._findings.differ("items", name, f"{len(slot.rows)} items", f"{len(evaluated.items)} in its answer")
            self.follow_recorded(slot.rows)
            return
        (evaluated,) = self._pools.judge_texts([evaluated])
        vectors = [row.vector for row, item in zip(slot.rows, evaluated.items, strict=True) if item.rejection is None]
        kept = {d: v for d, v in zip(vector_digests(evaluated.surviving_texts), vectors, strict=True) if v is not None}
        if self._pools.encoder is not None and len(kept) < len(vectors):
            lacking = f"{len(vectors) - len(kept)} items without a vector"
            self._findings.differ("vector", name, lacking, "one for each item that was encoded")
            self.follow_recorded(slot.rows)
            return
        try:
            judged = self._pools.judge(evaluated, kept)
        except _NotRecordedError as lacking:
            self._findings.differ(
                "vector", name, f"none of {str(lacking)!r}", "one of each text that rows were made from"
            )
            self.follow_recorded(slot.rows)
            return
        for row, item in zip(slot.rows, judged.items, strict=True):
            self._compare_item(row, item, name)

    def follow_recorded(self, rows: Sequence[StoredRow]) -> None:
        """Take accepted rows as they are recorded, so that later ones are judged as they were."""
        for row in rows:
            if row.reason is None and (row.vector is not None or self._pools.encoder is None):
                self._pools.dedups.accepted(row.label).accept(as_candidate(row), as_vector(row.vector))

    def _compare_item(self, row: StoredRow, item: Judged, name: str) -> None:
        self._findings.checked["decisions"] += 1
        accepted = self._pools.dedups.accepted(row.label)
        rejection, nearest, _ = judge_among_accepted(accepted, item)
        if row.reason is None:
            accepted.accept(item.candidate, item.vector)
        if row.text != item.candidate.text or row.fields != item.candidate.fields:
            self._findings.differ("text", name, row.text, item.candidate.text, item=row.item)
        recorded = None if row.reason == Reason.SURPLUS else row.reason
        derived = None if rejection is None else str(rejection.reason)
        if recorded != derived:
            self._findings.differ("decision", name, row.reason or "accepted", derived or "accepted", item=row.item)
            return
        is_nearest_same = _nearest_facts(row.nearest) == _facts(nearest) or self._has_reported_limits(row, nearest)
        if not is_nearest_same or _duplicate_of(row.evidence) != _duplicate_of_row(rejection):
            before = _nearest_facts(row.nearest) + _duplicate_of(row.evidence)
            after = _facts(nearest) + _duplicate_of_row(rejection)
            self._findings.differ("nearest", name, before, after, item=row.item)

    def _has_reported_limits(self, row: StoredRow, nearest: Nearest | None) -> bool:
        """Whether it names a nearest row so far away that it is not looked for any more."""
        return (
            nearest is None and bool(row.nearest) and row.nearest["similarity"] < self._pools.dedups.real.nearest_from
        )

    def _as_asked(self, completion: Completion) -> Slot | None:
        """What of a slot its judging needs, from what the answer recorded of it; None where its row is not there."""
        prepared, label = self._prepared, completion.label
        draft = prepared.draft_as_asked(
            Draft(label, completion.ordinal, (), {}, 0, 0), completion.draft, self._train_rows
        )
        if prepared.upstream is not None:
            source = self._source(label, completion.draft.get("source"))
            if source is None:
                return None
            draft = draft._replace(source=source)
        prompt = Prompt(output=prepared.template.meta.output)
        return Slot(completion.slot_id, draft, Request(prompt, {}))

    def _source(self, label: str, row: object) -> Source | None:
        if label not in self._by_id:
            self._by_id[label] = self._sources.by_id(label) if self._sources is not None else {}
        return self._by_id[label].get(str(row))


class _NotRecordedError(LookupError):
    """A decision rests on a vector that the journal does not hold."""


class _Recorded:
    """Stands for the encoder whose vectors the journal holds; makes none itself."""

    def __init__(self, identity: str, dimensions: int) -> None:
        self.identity, self.dimensions = identity, dimensions

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        raise _NotRecordedError(texts[0])


def _deriver(journal: Journal, prepared: PreparedJob, sources: Sources | None, findings: Findings) -> _Deriver | None:
    """Everything that decisions follow from, without loading a model; None where vectors of real rows are missing."""
    judge = row_judge(prepared)
    if not prepared.needs_encoder:
        slots = prepared.slot_maker(None, sources)
        pools = assemble(prepared, make_deduplicators(prepared, None), None, None, None, {})
        return _Deriver(prepared, slots, judge, pools, sources, findings)
    identity = journal.meta().get(ENCODER_KEY, "")
    stored = journal.vectors(identity)
    train, test = prepared.train.rows, prepared.test.rows if prepared.test else ()
    lacking = [row.id for row in (*train, *test) if content_id(row.text) not in stored]
    if lacking:
        if journal.committed_counts():
            findings.differ("vector", "", f"none of real row {lacking[0]}", f"one of each ({len(lacking):,} lack)")
        findings.skipped.append("slot ids and decisions: the vectors of the real rows are not all there")
        return None
    dimensions = len(next(iter(stored.values()))) // np.dtype(np.float16).itemsize
    train_vectors, test_vectors = stack(train, stored, dimensions), stack(test, stored, dimensions)
    dedups = make_deduplicators(prepared, dimensions)
    pools = assemble(prepared, dedups, _Recorded(identity, dimensions), train_vectors, test_vectors, stored)
    vectors = vectors_by_label(prepared, train_vectors) if prepared.needs_vectors_to_plan else None
    return _Deriver(prepared, prepared.slot_maker(vectors, sources), judge, pools, sources, findings)


def _name(label: str, ordinal: int) -> str:
    return f"{label or 'rows'} slot {ordinal}"


def _nearest_facts(nearest: Mapping[str, object]) -> list[object]:
    return [nearest[name] for name in ("id", "similarity", "pool")] if nearest else []


def _facts(nearest: Nearest | None) -> list[object]:
    return [] if nearest is None else [nearest.id, nearest.similarity, nearest.pool]


def _duplicate_of(evidence: Mapping[str, object]) -> list[object]:
    """The row that a rejected one repeats, and how near it is."""
    return [evidence[name] for name in ("id", "similarity") if name in evidence]


def _duplicate_of_row(rejection: Rejection | None) -> list[object]:
    return [] if rejection is None else _duplicate_of(rejection.evidence)
