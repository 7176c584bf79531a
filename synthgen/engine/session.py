"""One process's work on a run: the task group in which asking, judging, committing and stopping meet.

dispatcher -> journal -> row judge -> pool judge (own thread) -> committer
                 ^------------------- reload (what earlier sessions left undecided)
"""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
import heapq
import signal
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import replace

import anyio

from synthgen.engine.blueprint import Blueprint, SlotMaker
from synthgen.engine.breaker import Breaker
from synthgen.engine.budget import Budget, Spend, seconds_until
from synthgen.engine.clock import loop_clock, loop_time
from synthgen.engine.commit import Committer
from synthgen.engine.demand import ClassDemand, Demand
from synthgen.engine.dispatch import Dispatcher, Work
from synthgen.engine.endpoint import Endpoint
from synthgen.engine.evaluate import Landed, PoolJudge, RowJudge
from synthgen.engine.events import ClassStarved, Draining, Observer
from synthgen.engine.limits import EndpointLimits
from synthgen.engine.pools import PoolBuilder, vectors_by_label
from synthgen.engine.prices import require_price
from synthgen.engine.retry import RetryPolicy, Tries
from synthgen.engine.signal import Signal
from synthgen.engine.stop import Stop, StopKind
from synthgen.engine.writer import JournalWriter
from synthgen.errors import JobError
from synthgen.job import Job, ModelConfig
from synthgen.journal import Journal, vector_digests
from synthgen.providers.protocol import Provider
from synthgen.records import Completion, Slot

LEAST_WINDOW = 1024
WINDOW_A_REQUEST_IN_FLIGHT = 16
RELOAD_BATCH = 64
DEADLINE_LOOK_S = 0.5
POOL_BATCH = 16


