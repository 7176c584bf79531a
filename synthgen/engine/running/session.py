"""One process's work on a run: the task group in which asking, judging, committing and stopping meet.

Owns what a run's stages share: endpoints, budget, the encoder's thread, the deadline, the signals. Each stage is a
`StageRunner`; the last one's rows are the run's, and it says when the run is done.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import signal
from collections.abc import Sequence
from functools import partial

import anyio

from synthgen.engine.asking.breaker import Breaker
from synthgen.engine.asking.budget import Budget, seconds_until
from synthgen.engine.asking.dispatch import Dispatcher
from synthgen.engine.asking.endpoint import Endpoint
from synthgen.engine.asking.limits import EndpointLimits
from synthgen.engine.asking.prices import LatePrice, require_price
from synthgen.engine.asking.retry import RetryPolicy
from synthgen.engine.clock import loop_clock, loop_time
from synthgen.engine.events import Draining, Observer
from synthgen.engine.judging.evaluate import RowJudge
from synthgen.engine.judging.pools import EncoderRoom
from synthgen.engine.planning.demand import Allowance, Demand
from synthgen.engine.planning.prepared import PreparedJob
from synthgen.engine.planning.sources import Sources, load_sources
from synthgen.engine.planning.stage_journals import stage_observer
from synthgen.engine.running.stage_runner import StageRunner
from synthgen.engine.signal import Signal
from synthgen.engine.stop import Stop, StopKind
from synthgen.job import Job, ModelConfig
from synthgen.journal import Journal
from synthgen.providers.protocol import Provider
from synthgen.records import Spend

MIN_WINDOW = 1024
# A slow answer holds up the judging, not the asking: an answer that takes 64 times the usual leaves no place empty.
WINDOW_A_REQUEST_IN_FLIGHT, MIN_A_REQUEST_IN_FLIGHT = 64, 16
ROWS_TO_HOLD = 32_768
DEADLINE_LOOK_S = 0.5
WARM_UP_AFTER_S = 0.02


class Session:
    """Works on a run until it is done or stopped.

    Args:
        prepared: The job's last stage.
        providers: One for each endpoint of each group, in the groups' order; None works offline: what the journals
            hold is judged in slot order until a slot has no answer, and nothing is asked.
        journals: One for each stage, open for writing, the run's own last; the caller holds the run's lock.
        row_judges: One for each stage.
        observe: Told of everything.
        pilot: Answers to ask for before the session stops; None for as many as it takes.
    """

    def __init__(
        self,
        prepared: PreparedJob,
        providers: Sequence[Sequence[Provider]] | None,
        journals: Sequence[Journal],
        row_judges: Sequence[RowJudge],
        observe: Observer,
        *,
        pilot: int | None = None,
    ) -> None:
        self._prepared, self._providers = prepared, providers or ()
        self._is_offline = providers is None
        self._journal, self._observe = journals[-1], observe
        self._changed = Signal()
        self.stop = Stop(self._changed)
        self._room = EncoderRoom()
        self._allowance = Allowance() if pilot is None else Allowance(pilot)
        self._endpoints = _endpoints(prepared, providers) if providers is not None else []
        max_in_flight = _max_in_flight(prepared, providers) if providers is not None else 0
        self._window = _window(max_in_flight, items=prepared.items)
        for journal in journals:
            journal.count_large()
        self._spent = sum((_spent(journal) for journal in journals), Spend())
        self.runners = self._make_runners(journals, row_judges)
        self._dispatcher: Dispatcher | None = None
        self._is_drained = False

    @property
    def demand(self) -> Demand:
        """Of the last stage: what the run is for."""
        return self.runners[-1].demand

    @property
    def is_pilot_over(self) -> bool:
        """Whether a pilot has asked all it may."""
        return self._allowance.left <= 0

    @property
    def has_drained(self) -> bool:
        """Whether all it sent is accounted for in the journal; False where it was broken off."""
        return self._dispatcher is None or self._is_drained

    def _make_runners(self, journals: Sequence[Journal], row_judges: Sequence[RowJudge]) -> list[StageRunner]:
        runners: list[StageRunner] = []
        for prepared, journal, row_judge in zip(self._prepared.stages, journals, row_judges, strict=True):
            sources = Sources(prepared.targets, copies=prepared.stage.copies) if runners else None
            runner = StageRunner(
                prepared,
                journal,
                row_judge,
                window=self._window,
                allowance=self._allowance,
                sources=sources,
                stop=self.stop,
                changed=self._changed,
                observe=self._observe if prepared.is_last else stage_observer(prepared, self._observe),
                is_offline=self._is_offline,
            )
            if runners:
                runners[-1].feed(runner)
                runner.receive(load_sources(runners[-1].journal, prepared.targets))
            runners.append(runner)
        return runners

    # --- the task group ----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Work until every class is met or stalled, or somebody stops the run; then let what is in flight
        land.

        Raises:
            JournalError: A commit failed.
            JobError: A template cannot be rendered, a model cannot be loaded.
            ProviderError: An endpoint cannot be opened.

        Cancellation: leaves at once; everything durable stays, what was in flight is asked again on resume.
        """
        async with contextlib.AsyncExitStack() as stack:
            for runner in self.runners:
                stack.callback(runner.writer.close)
            stack.callback(self._room.close)
            for group in self._providers:
                for provider in group:
                    await stack.enter_async_context(provider)
            async with anyio.create_task_group() as tasks:
                for runner in self.runners:
                    tasks.start_soon(runner.writer.run)
                tasks.start_soon(self._watch_signals, tasks.cancel_scope)
                if not self._is_offline:
                    tasks.start_soon(self._watch_deadline)
                await self._work(tasks)
                tasks.cancel_scope.cancel()

    async def _work(self, tasks: anyio.abc.TaskGroup) -> None:
        for runner in self.runners:
            runner.close_stalled()
        if self.demand.head() is None:
            self.stop.finish()
            return
        async with anyio.create_task_group() as working:
            start_asking = partial(self._start_asking, tasks)
            for runner in self.runners[:-1]:
                working.start_soon(runner.work, self._room, tasks, start_asking, self._is_over)
            await self.runners[-1].work(self._room, tasks, start_asking, self._is_over)
            if not self.stop.is_set:
                self.stop.finish()
        await self._drain()
        for runner in self.runners:
            await runner.writer.flush()
        self._is_drained = True
        if self.stop.error is not None:
            raise self.stop.error

    def _start_asking(self, tasks: anyio.abc.TaskGroup, runner: StageRunner) -> None:
        job = self._prepared.job
        if self._dispatcher is None:
            self._dispatcher = Dispatcher(
                endpoints=self._endpoints,
                retry=RetryPolicy(job.retry),
                budget=Budget(job.budget, spent=self._spent),
                writer=self.runners[-1].writer,
                stop=self.stop,
                changed=self._changed,
                observe=self._observe,
            )
            for endpoint in self._endpoints:
                tasks.start_soon(self._dispatcher.serve, endpoint, tasks)
            tasks.start_soon(self._warm_up)
        runner.serve_by(self._dispatcher)
        self._dispatcher.ask_for(runner, runner.prepared.served_by)

    async def _warm_up(self) -> None:
        """Make ready what the first answer needs, prices and rules, in a thread while it is on its way.

        Nothing depends on it: who comes first makes it ready, and what cannot be made ready is told where it is needed.
        """
        await anyio.sleep(WARM_UP_AFTER_S)
        for prepare in (
            *(runner.warm_up for runner in self.runners),
            *(endpoint.price.warm_up for endpoint in self._endpoints),
        ):
            with contextlib.suppress(Exception):
                await asyncio.get_running_loop().run_in_executor(None, prepare)

    def _is_over(self) -> bool:
        """Asked by a stage runner that cannot go on: whether nothing will come any more."""
        if self._is_offline:
            return self._are_stuck()
        if not self.is_pilot_over or self._dispatcher is None or self._dispatcher.has_work or not self._are_stuck():
            return False
        self.stop.set(StopKind.BUDGET, "the pilot is over")
        return True

    def _are_stuck(self) -> bool:
        return all(runner.is_stuck() for runner in self.runners)

    # --- ending ------------------------------------------------------------------------------------------------

    async def _drain(self) -> None:
        """Let what was sent land: it is paid for."""
        dispatcher = self._dispatcher
        if dispatcher is not None and dispatcher.in_flight:
            why = self.stop.reason or ("every class is done" if self.stop.error is None else "stopping")
            self._observe(Draining(why, dispatcher.in_flight))
        while dispatcher is not None and dispatcher.in_flight:
            await self._changed.wait()
        for runner in self.runners:
            await runner.commit_rest()

    async def _watch_deadline(self) -> None:
        """Stop asking so early that a slow answer still comes in time."""
        deadline = self._prepared.job.budget.deadline
        if deadline is None:
            return
        earlier = await self.runners[-1].writer.call(self._journal.sessions)
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


