"""One stage at work: what is asked of it, its journal, its judges, and the rows it passes on.

    dispatcher -> journal -> row judge -> pool judge (own thread) -> committer -> next stage runner's sources
                     ^------------------- reload (what earlier sessions left undecided)

A run of one stage has one stage runner. Lanes share endpoints, budget and the encoder's thread; each has a journal of
its own.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import anyio

from synthgen.engine.asking.dispatch import Dispatcher, Work
from synthgen.engine.asking.retry import Tries
from synthgen.engine.clock import loop_time
from synthgen.engine.events import ClassStarved, Observer
from synthgen.engine.judging.commit import Committer
from synthgen.engine.judging.encoding_meter import EncodingMeter
from synthgen.engine.judging.evaluate import EvaluatedSlot, PoolJudge, RowJudge
from synthgen.engine.judging.pools import EncoderRoom, PoolBuilder, vectors_by_label
from synthgen.engine.planning.demand import Allowance, ClassDemand, Demand, FeedingDemand
from synthgen.engine.planning.prepared import PreparedJob, SlotMaker
from synthgen.engine.planning.sources import Sources
from synthgen.engine.signal import Signal
from synthgen.engine.stop import Stop
from synthgen.engine.writer import JournalWriter
from synthgen.errors import JobError
from synthgen.journal import WritableJournal, vector_digests
from synthgen.records import Candidate, Completion, Slot, Source

RELOAD_BATCH = 64
POOL_BATCH, ENCODED_BATCH = 64, 16


class StageRunner:
    """Asks, judges and commits for one stage.

    Args:
        prepared: The stage.
        journal: Its journal, open for writing.
        row_judge: Its row judge.
        window: Slots that may be asked ahead of the one judged next.
        allowance: Slots that may still be asked, over all stage runners.
        sources: The rows it works on; None for a first stage. Those that the stage before accepted so far are in it.
        stop: Told when the run cannot go on.
        changed: Notified whenever anything that others wait for has changed.
        observe: Told of everything.
        is_offline: Whether nothing is asked: what the journal holds is judged until a slot has no answer.
    """

    def __init__(
        self,
        prepared: PreparedJob,
        journal: WritableJournal,
        row_judge: RowJudge,
        *,
        window: int,
        allowance: Allowance,
        sources: Sources | None,
        stop: Stop,
        changed: Signal,
        observe: Observer,
        is_offline: bool,
    ) -> None:
        self.prepared, self.journal, self.sources = prepared, journal, sources
        self.number = prepared.number
        self._row_judge, self._observe = row_judge, observe
        self._order, self._window = prepared.order, window
        self._stop, self._changed, self._is_offline = stop, changed, is_offline
        self.writer = JournalWriter(journal)
        self.writer.on_committed = self._judge_arrived
        if is_offline or allowance.left < float("inf"):
            self.writer.on_idle = changed.notify  # what was committed last may be what others wait for
        self.demand = Demand(self._order, self._accounts(), window=window, most=allowance, is_ordered=prepared.is_last)
        self.next: StageRunner | None = None
        self.slots: SlotMaker
        self._has_kept_vectors = journal.has_row_vectors()
        self._parked = journal.parked() if sources is not None else {}
        self._incoming: deque[Source] = deque()
        self._stored = self._stored_slots()
        self._train_rows = {row.id: row for row in prepared.train.rows}
        self._arrived: list[tuple[Work, Completion]] = []
        self._unjudged: list[tuple[int, EvaluatedSlot]] = []
        self._dispatcher: Dispatcher | None = None
        self._committer: Committer | None = None

    def _accounts(self) -> Mapping[str, ClassDemand]:
        """The classes' accounts, as earlier sessions left them."""
        prepared, starvation = self.prepared, self.prepared.job.starvation
        make = ClassDemand if prepared.is_last else FeedingDemand
        accepted, committed = self.journal.accepted_counts(), self.journal.committed_counts()
        accounts = {}
        for label, target in prepared.targets.items():
            account = make(label, target, prepared.items, starvation, sources=self.sources)
            account.resume(
                accepted=accepted.get(label, 0),
                committed=committed.get(label, 0),
                recent=self.journal.recent_yields(label, last=starvation.patience),
            )
            accounts[label] = account
        return accounts

    def feed(self, following: StageRunner) -> None:
        """Let `following` work on what this stage runner accepts, and this stage runner bring what that one needs."""
        self.next = following
        for label, account in self.demand.classes.items():
            fed = following.demand.classes[label]
            fed.feeder = account
            if isinstance(account, FeedingDemand):
                account.fed, account.copies = fed, following.prepared.stage.copies
        following.demand.on_change = self.demand.reconsider

    # --- working -----------------------------------------------------------------------------------------------

    def close_stalled(self) -> None:
        """Do not ask again for a class that an earlier session gave up, unless the job now has more patience."""
        for account in list(self.demand.open_classes()):
            if account.has_stalled():
                account.is_stalled = True
                recent = account.recent
                self._observe(ClassStarved(account.label, account.accepted, account.target, len(recent), sum(recent)))

    async def work(
        self,
        room: EncoderRoom,
        tasks: anyio.abc.TaskGroup,
        start_asking: Callable[[StageRunner], None],
        is_over: Callable[[], bool],
    ) -> None:
        """Build the judges, have slots asked, and judge and commit until nothing is left to do or the run stops.

        Args:
            room: The encoder and the thread it works on.
            tasks: Where what goes on beside it runs.
            start_asking: Called once slots can be made.
            is_over: Asked where nothing can be judged: whether nothing will come any more.
        """
        builder = PoolBuilder(self.prepared, self.writer, room, self._observe)
        if self.prepared.needs_vectors_to_plan:
            pools = await self._build_unless_stopped(builder)
            if pools is not None:
                assert builder.train_vectors is not None
                vectors = vectors_by_label(self.prepared, builder.train_vectors)
                self._begin(self.prepared.slot_maker(vectors, self.sources), tasks, start_asking)
        else:
            self._begin(self.prepared.slot_maker(None, self.sources), tasks, start_asking)
            pools = await self._build_unless_stopped(builder)
        if pools is not None:
            await self._commit(pools, room.thread, tasks, is_over)

    def _begin(self, slots: SlotMaker, tasks: anyio.abc.TaskGroup, start_asking: Callable[[StageRunner], None]) -> None:
        self.slots = slots
        tasks.start_soon(self._look_back)
        if not self._is_offline:
            start_asking(self)

    def warm_up(self) -> None:
        """Have the row checks' rules ready. Blocking; in any thread."""
        self._row_judge.warm_up()

    def serve_by(self, dispatcher: Dispatcher) -> None:
        """From now on answers can be asked again."""
        self._dispatcher = dispatcher

    async def _build_unless_stopped(self, builder: PoolBuilder) -> PoolJudge | None:
        """Build the pools while requests are out; None where the run was stopped first."""
        pools: PoolJudge | None = None

        async def build() -> None:
            nonlocal pools
            try:
                pools = await builder.build()
            except JobError as error:
                self._stop.fail(error)
            self._changed.notify()

        async with anyio.create_task_group() as building:
            building.start_soon(build)
            while pools is None and not self._stop.is_set:
                await self._changed.wait()
            building.cancel_scope.cancel()
        return pools

    async def _commit(
        self, pools: PoolJudge, thread: ThreadPoolExecutor, tasks: anyio.abc.TaskGroup, is_over: Callable[[], bool]
    ) -> None:
        """Judge and commit until every class is done or the run is stopped."""
        self._committer = Committer(
            demand=self.demand,
            dedup=pools.dedups.accepted,
            writer=self.writer,
            observe=self._observe,
            pass_on=self._pass_on if self.next is not None else None,
        )
        meter = EncodingMeter(pools.encoder, self.writer, self._observe)
        tasks.start_soon(self._judge_pools, pools, self._committer, thread, meter)
        await self._commit_until_done(is_over)
        await meter.tell(at_last=True)

    async def _commit_until_done(self, is_over: Callable[[], bool]) -> None:
        assert self._committer is not None
        while not self._stop.is_set:
            if await self._committer.commit_ready():
                self._changed.notify()
                await anyio.lowlevel.checkpoint()
                continue
            self._committer.close_exhausted()
            if self.demand.head() is None or is_over():
                return
            await self._changed.wait()

    async def commit_rest(self) -> None:
        """Judge what still came while the run was ending."""
        while self._committer is not None and await self._committer.commit_ready():
            pass

    def is_stuck(self) -> bool:
        """Whether nothing can be judged here before something is asked, and nothing is on its way to the next stage."""
        is_done = self.demand.head() is None or self.demand.is_stuck()
        return is_done and not self._incoming and self.writer.is_idle

    # --- what the dispatcher asks of it ---------------------------------------------------------------------------

    def take_slot(self) -> Slot | None:
        """The next slot worth asking, now counted as on its way; None where enough is."""
        taken = self.demand.take()
        return None if taken is None else self.slots.make(*taken)

    def is_open(self, label: str) -> bool:
        """Whether rows of a class are still wanted."""
        return self.demand.classes[label].is_open

    def note_uncertain(self, slot: Slot) -> None:
        """Account for a slot that may never be answered."""
        self.demand.classes[slot.label].note_uncertain(slot.ordinal)

    # --- answers -----------------------------------------------------------------------------------------------

    def on_answer(self, work: Work, completion: Completion) -> None:
        """Take in a durable answer; those that came with it are judged together."""
        self._arrived.append((work, completion))

    def on_failed(self, slot: Slot) -> None:
        """Take in a slot that failed permanently."""
        self._add_evaluated(EvaluatedSlot(slot, (), is_failed=True))

    def _judge_arrived(self) -> None:
        arrived, self._arrived = self._arrived, []
        verdicts = self._row_judge.judge_each([(work.slot, completion) for work, completion in arrived])
        for (work, completion), (evaluated, complaint) in zip(arrived, verdicts, strict=True):
            self._add_or_retry(work, completion, evaluated, complaint)

    def _add_or_retry(
        self, work: Work, completion: Completion, evaluated: EvaluatedSlot, complaint: str | None
    ) -> None:
        slot = evaluated.slot
        can_reprompt = slot.request.prompt.messages and completion.step < self.prepared.job.retry.max_reasks
        self.demand.classes[slot.label].note_read(slot.ordinal)
        if complaint is None or not can_reprompt:
            self._add_evaluated(evaluated)
        elif self._dispatcher is not None and not self._stop.is_set:
            self._dispatcher.reprompt(work, completion.text, complaint)
        else:  # judged as it is, it would stand where an undisturbed run has the answer to the re-ask
            self.demand.classes[slot.label].note_withdrawn(slot.ordinal)
            self._changed.notify()

    def _add_evaluated(self, evaluated: EvaluatedSlot) -> None:
        slot = evaluated.slot
        self.demand.classes[slot.label].note_evaluated(slot.ordinal, evaluated.survivors)
        heapq.heappush(self._unjudged, (self._order.place(slot.label, slot.ordinal), evaluated))
        self._changed.notify()

    async def _judge_pools(
        self, pools: PoolJudge, committer: Committer, thread: ThreadPoolExecutor, meter: EncodingMeter
    ) -> None:
        """Hand survivors to the encoder's thread, those that are judged first first."""
        loop = asyncio.get_running_loop()
        most = POOL_BATCH if pools.encoder is None else ENCODED_BATCH
        while True:
            batch = [heapq.heappop(self._unjudged)[1] for _ in range(min(most, len(self._unjudged)))]
            if not batch:
                await self._changed.wait()
                continue
            batch = [evaluated for evaluated in batch if self.demand.classes[evaluated.slot.label].is_open]
            alive = [evaluated for evaluated in batch if evaluated.survivors]
            kept = await self._kept_vectors(pools, alive)
            work = partial(meter.judge_all, pools, alive, kept)
            if pools.encoder is None:  # quick, and others have their turn in between
                judged = iter(work())
                await asyncio.sleep(0)
            else:
                judged = iter(await loop.run_in_executor(thread, work))
                await meter.tell()
            for entry in pools.likeness.take_new() if pools.likeness is not None else ():
                self.writer.queue(entry)
            for evaluated in batch:
                final = next(judged) if evaluated.survivors else evaluated
                account = self.demand.classes[evaluated.slot.label]
                if evaluated.slot.ordinal in account.waiting:
                    account.note_evaluated(evaluated.slot.ordinal, final.survivors)
                committer.land(final)
            self._changed.notify()

    async def _kept_vectors(self, pools: PoolJudge, alive: Sequence[EvaluatedSlot]) -> Mapping[str, bytes]:
        """What an earlier judging of these slots encoded."""
        encoder = pools.encoder
        if not self._has_kept_vectors or encoder is None:
            return {}
        encoded = [evaluated.surviving_texts for evaluated in pools.judge_texts_each(alive)]
        digests = [digest for texts in encoded for digest in vector_digests(texts)]
        return await self.writer.call(lambda: self.journal.row_vectors(encoder.identity, digests))

    # --- rows of the stage before ------------------------------------------------------------------------------

    def _pass_on(self, accepted: Sequence[Candidate]) -> None:
        """Hand durable rows to the next stage."""
        assert self.next is not None
        self.next.receive([Source(c.id, c.text, c.label, c.fields) for c in accepted])

    def receive(self, rows: Sequence[Source]) -> None:
        """Rows that the stage before accepted, in their order."""
        assert self.sources is not None
        if self._parked or self._incoming:
            self._incoming.extend(rows)
        else:
            for source in rows:
                self.sources.add(source)
                self.demand.reconsider(source.label)
        self._changed.notify()

    async def _take_in(self) -> None:
        """Make slots of received rows; where one was asked before its row lost its place, its answer is taken back."""
        sources = self.sources
        assert sources is not None
        while self._incoming:
            source, first = self._incoming[0], sources.available(self._incoming[0].label)
            taken = [first + copy for copy in range(sources.copies) if await self._take_back(source, first, copy)]
            sources.add(source)
            self._incoming.popleft()
            self.demand.reconsider(source.label)
            for ordinal in taken:
                completions = await self.writer.call(partial(self.journal.completions, source.label, ordinal))
                self._judge_stored(source.label, ordinal, completions, is_failed=False)
            self._changed.notify()

    async def _take_back(self, source: Source, first: int, copy: int) -> bool:
        place = self._parked.pop((source.label, source.id, copy), None)
        if place is None:
            return False
        await self.writer.call(partial(self.journal.take_back, source.label, place, first + copy))
        self.demand.classes[source.label].note_stored(first + copy)
        return True

    async def _take_in_for_ever(self) -> None:
        while True:
            await self._take_in()
            await self._changed.wait()

    # --- earlier sessions --------------------------------------------------------------------------------------

    def _stored_slots(self) -> list[tuple[int, str, int, bool]]:
        """Slots that have an answer or a final failure but no decision: place, class, ordinal, is failed."""
        found: list[tuple[int, str, int, bool]] = []
        for label, account in self.demand.classes.items():
            answered, failed = self.journal.undecided(label, since=account.committed)
            fates = {**dict.fromkeys(answered, False), **dict.fromkeys(failed, True)}
            found += [(self._order.place(label, ordinal), label, ordinal, fate) for ordinal, fate in fates.items()]
        for _, label, ordinal, _ in found:
            self.demand.classes[label].note_stored(ordinal)
        return sorted(found)

    async def _look_back(self) -> None:
        """Take up what earlier sessions left, then rows as they come."""
        if self.sources is not None:
            await self._take_in()
        await self._reload()
        if self.sources is not None:
            await self._take_in_for_ever()

    async def _reload(self) -> None:
        """Judge what earlier sessions paid for and did not judge. Asks for nothing but the re-ask a crash cut off."""
        for start in range(0, len(self._stored), RELOAD_BATCH):
            batch = [s for s in self._stored[start : start + RELOAD_BATCH] if self.demand.classes[s[1]].is_open]
            while self._backlog() > self._window and not self._stop.is_set:
                await self._changed.wait()
            answers = await self.writer.call(lambda b=batch: [self.journal.completions(x[1], x[2]) for x in b])  # type: ignore[misc]
            for (_, label, ordinal, is_failed), completions in zip(batch, answers, strict=True):
                if not self._judge_stored(label, ordinal, completions, is_failed=is_failed):
                    return

    def _judge_stored(self, label: str, ordinal: int, completions: Sequence[Completion], *, is_failed: bool) -> bool:
        """Judge an answer of an earlier session; False where its slot cannot be made, which ends the run."""
        try:
            slot = self.slots.make(label, ordinal)
        except JobError as error:  # a template that fails for some slots only; calls may be out
            self._stop.fail(error)
            return False
        if is_failed or not completions:
            self.on_failed(slot)
            return True
        last = completions[-1]
        slot = slot if slot.id == last.slot_id else self._as_asked(slot, last)
        work = Work(self, slot, last.step, slot.request, Tries(loop_time()))
        self._add_or_retry(work, last, *self._row_judge.judge(slot, last))
        return True

    def _as_asked(self, slot: Slot, completion: Completion) -> Slot:
        """A slot that was asked before the job changed: its old id, seeds and attributes."""
        draft = self.prepared.draft_as_asked(slot.draft, completion.draft, self._train_rows)
        return slot._replace(id=completion.slot_id, draft=draft)

    def _backlog(self) -> int:
        return len(self._unjudged) + (self._committer.waiting if self._committer else 0)
