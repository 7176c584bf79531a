"""The way of an answer from the journal to an accepted row: `STEPS`, in order, by name.

    answer -> durable -> parsed -> checked ~> encoded ~> deduplicated -> committed ~> passed on
    `->` at once, `~>` when what the next step waits for has come

A `Pipeline` runs these steps for the answers of one stage; nothing else does. Steps that follow each other at once take
the same batch, one step after the other over all of it: up to 32 answers of one commit, one slot whose turn has come.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeAlias

from synthgen.engine.asking.dispatch import Dispatcher
from synthgen.engine.asking.work import Call, Work
from synthgen.engine.events import Observer
from synthgen.engine.judging.commit import Committer, Decided, Turn
from synthgen.engine.judging.encoding_meter import EncodingMeter
from synthgen.engine.judging.evaluate import EvaluatedSlot, ParsedAnswers, PoolJudge, RowJudge, is_any_readable
from synthgen.engine.planning.demand import Demand, first_wave_of
from synthgen.engine.planning.prepared import PreparedJob
from synthgen.engine.stop import Stop
from synthgen.engine.writer import Durable, JournalWriter
from synthgen.journal import CommittedSlot, vector_digests
from synthgen.records import Completion, Slot, Source

POOL_BATCH, ENCODED_BATCH = 64, 16
REPROMPTED_FIRST = 2
Answered: TypeAlias = tuple[Work, Completion]


class Receiver(Protocol):
    """The stage that works on what another accepts."""

    def receive(self, rows: Sequence[Source]) -> None:
        """Take in accepted rows, in their order."""
        ...


class Pipeline:
    """The answers of one stage on their way.

    Args:
        prepared: The stage.
        row_judge: Parses answers and runs the checks that need nothing but the row.
        demand: The classes' accounts.
        writer: Of the stage's journal.
        dispatcher: Settles calls and asks again; None where nothing is asked: what the journal holds is judged.
        following: Works on what is accepted; None for the last stage.
        stop: Looked at before anything is asked again.
        observe: Receives events about rows and slots.

    Attributes:
        meter: Adds up what the encoder did.
    """

    def __init__(
        self,
        prepared: PreparedJob,
        row_judge: RowJudge,
        demand: Demand,
        writer: JournalWriter,
        *,
        dispatcher: Dispatcher | None,
        following: Receiver | None,
        stop: Stop,
        observe: Observer,
    ) -> None:
        self.prepared, self.demand, self.writer = prepared, demand, writer
        self._row_judge, self._dispatcher = row_judge, dispatcher
        self._max_reprompts, self._order = prepared.job.retry.max_reasks, prepared.order
        self._first_wave = first_wave_of(prepared.job)
        self._following, self._stop = following, stop
        self._committer = Committer(demand=demand, writer=writer, observe=observe, passes_on=following is not None)
        self.meter = EncodingMeter(writer, observe)
        self._pools: PoolJudge
        self._thread: ThreadPoolExecutor
        self._has_kept_vectors = writer.journal.has_row_vectors()
        self._evaluated: list[tuple[int, EvaluatedSlot]] = []
        self._steps = follow_at_once(STEPS)

    # --- the ways in ---------------------------------------------------------------------------------------------

    def report(self, durable: Sequence[Durable]) -> None:
        """Take in what a commit of the journal made durable."""
        calls = [(write, about) for write, about in durable if isinstance(about, Call)]
        if calls:
            self._run("durable", calls)
        if len(calls) < len(durable):
            self._run("passed on", [write for write, _ in durable if isinstance(write, CommittedSlot)])

    def judge(self, answers: Sequence[Answered]) -> None:
        """Judge answers that are durable and settled: also what earlier sessions left."""
        self._run("parsed", answers)

    def add(self, evaluated: EvaluatedSlot) -> None:
        """Have a slot judged further: one whose rows were checked, or one that failed permanently."""
        slot = evaluated.slot
        self.demand.classes[slot.label].note_evaluated(slot.ordinal, evaluated.survivors)
        heapq.heappush(self._evaluated, (self._order.place(slot.label, slot.ordinal), evaluated))
        self._stop.changed.notify()

    @property
    def waiting(self) -> int:
        """Slots checked and not yet committed: they take memory."""
        return len(self._evaluated) + self._committer.waiting

    def open(self, pools: PoolJudge, thread: ThreadPoolExecutor) -> None:
        """Have ready what rows are compared with; before that answers come as far as `checked`.

        Args:
            pools: The real rows, and the accepted rows of earlier sessions.
            thread: Where encoding happens.
        """
        self._pools, self._thread = pools, thread
        self.meter.begin(pools.encoder)

    async def encode_for_ever(self) -> None:
        """Have checked slots encoded and compared with the real rows, those that are judged first first."""
        max_batch = POOL_BATCH if self._pools.encoder is None else ENCODED_BATCH
        while True:
            batch = [heapq.heappop(self._evaluated)[1] for _ in range(min(max_batch, len(self._evaluated)))]
            if not batch:
                await self._stop.changed.wait()
                continue
            await self._run("encoded", [e for e in batch if self.demand.classes[e.slot.label].is_open])
            self._stop.changed.notify()

    def close_exhausted(self) -> None:
        """Let the classes stall for which the stage before brings no more rows."""
        self._committer.close_exhausted()

    async def commit_ready(self) -> int:
        """Judge the slots whose turn has come against what is accepted, some of them; how many there were."""
        return await self._committer.commit_ready(self._pools.dedups.accepted, partial(self._run, "deduplicated"))

    def _run(self, name: str, batch: Any) -> Any:
        """Run a step, and those that follow it at once."""
        for step in self._steps[name]:
            batch = step.work(self, batch)
        return batch

    # --- the steps -----------------------------------------------------------------------------------------------

    def settle(self, calls: Sequence[tuple[Any, Call]]) -> list[Answered]:
        """Settle calls whose outcome is durable, which frees their concurrency slots; the answers among them."""
        assert self._dispatcher is not None
        answers: list[Answered] = []
        for write, call in calls:
            if isinstance(write, Completion):
                self._dispatcher.outcomes.settle_answer(call, write)
                answers.append((call.work, write))
            else:
                self._dispatcher.outcomes.settle_failure(call)
        return answers

    def parse(self, answers: Sequence[Answered]) -> tuple[Sequence[Answered], ParsedAnswers]:
        """Make rows of the items of answers."""
        return answers, self._row_judge.parse_each([(work.slot, completion) for work, completion in answers])

    def check(self, batch: tuple[Sequence[Answered], ParsedAnswers]) -> None:
        """Run the row checks; an answer without a usable item is asked again where that is allowed."""
        answers, parsed = batch
        for (work, completion), (evaluated, complaint) in zip(answers, self._row_judge.check_each(parsed), strict=True):
            slot = evaluated.slot
            account = self.demand.classes[slot.label]
            account.note_read(slot.ordinal)
            if not account.has_readable and is_any_readable([item.rejection for item in evaluated.items]):
                account.note_readable()
            if complaint is None or not self._may_reprompt(slot, completion):
                self.add(evaluated._replace(answers=completion.step + 1) if completion.step else evaluated)
            elif self._dispatcher is not None and not self._stop.is_set:
                self._dispatcher.queue.reprompt(work, completion.text, complaint)
            else:  # judged as it is, it would stand where an undisturbed run has the answer to the next prompt
                account.note_withdrawn(slot.ordinal)
                self._stop.changed.notify()

    def _may_reprompt(self, slot: Slot, completion: Completion) -> bool:
        """Whether an answer without a usable item may be asked for again. Of a class's first slots only two are: where
        nothing can be read at all, asking each again would only double what that costs."""
        if not slot.request.prompt.messages or completion.step >= self._max_reprompts:
            return False
        return self._first_wave is None or not REPROMPTED_FIRST <= slot.ordinal < self._first_wave

    async def encode(self, slots: Sequence[EvaluatedSlot]) -> None:
        """Encode the rows that passed, and compare them with the real rows; then they wait for their turn."""
        passed = [evaluated for evaluated in slots if evaluated.survivors]
        judged = iter(await self.meter.judge(self._pools, passed, await self._kept_vectors(passed), self._thread))
        for entry in self._pools.likeness.take_new() if self._pools.likeness is not None else ():
            self.writer.queue(entry)
        for evaluated in slots:
            final = next(judged) if evaluated.survivors else evaluated
            account = self.demand.classes[evaluated.slot.label]
            if evaluated.slot.ordinal in account.waiting:
                account.note_evaluated(evaluated.slot.ordinal, final.survivors)
            self._committer.add(final)

    async def _kept_vectors(self, slots: Sequence[EvaluatedSlot]) -> Mapping[str, bytes]:
        """What an earlier judging of these slots encoded."""
        encoder = self._pools.encoder
        if not self._has_kept_vectors or encoder is None:
            return {}
        encoded = [evaluated.surviving_texts for evaluated in self._pools.judge_texts(slots)]
        digests = [digest for texts in encoded for digest in vector_digests(texts)]
        return await self.writer.call(lambda: self.writer.journal.row_vectors(encoder.identity, digests))

    def deduplicate(self, turn: Turn) -> Decided:
        """Decide on the rows of a slot whose turn has come, by everything accepted before it."""
        return self._committer.decide(turn)

    def commit(self, decided: Decided) -> None:
        """Have decisions written down; what follows from them for its class follows at once."""
        self._committer.commit(decided)

    def pass_on(self, slots: Sequence[CommittedSlot]) -> None:
        """Hand accepted rows that are durable to the next stage."""
        assert self._following is not None
        kept = (d.candidate for slot in slots for d in slot.decisions if d.rejection is None)
        self._following.receive([Source(c.id, c.text, c.label, c.fields) for c in kept])


class Step(NamedTuple):
    """One step of the way.

    Attributes:
        name: What an answer, or its rows, is after it.
        work: Does it: takes the pipeline and a batch, gives what the next step takes.
        waits_for: What has to come before it; empty where it follows at once.
    """

    name: str
    work: Callable[[Pipeline, Any], Any]
    waits_for: str = ""


STEPS = (
    Step("durable", Pipeline.settle, waits_for="a commit of the journal"),
    Step("parsed", Pipeline.parse),
    Step("checked", Pipeline.check),
    Step("encoded", Pipeline.encode, waits_for="the encoder's thread"),
    Step("deduplicated", Pipeline.deduplicate, waits_for="its turn in slot order"),
    Step("committed", Pipeline.commit),
    Step("passed on", Pipeline.pass_on, waits_for="a commit of the journal"),
)


def follow_at_once(steps: Sequence[Step]) -> dict[str, tuple[Step, ...]]:
    """By each step's name: it, and those that follow it without waiting."""
    found: dict[str, tuple[Step, ...]] = {}
    following: tuple[Step, ...] = ()
    for step in reversed(steps):
        found[step.name] = (step, *following)
        following = () if step.waits_for else found[step.name]
    return found