def _window(max_in_flight: int, *, items: int) -> int:
    """Slots that may be asked ahead of the one judged next: enough to wait out a slow answer, within the memory that
    `ROWS_TO_HOLD` rows take."""
    enough = min(WINDOW_A_REQUEST_IN_FLIGHT * max_in_flight, ROWS_TO_HOLD // items)
    return max(MIN_WINDOW, MIN_A_REQUEST_IN_FLIGHT * max_in_flight, enough)


def _spent(journal: Journal) -> Spend:
    return Spend(journal.answers(), journal.usage()) + Spend(*journal.losses_total())


def _endpoints(prepared: PreparedJob, providers: Sequence[Sequence[Provider]]) -> list[Endpoint]:
    return [
        _endpoint(prepared.job, config, provider, group=number)
        for number, (group, made) in enumerate(zip(prepared.groups, providers, strict=True))
        for config, provider in zip(group.endpoints, made, strict=True)
    ]


def _endpoint(job: Job, config: ModelConfig, provider: Provider, *, group: int) -> Endpoint:
    breaker, clock = Breaker(), loop_clock()
    limits = EndpointLimits(
        config.limits,
        default_concurrency=provider.default_concurrency,
        may_adapt=provider.may_adapt,
        breaker=breaker,
        clock=clock,
    )
    return Endpoint(
        provider=provider,
        limits=limits,
        price=LatePrice(config) if job.budget.max_usd is None else require_price(config, has_usd_budget=True),
        group=group,
        timeout_s=config.timeout_s,
        weight=config.weight,
        breaker=breaker,
        clock=clock,
    )


def _max_in_flight(prepared: PreparedJob, providers: Sequence[Sequence[Provider]]) -> int:
    """Requests that may be out at once, over all endpoints."""
    configs = [config for group in prepared.groups for config in group.endpoints]
    made = [provider for group in providers for provider in group]
    return sum(c.limits.max_concurrency or p.default_concurrency for c, p in zip(configs, made, strict=True))
