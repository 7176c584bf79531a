"""Answers that earlier sessions paid for and did not judge, and the rows that some of them wait for."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from synthgen.engine.asking.retry import Tries
from synthgen.engine.asking.work import Work
from synthgen.engine.clock import loop_time
from synthgen.engine.judging.evaluate import EvaluatedSlot
from synthgen.engine.pipeline import Pipeline
from synthgen.engine.planning.prepared import SlotMaker
from synthgen.engine.planning.sources import Sources
from synthgen.engine.stop import Stop
from synthgen.engine.writer import JournalWriter
from synthgen.errors import JobError
from synthgen.records import Completion, Slot, Source

RELOAD_BATCH = 64


@dataclass(slots=True)
class OpenStage:
    """A stage whose slots can be made: an `AskedStage`."""

    pipeline: Pipeline
    slots: SlotMaker
    number: int
    groups: frozenset[int]
    writer: JournalWriter

    def take_slot(self) -> Slot | None:
        taken = self.pipeline.demand.take()
        return None if taken is None else self.slots.make(*taken)

    def is_open(self, label: str) -> bool:
        return self.pipeline.demand.classes[label].is_open

    def note_uncertain(self, slot: Slot) -> None:
        self.pipeline.demand.classes[slot.label].note_uncertain(slot.ordinal)

    def fail(self, slot: Slot) -> None:
        self.pipeline.add(EvaluatedSlot(slot, (), is_failed=True))


class EarlierAnswers:
    """Has them judged without a request, but for the next prompt to an unusable one.

    Args:
        pipeline: Of the stage; slots found in the journal are accounted for at once.
        sources: The rows that a later stage works on; None for a first stage.
        window: Slots that may wait in the pipeline.
        stop: Looked at while waiting.
    """

    def __init__(self, pipeline: Pipeline, sources: Sources | None, window: int, stop: Stop) -> None:
        self._pipeline, self._sources, self._window, self._stop = pipeline, sources, window, stop
        prepared, self._demand, self._writer = pipeline.prepared, pipeline.demand, pipeline.writer
        self._train_rows = {row.id: row for row in prepared.train.rows}
        self._parked = self._writer.journal.parked() if sources is not None else {}
        self._incoming: deque[Source] = deque()
        self._stored = self._find()

    def _find(self) -> list[tuple[int, str, int, bool]]:
        """Slots that have an answer or a final failure but no decision: place, class, ordinal, is failed."""
        found: list[tuple[int, str, int, bool]] = []
        order = self._pipeline.prepared.order
        for label, account in self._demand.classes.items():
            answered, failed = self._writer.journal.undecided(label, since=account.committed)
            fates = {**dict.fromkeys(answered, False), **dict.fromkeys(failed, True)}
            found += [(order.place(label, ordinal), label, ordinal, fate) for ordinal, fate in fates.items()]
            for ordinal in fates:
                account.note_stored(ordinal)
        return sorted(found)

    @property
    def is_taking_in(self) -> bool:
        """Whether received rows wait for their slots."""
        return bool(self._incoming)

    def receive(self, rows: Sequence[Source]) -> None:
        """Rows that the stage before accepted, in their order."""
        assert self._sources is not None
        if self._parked or self._incoming:
            self._incoming.extend(rows)
        else:
            for source in rows:
                self._add(self._sources, source)
        self._stop.changed.notify()

    async def judge(self, stage: OpenStage) -> None:
        """Judge what earlier sessions left, then take in rows as they come; for ever in a later stage."""
        sources = self._sources
        if sources is not None:
            await self._take_in(stage, sources)
        await self._reload(stage)
        while sources is not None:
            await self._take_in(stage, sources)
            await self._stop.changed.wait()

    def _add(self, sources: Sources, source: Source) -> None:
        sources.add(source)
        self._demand.tally.note(source.label)

    async def _take_in(self, stage: OpenStage, sources: Sources) -> None:
        """Make slots of received rows; where one was asked before its row lost its place, its answer is taken back."""
        while self._incoming:
            source, first = self._incoming[0], sources.available(self._incoming[0].label)
            taken = [first + copy for copy in range(sources.copies) if await self._take_back(source, first, copy)]
            self._add(sources, source)
            self._incoming.popleft()
            for ordinal in taken:
                completions = await self._writer.call(partial(self._writer.journal.completions, source.label, ordinal))
                self._judge_one(stage, source.label, ordinal, completions)
            self._stop.changed.notify()

    async def _take_back(self, source: Source, first: int, copy: int) -> bool:
        place = self._parked.pop((source.label, source.id, copy), None)
        if place is None:
            return False
        await self._writer.call(partial(self._writer.journal.take_back, source.label, place, first + copy))
        self._demand.classes[source.label].note_stored(first + copy)
        return True

    async def _reload(self, stage: OpenStage) -> None:
        """Judge what the journal held when the session began, as fast as the pipeline takes it."""
        for start in range(0, len(self._stored), RELOAD_BATCH):
            batch = [s for s in self._stored[start : start + RELOAD_BATCH] if stage.is_open(s[1])]
            while self._pipeline.waiting > self._window and not self._stop.is_set:
                await self._stop.changed.wait()
            slots = [(label, ordinal) for _, label, ordinal, _ in batch]
            answers = await self._writer.call(partial(self._read, slots))
            for (_, label, ordinal, is_failed), completions in zip(batch, answers, strict=True):
                if not self._judge_one(stage, label, ordinal, () if is_failed else completions):
                    return

    def _read(self, slots: Sequence[tuple[str, int]]) -> list[list[Completion]]:
        return [self._writer.journal.completions(*slot) for slot in slots]

    def _judge_one(self, stage: OpenStage, label: str, ordinal: int, completions: Sequence[Completion]) -> bool:
        """Judge what a slot has, no answer being a failure; False where it cannot be made, which ends the run."""
        try:
            slot = stage.slots.make(label, ordinal)
        except JobError as error:  # a template that fails for some slots only; calls may be out
            self._stop.fail(error)
            return False
        if not completions:
            stage.fail(slot)
            return True
        last = completions[-1]
        if slot.id != last.slot_id:  # asked before the job changed: with its old id, seeds and attributes
            draft = self._pipeline.prepared.draft_as_asked(slot.draft, last.draft, self._train_rows)
            slot = slot._replace(id=last.slot_id, draft=draft)
        self._pipeline.judge([(Work(stage, slot, last.step, slot.request, Tries(loop_time())), last)])
        return True
