"""One process's work on a run: the task group in which asking, judging, committing and stopping meet.

Owns what a run's stages share: endpoints, budget, the encoder's thread, the deadline, the signals. Each stage is a
`StageRunner`; the last one's rows are the run's, and it says when the run is done.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import itertools
import signal
import threading
from collections.abc import Sequence
from typing import TypeAlias

import anyio

from synthgen.engine.asking.breaker import Breaker
from synthgen.engine.asking.budget import Budget, seconds_until
from synthgen.engine.asking.dispatch import Dispatcher
from synthgen.engine.asking.endpoint import Endpoint
from synthgen.engine.asking.limits import EndpointLimits
from synthgen.engine.asking.open_files import allow_connections
from synthgen.engine.asking.prices import LatePrice, require_price
from synthgen.engine.asking.retry import RetryPolicy
from synthgen.engine.clock import loop_clock, loop_time
from synthgen.engine.events import Draining, Observer
from synthgen.engine.judging.evaluate import RowJudge
from synthgen.engine.judging.pools import EncoderRoom
from synthgen.engine.planning.demand import Allowance, Demand, Tally
from synthgen.engine.planning.prepared import PreparedJob
from synthgen.engine.planning.sources import Sources, load_sources
from synthgen.engine.planning.stage_journals import stage_observer
from synthgen.engine.running.stage_runner import StageRunner
from synthgen.engine.stop import Stop, StopKind
from synthgen.engine.writer import JournalWriter
from synthgen.job import Job, ModelConfig
from synthgen.journal import Journal, WritableJournal
from synthgen.providers.protocol import Provider
from synthgen.records import Spend

MIN_WINDOW = 1024
# A slow answer holds up the judging, not the asking: an answer that takes 64 times the usual leaves no place empty.
WINDOW_A_REQUEST_IN_FLIGHT, MIN_A_REQUEST_IN_FLIGHT = 64, 16
ROWS_TO_HOLD = 32_768
DEADLINE_LOOK_S = 0.5
# A terminal that is closed sends SIGHUP: the run ends as by SIGTERM. Windows has none.
STOPPING_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_Asked: TypeAlias = tuple[int, ModelConfig, Provider]
WARM_UP_AFTER_S = 0.02


class Session:
    """Works on a run until it is done or stopped.

    Args:
        prepared: The job's last stage.
        providers: One for each endpoint of each group, in the groups' order; None works offline: what the journals
            hold is judged in slot order until a slot has no answer, and nothing is asked.
        journals: One for each stage, open for writing, the run's own last; the caller holds the run's lock.
        row_judges: One for each stage.
        observe: Receives every event.
        pilot: Answers to ask for before the session stops; None for as many as it takes.
    """

    def __init__(
        self,
        prepared: PreparedJob,
        providers: Sequence[Sequence[Provider]] | None,
        journals: Sequence[WritableJournal],
        row_judges: Sequence[RowJudge],
        observe: Observer,
        *,
        pilot: int | None = None,
    ) -> None:
        self._prepared, self._is_offline = prepared, providers is None
        self._asked = [] if providers is None else _asked(prepared, providers)
        self._asked, self.notes = _within_open_files(self._asked)
        self._journal, self._observe = journals[-1], observe
        self.stop = Stop()
        self._room = EncoderRoom()
        self._allowance = Allowance() if pilot is None else Allowance(pilot)
        for journal in journals:
            journal.count_large()
        # What was committed last may be what others wait for.
        idle = self.stop.changed if self._is_offline or pilot is not None else None
        writers = [JournalWriter(journal, idle) for journal in journals]
        self._endpoints = [_endpoint(prepared.job, *entry) for entry in self._asked]
        self._dispatcher = None if self._is_offline else self._make_dispatcher(writers)
        self.runners = self._make_runners(writers, row_judges)
        self._may_owe = False

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
        return not self._may_owe

    def _make_dispatcher(self, writers: Sequence[JournalWriter]) -> Dispatcher:
        job, spent = self._prepared.job, sum((_spent(writer.journal) for writer in writers), Spend())
        return Dispatcher(
            endpoints=self._endpoints,
            retry=RetryPolicy(job.retry),
            budget=Budget(job.budget, spent=spent),
            writer=writers[-1],
            stop=self.stop,
            observe=self._observe,
        )

    def _make_runners(self, writers: Sequence[JournalWriter], row_judges: Sequence[RowJudge]) -> list[StageRunner]:
        """One for each stage; the last is made first, since each stage brings what the next one needs."""
        stages = self._prepared.stages
        tallies: list[Tally] = []
        for _ in stages:
            tallies.append(Tally(upstream=tallies[-1] if tallies else None))
        window = _window(self._asked, items=self._prepared.items)
        runners: list[StageRunner] = []
        for prepared, writer, row_judge, tally in zip(
            reversed(stages), reversed(writers), reversed(row_judges), reversed(tallies), strict=True
        ):
            runner = StageRunner(
                prepared,
                writer,
                row_judge,
                tally,
                self._allowance,
                sources=Sources(prepared.targets, copies=prepared.stage.copies) if prepared.upstream else None,
                following=runners[0] if runners else None,
                dispatcher=self._dispatcher,
                window=window,
                stop=self.stop,
                observe=self._observe if prepared.is_last else stage_observer(prepared, self._observe),
            )
            runners.insert(0, runner)
        for before, runner in itertools.pairwise(runners):
            runner.receive(load_sources(before.writer.journal, runner.prepared.targets))
        return runners

    # --- the task group ----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Work until every class is met or stalled, or somebody stops the run; then let what is in flight
        come.

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
            for _, _, provider in self._asked:
                await stack.enter_async_context(provider)
            async with anyio.create_task_group() as tasks:
                for runner in self.runners:
                    tasks.start_soon(runner.writer.run, runner.pipeline.report)
                tasks.start_soon(self._watch_signals, tasks.cancel_scope)
                if self._dispatcher is not None:
                    tasks.start_soon(self._watch_deadline, self._dispatcher)
                await self._work(tasks)
                tasks.cancel_scope.cancel()

    async def _work(self, tasks: anyio.abc.TaskGroup) -> None:
        for runner in self.runners:
            runner.close_stalled()
        if self.demand.head() is None:
            self.stop.finish()
            return
        async with anyio.create_task_group() as working:
            for runner in self.runners[:-1]:
                working.start_soon(runner.work, self._room, tasks, self._is_over)
            if self._dispatcher is not None:
                self._may_owe = True
                for endpoint in self._endpoints:
                    tasks.start_soon(self._dispatcher.serve, endpoint, tasks)
                tasks.start_soon(self._warm_up)
            await self.runners[-1].work(self._room, tasks, self._is_over)
            if not self.stop.is_set:
                self.stop.finish()
        await self._drain()
        for runner in self.runners:
            await runner.writer.flush()
        self._may_owe = False
        if self.stop.error is not None:
            raise self.stop.error

    async def _warm_up(self) -> None:
        """Make ready what the first answer needs, prices and rules, in a thread while it is on its way.

        Nothing depends on it: who comes first makes it ready, and what cannot be is reported where it is needed.
        """
        await anyio.sleep(WARM_UP_AFTER_S)
        for prepare in (
            *(runner.row_judge.warm_up for runner in self.runners),
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
        """Wait for what was sent: it is paid for."""
        if self._dispatcher is not None and (in_flight := self._dispatcher.outcomes.in_flight):
            why = self.stop.reason or ("every class is done" if self.stop.error is None else "stopping")
            self._observe(Draining(why, in_flight))
            while self._dispatcher.outcomes.in_flight:
                await self.stop.changed.wait()
        for runner in self.runners:
            await runner.commit_rest()

    async def _watch_deadline(self, dispatcher: Dispatcher) -> None:
        """Stop asking so early that a slow answer still comes in time."""
        deadline = self._prepared.job.budget.deadline
        if deadline is None:
            return
        earlier = await self.runners[-1].writer.call(self._journal.sessions)
        worked_s = sum(session.elapsed_s or 0.0 for session in earlier)
        until = loop_time() + seconds_until(deadline, now=dt.datetime.now(), worked_s=worked_s)
        while (left_s := until - loop_time() - dispatcher.outcomes.slow_answer_s) > 0:  # noqa: ASYNC110 - it moves
            await anyio.sleep(min(left_s, DEADLINE_LOOK_S))
        self.stop.set(StopKind.BUDGET, f"deadline: {deadline}")

    async def _watch_signals(self, scope: anyio.CancelScope) -> None:
        if threading.current_thread() is not threading.main_thread():
            return  # signals go to the main thread, which is its owner's: whoever called us from another one stops us
        has_come = False  # whatever stopped the run before: a deadline's drain too can be left
        with anyio.open_signal_receiver(*STOPPING_SIGNALS) as signals:
            async for number in signals:
                if has_come:
                    scope.cancel()
                has_come = True
                self.stop.set(StopKind.INTERRUPTED, f"interrupted by {signal.Signals(number).name}")


def _window(asked: Sequence[_Asked], *, items: int) -> int:
    """Slots that may be asked ahead of the one judged next: enough to wait out a slow answer, within the memory that
    `ROWS_TO_HOLD` rows take."""
    max_in_flight = sum(config.limits.max_concurrency or made.default_concurrency for _, config, made in asked)
    enough = min(WINDOW_A_REQUEST_IN_FLIGHT * max_in_flight, ROWS_TO_HOLD // items)
    return max(MIN_WINDOW, MIN_A_REQUEST_IN_FLIGHT * max_in_flight, enough)


def _within_open_files(asked: list[_Asked]) -> tuple[list[_Asked], tuple[str, ...]]:
    """The endpoints with no more in flight than this process may have connections, and what is to be said of it."""
    wanted = [config.limits.max_concurrency or made.default_concurrency for _, config, made in asked]
    allowed = allow_connections(sum(wanted)) if asked else 0
    if allowed >= sum(wanted):
        return asked, ()
    fitted = []
    for (group, config, made), own in zip(asked, wanted, strict=True):
        fewer = max(1, own * allowed // sum(wanted))
        limits = config.limits.model_copy(update={"max_concurrency": fewer})
        fitted.append((group, config.model_copy(update={"limits": limits}), made))
    note = f"at most {allowed:,} requests in flight instead of {sum(wanted):,}: this system allows no more open files"
    return fitted, (f"{note} (raise its hard limit, `ulimit -Hn`, to have them)",)


def _spent(journal: Journal) -> Spend:
    return Spend(journal.answers(), journal.usage()) + Spend(*journal.losses_total())


def _asked(prepared: PreparedJob, providers: Sequence[Sequence[Provider]]) -> list[_Asked]:
    """Who is asked: number of the group, configuration, provider."""
    return [
        (number, config, provider)
        for number, (group, made) in enumerate(zip(prepared.groups, providers, strict=True))
        for config, provider in zip(group.endpoints, made, strict=True)
    ]


def _endpoint(job: Job, group: int, config: ModelConfig, provider: Provider) -> Endpoint:
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