class Session:
    """Works on a run until it is done or stopped.

    Args:
        blueprint: The job.
        providers: One for each endpoint of each group, in the groups' order; None works offline: what the journal
            holds is judged in slot order until a slot has no answer, and nothing is asked.
        journal: Open for writing; the caller holds the run's lock.
        row_judge: The row judge.
        observe: Told of everything.
        pilot: Answers to ask for before the session stops; None for as many as it takes.
    """

    def __init__(
        self,
        blueprint: Blueprint,
        providers: Sequence[Sequence[Provider]] | None,
        journal: Journal,
        row_judge: RowJudge,
        observe: Observer,
        *,
        pilot: int | None = None,
    ) -> None:
        self._blueprint, self._providers = blueprint, providers or ()
        self._is_offline = providers is None
        self._journal, self._row_judge, self._observe = journal, row_judge, observe
        self._order = blueprint.order
        self._changed = Signal()
        self.stop = Stop(self._changed)
        self._writer = JournalWriter(journal)
        self._encoding = ThreadPoolExecutor(max_workers=1, thread_name_prefix="encoder")
        self._endpoints = _endpoints(blueprint, providers) if providers is not None else []
        most_in_flight = _most_in_flight(blueprint, providers) if providers is not None else 0
        window = max(LEAST_WINDOW, WINDOW_A_REQUEST_IN_FLIGHT * most_in_flight)
        self.demand = Demand(self._order, self._accounts(), window=window, most=pilot)
        self._window = window
        self._spent = Spend(journal.answers(), journal.usage()) + Spend(*journal.losses_total())
        self._has_kept_vectors = journal.has_row_vectors()
        self._stored = self._stored_slots()
        self._train_rows = {row.id: row for row in blueprint.train.rows}
        self._unjudged: list[tuple[int, Landed]] = []
        self._slots: SlotMaker
        self._dispatcher: Dispatcher | None = None
        self._committer: Committer | None = None
        self._is_drained = False

    @property
    def has_drained(self) -> bool:
        """Whether all it sent is accounted for in the journal; False where it was broken off."""
        return self._dispatcher is None or self._is_drained

    def _accounts(self) -> Mapping[str, ClassDemand]:
        """The classes' accounts, as earlier sessions left them."""
        blueprint, starvation = self._blueprint, self._blueprint.job.starvation
        accepted, committed = self._journal.accepted_counts(), self._journal.committed_counts()
        accounts = {}
        for label, target in blueprint.targets.items():
            account = ClassDemand(label, target, blueprint.items, starvation)
            account.resume(
                accepted=accepted.get(label, 0),
                committed=committed.get(label, 0),
                recent=self._journal.recent_yields(label, last=starvation.patience),
            )
            accounts[label] = account
        return accounts

    # --- the task group ----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Work until every class is met or given up, or somebody stops the run; then let what is in flight land.

        Raises:
            JournalError: A commit failed.
            JobError: A template cannot be rendered, a model cannot be loaded.
            ProviderError: An endpoint cannot be opened.

        Cancellation: leaves at once; everything durable stays, what was in flight is asked again on resume.
        """
        async with AsyncExitStack() as stack:
            stack.callback(self._writer.close)
            stack.callback(self._encoding.shutdown, wait=False, cancel_futures=True)
            for group in self._providers:
                for provider in group:
                    await stack.enter_async_context(provider)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._writer.run)
                tasks.start_soon(self._watch_signals, tasks.cancel_scope)
                if not self._is_offline:
                    tasks.start_soon(self._watch_deadline)
                await self._work(tasks)
                tasks.cancel_scope.cancel()

    async def _work(self, tasks: anyio.abc.TaskGroup) -> None:
        self._give_up_collapsed()
        if self.demand.head() is None:
            self.stop.finish()
            return
        builder = PoolBuilder(self._blueprint, self._writer, self._encoding, self._observe)
        if self._blueprint.needs_vectors_to_plan:
            pools = await self._build_unless_stopped(builder)
            if pools is not None:
                self._start_asking(tasks, self._slot_maker(builder))
        else:
            self._start_asking(tasks, self._blueprint.slot_maker())
            pools = await self._build_unless_stopped(builder)
        if pools is not None:
            await self._commit(pools, tasks)
        await self._drain()
        await self._writer.flush()
        self._is_drained = True
        if self.stop.error is not None:
            raise self.stop.error

    async def _commit(self, pools: PoolJudge, tasks: anyio.abc.TaskGroup) -> None:
        """Judge and commit until every class is done or the run is stopped."""
        self._committer = Committer(
            demand=self.demand,
            dedup=pools.dedup,
            writer=self._writer,
            observe=self._observe,
        )
        tasks.start_soon(self._judge_pools, pools, self._committer)
        while not self.stop.is_set:
            if self.demand.head() is None:
                self.stop.finish()
            elif self._committer.commit_ready():
                self._changed.notify()
                await anyio.lowlevel.checkpoint()
            elif self._is_offline and self.demand.is_head_missing():
                self.stop.finish()
            elif self.demand.is_used_up and self.demand.is_head_missing():
                self.stop.set(StopKind.BUDGET, "the pilot is over")
            else:
                await self._changed.wait()

    async def _build_unless_stopped(self, builder: PoolBuilder) -> PoolJudge | None:
        """Build the pools while requests are out; None where the run was stopped first."""
        pools: PoolJudge | None = None

        async def build() -> None:
            nonlocal pools
            try:
                pools = await builder.build()
            except JobError as error:
                self.stop.fail(error)
            self._changed.notify()

        async with anyio.create_task_group() as building:
            building.start_soon(build)
            while pools is None and not self.stop.is_set:
                await self._changed.wait()
            building.cancel_scope.cancel()
        return pools

    def _start_asking(self, tasks: anyio.abc.TaskGroup, slots: SlotMaker) -> None:
        self._slots = slots
        tasks.start_soon(self._reload)
        if self._is_offline:
            return
        job = self._blueprint.job
        self._dispatcher = Dispatcher(
            demand=self.demand,
            slots=slots,
            endpoints=self._endpoints,
            retry=RetryPolicy(job.retry),
            budget=Budget(job.budget, spent=self._spent),
            writer=self._writer,
            stop=self.stop,
            changed=self._changed,
            observe=self._observe,
            on_answer=self._on_answer,
            on_failed=self._on_failed,
        )
        for endpoint in self._endpoints:
            tasks.start_soon(self._dispatcher.serve, endpoint, tasks)

    def _slot_maker(self, builder: PoolBuilder) -> SlotMaker:
        assert builder.train_vectors is not None
        return self._blueprint.slot_maker(vectors_by_label(self._blueprint, builder.train_vectors))

    # --- answers -----------------------------------------------------------------------------------------------

    def _on_answer(self, work: Work, completion: Completion) -> None:
        self._judge_row(work.slot, work, completion)

    def _judge_row(self, slot: Slot, work: Work, completion: Completion) -> None:
        landed, complaint = self._row_judge.judge(slot, completion)
        can_reask = slot.request.prompt.messages and completion.step < self._blueprint.job.retry.max_reasks
        self.demand.classes[slot.label].note_read(slot.ordinal)
        if complaint is None or not can_reask:
            self._land(landed)
        elif self._dispatcher is not None and not self.stop.is_set:
            self._dispatcher.ask_again(work, completion.text, complaint)
        else:  # judged as it is, it would stand where an undisturbed run has the answer to the re-ask
            self.demand.classes[slot.label].note_withdrawn(slot.ordinal)
            self._changed.notify()

    def _on_failed(self, slot: Slot) -> None:
        self._land(Landed(slot, (), is_failed=True))

    def _land(self, landed: Landed) -> None:
        slot = landed.slot
        self.demand.classes[slot.label].note_landed(slot.ordinal, landed.survivors)
        heapq.heappush(self._unjudged, (self._order.place(slot.label, slot.ordinal), landed))
        self._changed.notify()

    async def _judge_pools(self, pools: PoolJudge, committer: Committer) -> None:
        """Hand survivors to the encoder's thread, those that are judged first first."""
        loop = asyncio.get_running_loop()
        while True:
            batch = [heapq.heappop(self._unjudged)[1] for _ in range(min(POOL_BATCH, len(self._unjudged)))]
            if not batch:
                await self._changed.wait()
                continue
            batch = [landed for landed in batch if self.demand.classes[landed.slot.label].is_open]
            alive = [landed for landed in batch if landed.survivors]
            kept = await self._kept_vectors(pools, alive)
            work = functools.partial(_judge_all, pools, alive, kept)
            if pools.encoder is None:  # quick, and others have their turn in between
                judged = iter(work())
                await asyncio.sleep(0)
            else:
                judged = iter(await loop.run_in_executor(self._encoding, work))
            for landed in batch:
                final = next(judged) if landed.survivors else landed
                account = self.demand.classes[landed.slot.label]
                if landed.slot.ordinal in account.waiting:
                    account.note_landed(landed.slot.ordinal, final.survivors)
                committer.land(final)
            self._changed.notify()

    async def _kept_vectors(self, pools: PoolJudge, alive: Sequence[Landed]) -> Mapping[str, bytes]:
        """What an earlier judging of these slots encoded."""
        encoder = pools.encoder
        if not self._has_kept_vectors or encoder is None:
            return {}
        encoded = [pools.judge_texts(landed).surviving_texts for landed in alive]
        digests = [digest for texts in encoded for digest in vector_digests(texts)]
        return await self._writer.call(lambda: self._journal.row_vectors(encoder.identity, digests))

    # --- earlier sessions --------------------------------------------------------------------------------------

    def _stored_slots(self) -> list[tuple[int, str, int, bool]]:
        """Slots that have an answer or a final failure but no decision: place, class, ordinal, is failed."""
        found: list[tuple[int, str, int, bool]] = []
        for label, account in self.demand.classes.items():
            answered, failed = self._journal.undecided(label, since=account.committed)
            fates = {**dict.fromkeys(answered, False), **dict.fromkeys(failed, True)}
            found += [(self._order.place(label, ordinal), label, ordinal, fate) for ordinal, fate in fates.items()]
        for _, label, ordinal, _ in found:
            self.demand.classes[label].note_stored(ordinal)
        return sorted(found)

    async def _reload(self) -> None:
        """Judge what earlier sessions paid for and did not judge. Asks for nothing but the re-ask a crash cut off."""
        for start in range(0, len(self._stored), RELOAD_BATCH):
            batch = [s for s in self._stored[start : start + RELOAD_BATCH] if self.demand.classes[s[1]].is_open]
            while self._backlog() > self._window and not self.stop.is_set:
                await self._changed.wait()
            answers = await self._writer.call(lambda b=batch: [self._journal.completions(x[1], x[2]) for x in b])  # type: ignore[misc]
            for (_, label, ordinal, is_failed), completions in zip(batch, answers, strict=True):
                try:
                    slot = self._slots.make(label, ordinal)
                except JobError as error:  # a template that fails for some slots only; calls may be out
                    self.stop.fail(error)
                    return
                if is_failed or not completions:
                    self._on_failed(slot)
                    continue
                last = completions[-1]
                slot = slot if slot.id == last.slot_id else self._as_asked(slot, last)
                self._judge_row(slot, Work(slot, last.step, slot.request, Tries(loop_time())), last)

    def _as_asked(self, slot: Slot, completion: Completion) -> Slot:
        """A slot that was asked before the job changed: its old id, seeds and attributes."""
        seeds = tuple(self._train_rows[i] for i in completion.draft.get("seeds", ()) if i in self._train_rows)
        draft = replace(slot.draft, seeds=seeds, attributes=completion.draft.get("attributes", {}))
        return replace(slot, id=completion.slot_id, draft=draft)

    def _backlog(self) -> int:
        return len(self._unjudged) + (self._committer.waiting if self._committer else 0)

    # --- ending ------------------------------------------------------------------------------------------------

    def _give_up_collapsed(self) -> None:
        """Do not ask again for a class that an earlier session gave up, unless the job now has more patience."""
        for account in list(self.demand.open_classes()):
            if account.has_collapsed():
                account.is_starved = True
                recent = account.recent
                self._observe(ClassStarved(account.label, account.accepted, account.target, len(recent), sum(recent)))

    async def _drain(self) -> None:
        """Let what was sent land: it is paid for."""
        dispatcher = self._dispatcher
        if dispatcher is not None and dispatcher.in_flight:
            why = self.stop.reason or ("every class is done" if self.stop.error is None else "stopping")
            self._observe(Draining(why, dispatcher.in_flight))
        while dispatcher is not None and dispatcher.in_flight:
            await self._changed.wait()
        while self._committer is not None and self._committer.commit_ready():
            pass

    async def _watch_deadline(self) -> None:
        """Stop asking so early that a slow answer still comes in time."""
        deadline = self._blueprint.job.budget.deadline
        if deadline is None:
            return
        earlier = await self._writer.call(self._journal.sessions)
        worked_s = sum(session.elapsed_s or 0.0 for session in earlier)
        until = loop_time() + seconds_until(deadline, now=dt.datetime.now(), worked_s=worked_s)
        while (left_s := until - loop_time() - self._drain_s()) > 0:  # noqa: ASYNC110 - it moves
            await anyio.sleep(min(left_s, DEADLINE_LOOK_S))
        self.stop.set(StopKind.BUDGET, f"deadline: {deadline}")

    def _drain_s(self) -> float:
        """Seconds that what is in flight may still take."""
        return 0.0 if self._dispatcher is None else self._dispatcher.slow_answer_s

    async def _watch_signals(self, scope: anyio.CancelScope) -> None:
        has_come = False  # whatever stopped the run before: a deadline's drain too can be left
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for number in signals:
                if has_come:
                    scope.cancel()
                has_come = True
                self.stop.set(StopKind.INTERRUPTED, f"interrupted by {signal.Signals(number).name}")


