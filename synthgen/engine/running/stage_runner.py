"""One stage at work: its slots are asked, what comes of them goes through its pipeline, until its classes are done.

A run of one stage has one stage runner. Stage runners share endpoints, budget and the encoder's thread; each has a
journal of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import anyio

from synthgen.engine.asking.dispatch import Dispatcher
from synthgen.engine.events import Observer
from synthgen.engine.judging.commit import class_starved
from synthgen.engine.judging.evaluate import PoolJudge, RowJudge
from synthgen.engine.judging.pools import EncoderRoom, PoolBuilder, vectors_by_label
from synthgen.engine.pipeline import Pipeline
from synthgen.engine.planning.demand import Allowance, ClassDemand, Demand, FeedingDemand, Tally, first_wave_of
from synthgen.engine.planning.prepared import PreparedJob, Vectors
from synthgen.engine.planning.sources import Sources
from synthgen.engine.running.earlier_answers import EarlierAnswers, OpenStage
from synthgen.engine.stop import Stop
from synthgen.engine.writer import JournalWriter
from synthgen.errors import JobError
from synthgen.journal import Journal
from synthgen.records import Source


class StageRunner:
    """Asks, judges and commits for one stage.

    Args:
        prepared: The stage.
        writer: Of its journal.
        row_judge: Its row judge.
        tally: What its classes' accounts have in common.
        allowance: Slots that may still be asked, over all stages.
        sources: The rows it works on; None for a first stage.
        following: The stage that works on what this one accepts; None for the last.
        dispatcher: Asks; None where nothing is asked: what the journal holds is judged until a slot has no answer.
        window: Slots that may be asked ahead of the one judged next.
        stop: Set when the run cannot go on.
        observe: Receives every event.
    """

    def __init__(
        self,
        prepared: PreparedJob,
        writer: JournalWriter,
        row_judge: RowJudge,
        tally: Tally,
        allowance: Allowance,
        *,
        sources: Sources | None,
        following: StageRunner | None,
        dispatcher: Dispatcher | None,
        window: int,
        stop: Stop,
        observe: Observer,
    ) -> None:
        self.prepared, self.writer, self.row_judge, self.sources = prepared, writer, row_judge, sources
        self._dispatcher, self._stop, self._observe = dispatcher, stop, observe
        accounts = _accounts(prepared, writer.journal, tally, sources, following)
        self.demand = Demand(
            prepared.order, accounts, tally, window=window, most=allowance, is_ordered=prepared.is_last
        )
        self.pipeline = Pipeline(
            prepared,
            row_judge,
            self.demand,
            writer,
            dispatcher=dispatcher,
            following=following,
            stop=stop,
            observe=observe,
        )
        self._earlier = EarlierAnswers(self.pipeline, sources, window, stop)
        self._has_pools = False

    def receive(self, rows: Sequence[Source]) -> None:
        """Rows that the stage before accepted, in their order."""
        self._earlier.receive(rows)

    def close_stalled(self) -> None:
        """Do not ask again for a class that stalled in an earlier session, unless the job now has more patience."""
        for account in list(self.demand.open_classes()):
            if account.has_stalled():
                account.stall()
                self._observe(class_starved(account))

    async def work(self, room: EncoderRoom, tasks: anyio.abc.TaskGroup, is_over: Callable[[], bool]) -> None:
        """Build the judges, have slots asked, and judge and commit until nothing is left to do or the run stops.

        Args:
            room: The encoder and the thread it works on.
            tasks: Where what goes on beside it runs.
            is_over: Asked where nothing can be judged: whether nothing will come any more.
        """
        builder = PoolBuilder(self.prepared, self.writer, room, self._observe)
        has_to_wait = self.prepared.needs_vectors_to_plan
        if not has_to_wait:
            self._begin(None, tasks)
        pools = await self._build_unless_stopped(builder)
        if pools is None:
            return
        if has_to_wait:
            assert builder.train_vectors is not None
            self._begin(vectors_by_label(self.prepared, builder.train_vectors), tasks)
        self.pipeline.open(pools, room.thread)
        self._has_pools = True
        tasks.start_soon(self.pipeline.encode_for_ever)
        await self._commit_until_done(is_over)
        await self.pipeline.meter.report(at_last=True)

    def _begin(self, vectors: Mapping[str, Vectors] | None, tasks: anyio.abc.TaskGroup) -> None:
        """Have earlier answers judged and slots asked, now that slots can be made."""
        slots = self.prepared.slot_maker(vectors, self.sources)
        stage = OpenStage(self.pipeline, slots, self.prepared.number, self.prepared.served_by, self.writer)
        tasks.start_soon(self._earlier.judge, stage)
        if self._dispatcher is not None:
            self._dispatcher.queue.add_stage(stage)

    async def _build_unless_stopped(self, builder: PoolBuilder) -> PoolJudge | None:
        """Build the pools while requests are out; None where the run was stopped first."""
        pools: PoolJudge | None = None

        async def build() -> None:
            nonlocal pools
            try:
                pools = await builder.build()
            except JobError as error:
                self._stop.fail(error)
            self._stop.changed.notify()

        async with anyio.create_task_group() as building:
            building.start_soon(build)
            while pools is None and not self._stop.is_set:
                await self._stop.changed.wait()
            building.cancel_scope.cancel()
        return pools

    async def _commit_until_done(self, is_over: Callable[[], bool]) -> None:
        while not self._stop.is_set:
            if await self.pipeline.commit_ready():
                self._stop.changed.notify()
                await anyio.lowlevel.checkpoint()
                continue
            self.pipeline.close_exhausted()
            if self.demand.head() is None or is_over():
                return
            await self._stop.changed.wait()

    async def commit_rest(self) -> None:
        """Judge what still came while the run was ending."""
        while self._has_pools and await self.pipeline.commit_ready():
            pass

    def is_stuck(self) -> bool:
        """Whether nothing can be judged here before something is asked, and nothing is on its way to the next stage."""
        is_done = self.demand.head() is None or self.demand.is_stuck()
        return is_done and not self._earlier.is_taking_in and self.writer.is_idle


def _accounts(
    prepared: PreparedJob, journal: Journal, tally: Tally, sources: Sources | None, following: StageRunner | None
) -> dict[str, ClassDemand]:
    """The classes' accounts, as earlier sessions left them."""
    starvation = prepared.job.starvation
    accepted, committed = journal.accepted_counts(), journal.committed_counts()
    accounts: dict[str, ClassDemand] = {}
    for label, target in prepared.targets.items():
        facts = (label, target, prepared.items, starvation, tally, sources)
        if following is None or following.sources is None:
            account = ClassDemand(*facts)
        else:
            account = FeedingDemand(*facts, fed=following.demand.classes[label], feeds=following.sources)
        account.resume(
            accepted=accepted.get(label, 0),
            committed=committed.get(label, 0),
            recent=journal.recent_yields(label, last=starvation.patience),
            unreadable=journal.unreadable_answers(label) if committed.get(label, 0) else None,
        )
        account.first_wave = first_wave_of(prepared.job)
        accounts[label] = account
    return accounts