def _judge_all(pools: PoolJudge, alive: Sequence[Landed], kept: Mapping[str, bytes]) -> list[Landed]:
    return [pools.judge(landed, kept) for landed in alive]


def _endpoints(blueprint: Blueprint, providers: Sequence[Sequence[Provider]]) -> list[Endpoint]:
    return [
        _endpoint(blueprint.job, config, provider, group=number)
        for number, (group, made) in enumerate(zip(blueprint.groups, providers, strict=True))
        for config, provider in zip(group.endpoints, made, strict=True)
    ]


def _endpoint(job: Job, config: ModelConfig, provider: Provider, *, group: int) -> Endpoint:
    breaker, clock = Breaker(), loop_clock()
    limits = EndpointLimits(
        config.limits,
        default_concurrency=provider.default_concurrency,
        may_adapt=config.provider == "openai",
        breaker=breaker,
        clock=clock,
    )
    return Endpoint(
        provider=provider,
        limits=limits,
        price=require_price(config, has_usd_budget=job.budget.max_usd is not None),
        group=group,
        timeout_s=config.timeout_s,
        weight=config.weight,
        breaker=breaker,
        clock=clock,
    )


def _most_in_flight(blueprint: Blueprint, providers: Sequence[Sequence[Provider]]) -> int:
    """Requests that may be out at once, over all endpoints."""
    configs = [config for group in blueprint.groups for config in group.endpoints]
    made = [provider for group in providers for provider in group]
    return sum(c.limits.max_concurrency or p.default_concurrency for c, p in zip(configs, made, strict=True))
