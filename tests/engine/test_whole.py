"""Whole runs in virtual time: outages, failover, weights, deadlines, leases."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from bench.virtual import VirtualProvider
from synthgen.api import rows
from synthgen.engine.events import BudgetState, EndpointPaused, LimitChanged
from synthgen.engine.planning.prepared import SlotMaker
from synthgen.engine.running import session
from synthgen.engine.writer import JournalWriter
from synthgen.errors import JobError
from synthgen.journal import JOURNAL_NAME, Journal
from synthgen.providers.openai_errors import EndpointError
from synthgen.records import Answer, Request, Slot
from tests.engine.virtual import Scene

DOWN: dict[str, Any] = {"error_ratio": 1.0, "error_status": 503}
UP: dict[str, Any] = {"error_ratio": 0.0}


READ = JournalWriter.call


async def slowly(writer: JournalWriter, look: Callable[[], Any]) -> Any:
    """A look at the journal on a slow disk."""
    await anyio.sleep(0.02)
    return await READ(writer, look)


def exported(scene: Scene, out: str = "out") -> list[dict[str, Any]]:
    return list(rows(scene.folder / out))


def test_outage_is_waited_for(tmp_path: Path) -> None:
    """A server that answers nobody for two minutes costs two minutes: no slot is given up, few requests are wasted,
    and the rows are those of an undisturbed run."""
    calm = Scene(tmp_path / "calm", {"a": {}}, rows=400)
    undisturbed = calm.play()
    scene = Scene(tmp_path / "stormy", {"a": {}}, rows=400)
    played = scene.play([(2.0, "a", DOWN), (122.0, "a", UP)])
    assert played.result.exit_code == 0
    assert played.result.failed == 0
    assert 122 < played.lasted_s < 122 + 35 + undisturbed.lasted_s
    assert played.stats["a"].by_status[503] <= 250
    assert played.of(EndpointPaused)
    assert exported(scene) == exported(calm)


def test_outage_that_lasts_ends_the_run_and_loses_nothing(tmp_path: Path) -> None:
    """After `max_outage_s` without an answer the run stops with exit 3; when the server is back it goes on, and the rows
    are those of an undisturbed run."""
    changes = {"retry": {"max_outage_s": 60}}
    calm = Scene(tmp_path / "calm", {"a": {}}, changes=changes)
    calm.play()
    scene = Scene(tmp_path / "stormy", {"a": {}}, changes=changes)
    stopped = scene.play([(1.0, "a", DOWN)])
    assert stopped.result.exit_code == 3
    assert stopped.result.failed == 0
    assert stopped.result.hint == "the same command goes on from here, once the server answers"
    assert 60 < stopped.lasted_s < 120
    resumed = scene.play()
    assert resumed.result.exit_code == 0
    assert exported(scene) == exported(calm)


def test_another_endpoint_takes_over(tmp_path: Path) -> None:
    """Of two endpoints one dies: the other is asked instead, at once; the dead one is asked once in a while."""
    scene = Scene(tmp_path, {"a": {}, "b": {}}, rows=600, model={"": {"limits": {"max_concurrency": 16}}})
    played = scene.play([(1.0, "a", DOWN)])
    assert played.result.exit_code == 0
    assert played.result.failed == 0
    assert played.stats["a"].granted >= 20
    assert played.stats["a"].by_status[503] <= 60
    alone = Scene(tmp_path / "alone", {"b": {}}, rows=600, model={"": {"limits": {"max_concurrency": 16}}}).play()
    assert played.lasted_s <= alone.lasted_s + 3


def test_refused_key_of_one_endpoint_leaves_the_others(tmp_path: Path) -> None:
    """A 401 at one endpoint takes that one down after one request each in flight; the run ends well."""
    scene = Scene(tmp_path, {"a": {"api_key": "secret"}, "b": {}}, rows=100)
    played = scene.play()
    assert played.result.exit_code == 0
    assert played.stats["a"].granted == 0
    assert played.stats["a"].by_status[401] <= 32


def test_throttled_call_is_made_elsewhere_at_once(tmp_path: Path) -> None:
    """One endpoint lets one request a second through: the work goes to the other, and nothing waits."""
    scene = Scene(tmp_path, {"a": {"requests_per_s": 1}, "b": {}}, rows=600)
    played = scene.play()
    assert played.result.exit_code == 0
    assert played.stats["b"].granted >= 500
    assert played.lasted_s <= 20


def test_weights_share_the_work_among_endpoints_with_room(tmp_path: Path) -> None:
    """Where there is less work than room, endpoints take it by their weights."""
    model = {"a": {"weight": 3.0, "limits": {"max_concurrency": 64}}, "b": {"limits": {"max_concurrency": 64}}}
    played = Scene(tmp_path, {"a": {}, "b": {}}, rows=20, model=model).play()
    ratio = played.stats["a"].granted / played.stats["b"].granted
    assert 2 <= ratio <= 4


def test_one_slow_answer_holds_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are judged in order, but not asked in order: while one answer takes 200 times as long as the others, every
    other place in flight stays busy."""

    class Slow(VirtualProvider):
        asked = 0

        async def complete(self, request: Request, *, timeout_s: float) -> Answer:
            self.asked += 1
            if self.asked == 1:
                await anyio.sleep(20.0)
            return await super().complete(request, timeout_s=timeout_s)

    def slow(provider: VirtualProvider) -> VirtualProvider:
        provider.__class__ = Slow
        return provider

    monkeypatch.setattr(session, "MIN_WINDOW", 32)
    model = {"": {"limits": {"max_concurrency": 8}}}
    scene = Scene(tmp_path, {"a": {"latency_s": 0.1}}, rows=450, model=model, wrap=slow)
    played = scene.play()
    assert played.result.exit_code == 0
    assert played.lasted_s < 20.7


def test_deadline_is_kept_with_what_is_in_flight(tmp_path: Path) -> None:
    """Asking ends early enough that slow answers still come in time; what was paid for is in the journal."""
    scene = Scene(
        tmp_path, {"a": {"latency_s": 4.0}}, rows=5000, model={"": {"limits": {"max_concurrency": 20}}},
        changes={"budget": {"deadline": "60s"}},
    )  # fmt: skip
    played = scene.play()
    assert played.result.exit_code == 5
    assert "deadline" in played.result.reason
    assert 50 <= played.lasted_s <= 60.5
    assert played.result.requests == played.stats["a"].granted
    again = scene.play()
    assert again.result.exit_code == 5
    assert again.stats["a"].granted <= 20 * 2, "the time is used up but for what the early end left"


def test_lease_covers_what_is_in_flight(tmp_path: Path) -> None:
    """With a budget the journal holds, before each request is sent, an upper bound of all that is out; and it is gone
    when the session has ended."""
    out = tmp_path / "out"
    in_flight = 0
    most = 0
    is_covered: list[bool] = []  # an assertion in a provider would only be a failed call

    class Looking(VirtualProvider):
        async def complete(self, request: Request, *, timeout_s: float) -> Answer:
            nonlocal in_flight, most
            in_flight += 1
            most = max(most, in_flight)
            journal = Journal.read(out)
            lease = journal.sessions()[-1].lease
            journal.close()
            is_covered.append(lease.requests >= in_flight and lease.usage.total_tokens >= 100 * in_flight)
            try:
                return await super().complete(request, timeout_s=timeout_s)
            finally:
                in_flight -= 1

    def look(provider: VirtualProvider) -> VirtualProvider:
        provider.__class__ = Looking
        return provider

    scene = Scene(
        tmp_path, {"a": {"throttle_ratio": 0.1, "error_ratio": 0.1}}, rows=100, wrap=look,
        model={"": {"params": {"max_tokens": 100}}}, changes={"budget": {"max_requests": 10_000}},
    )  # fmt: skip
    played = scene.play()
    assert played.result.exit_code == 0
    assert most > 10
    assert all(is_covered)
    assert played.of(BudgetState)
    journal = Journal.read(out)
    assert journal.sessions()[-1].lease.requests == 0
    journal.close()


def test_limits_are_told_and_kept(tmp_path: Path) -> None:
    """What an endpoint turns out to take is an event, and a history in the journal."""
    scene = Scene(tmp_path, {"a": {"requests_per_s": 20, "has_limit_headers": False}}, rows=400)
    played = scene.play()
    told = played.of(LimitChanged)
    assert any(change.why == "throttled" for change in told)
    assert told[-1].requests_per_s == pytest.approx(20, rel=0.2)
    journal = Journal.read(tmp_path / "out")
    assert [(c.why, c.max_concurrency) for c in journal.limit_history()] == [(c.why, c.max_concurrency) for c in told]
    journal.close()


@pytest.mark.parametrize("bound", ["max_requests", "max_tokens"])
def test_budget_holds_over_sessions_with_faults(tmp_path: Path, bound: str) -> None:
    """Through errors, cut bodies and throttling, over two sessions: never more than the bound as the server counts."""
    faults = {"error_ratio": 0.1, "cut_ratio": 0.05, "throttle_ratio": 0.1, "malformed_ratio": 0.1}
    model = {"": {"params": {"max_tokens": 120}}}
    limit = {"max_requests": 150, "max_tokens": 12_000}[bound]
    scene = Scene(tmp_path, {"a": faults}, rows=1000, model=model, changes={"budget": {bound: limit // 2}})
    first = scene.play()
    assert first.result.exit_code == 5
    scene.changes = {"budget": {bound: limit}}
    second = scene.play()
    assert second.result.exit_code == 5
    granted = first.stats["a"].granted + second.stats["a"].granted
    tokens = sum(s.input_tokens + s.output_tokens for s in (first.stats["a"], second.stats["a"]))
    spent = granted if bound == "max_requests" else tokens
    assert 0.6 * limit <= spent <= limit
    scene.changes = {"budget": {}}
    scene.rows = 300
    assert scene.play().result.exit_code == 0


def test_journal_accounts_for_every_call_at_every_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a slow disk, with several pacers and calls that fail: whenever a call leaves, answers, losses and the lease
    that are durable cover all that left so far."""
    out = tmp_path / "out"
    begun = 0
    short: list[int] = []

    class Counting(VirtualProvider):
        async def complete(self, request: Request, *, timeout_s: float) -> Answer:
            nonlocal begun
            begun += 1
            journal = Journal.read(out)
            accounted = journal.answers() + journal.losses_total()[0] + journal.sessions()[-1].lease.requests
            journal.close()
            short.extend([begun - accounted] * (begun > accounted))
            return await super().complete(request, timeout_s=timeout_s)

    def count(provider: VirtualProvider) -> VirtualProvider:
        provider.__class__ = Counting
        return provider

    monkeypatch.setattr(JournalWriter, "call", slowly)
    servers = {name: {"error_ratio": 0.2} for name in "abc"}
    changes = {"budget": {"max_requests": 10_000}}
    played = Scene(tmp_path, servers, rows=200, wrap=count, changes=changes).play()
    assert played.result.exit_code == 0
    assert short == []


def test_budget_holds_where_the_far_side_adds_a_prompt_of_its_own(tmp_path: Path) -> None:
    """A server that bills a thousand tokens more than were sent costs no more than the budget allows."""
    billed = 0

    class Wordy(VirtualProvider):
        async def complete(self, request: Request, *, timeout_s: float) -> Answer:
            nonlocal billed
            answer = await super().complete(request, timeout_s=timeout_s)
            usage = replace(answer.usage, input_tokens=answer.usage.input_tokens + 1000)
            billed += usage.total_tokens
            return answer._replace(usage=usage)

    def bill(provider: VirtualProvider) -> VirtualProvider:
        provider.__class__ = Wordy
        return provider

    model = {"": {"params": {"max_tokens": 100}}}
    changes = {"budget": {"max_tokens": 300_000}}
    played = Scene(tmp_path, {"a": {}}, rows=5000, wrap=bill, model=model, changes=changes).play()
    assert played.result.exit_code == 5
    assert 250_000 <= billed <= 300_000


def test_endpoint_that_waits_for_its_token_rate_holds_up_no_other(tmp_path: Path) -> None:
    """Of two endpoints one may take few tokens a minute: the other does the work, as fast as it would alone."""
    model = {"": {"params": {"max_tokens": 100}}, "b": {"limits": {"tokens_per_min": 3000}}}
    servers = {name: {"has_limit_headers": False} for name in "ab"}
    played = Scene(tmp_path, servers, rows=200, model=model).play()
    assert played.result.exit_code == 0
    assert played.stats["a"].granted >= 180
    assert played.lasted_s <= 10


def test_second_interrupt_leaves_a_drain_that_a_deadline_began(tmp_path: Path) -> None:
    """Where the deadline ended the run and slow answers are still out, the second Ctrl-C leaves at once."""
    begun = 0

    class Interrupting(VirtualProvider):
        async def complete(self, request: Request, *, timeout_s: float) -> Answer:
            nonlocal begun
            begun += 1
            if begun == 5:
                for at_s in (25, 26):
                    asyncio.get_running_loop().call_later(at_s, os.kill, os.getpid(), signal.SIGINT)
            return await super().complete(request, timeout_s=timeout_s)

    def interrupt(provider: VirtualProvider) -> VirtualProvider:
        provider.__class__ = Interrupting
        return provider

    model = {"": {"timeout_s": 600}}
    changes = {"budget": {"deadline": "20s"}}
    scene = Scene(tmp_path, {"a": {"latency_s": 300}}, rows=100, wrap=interrupt, model=model, changes=changes)
    played = scene.play()
    assert played.lasted_s < 30
    assert played.result.exit_code == 5


def test_long_wait_named_by_a_passing_error_holds_up_nothing(tmp_path: Path) -> None:
    """One bad gateway that says "retry after ten hours" costs no more than an outage may."""
    begun = 0

    class Hiccup(VirtualProvider):
        async def complete(self, request: Request, *, timeout_s: float) -> Answer:
            nonlocal begun
            begun += 1
            if begun == 5:
                raise EndpointError(502, {"error": {"message": "bad gateway"}}, {"retry-after": "36000"})
            return await super().complete(request, timeout_s=timeout_s)

    def hiccup(provider: VirtualProvider) -> VirtualProvider:
        provider.__class__ = Hiccup
        return provider

    changes = {"retry": {"max_outage_s": 60}}
    played = Scene(tmp_path, {"a": {}}, rows=100, wrap=hiccup, changes=changes).play()
    assert played.result.exit_code == 0
    assert played.lasted_s <= 65


def test_template_that_fails_for_a_stored_slot_loses_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slot that cannot be made again while answers of earlier sessions are judged ends the run; what is in flight
    lands first."""
    scene = Scene(tmp_path, {"a": {}}, rows=300, changes={"budget": {"max_requests": 100}})
    first = scene.play()
    journal = Journal.create(tmp_path / "out")
    journal.forget_decisions()
    journal.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "out" / JOURNAL_NAME)) as file, file:
        file.execute("DELETE FROM completions WHERE ordinal = 0")  # a gap is asked while others are still read
    make = SlotMaker.make
    calls: list[str] = []

    def fail_late(slots: SlotMaker, label: str, ordinal: int) -> Slot:
        if ordinal == 5 and calls:
            raise JobError("slot 5: 'seed' is undefined")
        return make(slots, label, ordinal)

    class Noting(VirtualProvider):
        async def complete(self, request: Request, *, timeout_s: float) -> Answer:
            calls.append("")
            return await super().complete(request, timeout_s=timeout_s)

    def note(provider: VirtualProvider) -> VirtualProvider:
        provider.__class__ = Noting
        return provider

    monkeypatch.setattr(SlotMaker, "make", fail_late)
    monkeypatch.setattr(JournalWriter, "call", slowly)
    monkeypatch.setattr("synthgen.engine.running.earlier_answers.RELOAD_BATCH", 1)
    scene.wrap, scene.changes = note, {}
    with pytest.raises(JobError, match="undefined"):
        scene.play()
    journal = Journal.read(tmp_path / "out")
    assert calls
    assert journal.answers() == first.result.requests - 2 + len(calls)
    journal.close()


def test_last_slot_that_breaks_the_server_is_given_up(tmp_path: Path) -> None:
    """A prompt that a server answers with 500 whenever it comes is given up also where nobody else is asked: one more
    slot shows that the server is well."""
    answered: set[str] = set()
    broken: set[str] = set()

    class Breaking(VirtualProvider):
        async def complete(self, request: Request, *, timeout_s: float) -> Answer:
            asked = request.prompt.messages[-1].content
            if answered and not broken:
                broken.add(asked)
            if asked in broken:
                raise EndpointError(500, {"error": {"message": "crash"}}, {})
            answered.add(asked)
            return await super().complete(request, timeout_s=timeout_s)

    def break_(provider: VirtualProvider) -> VirtualProvider:
        provider.__class__ = Breaking
        return provider

    model = {"": {"limits": {"max_concurrency": 1}}}
    changes = {"prompt": {"template": "plain.j2", "seeds": 2, "items": 5}}
    played = Scene(tmp_path, {"a": {}}, rows=2, wrap=break_, model=model, changes=changes).play()
    assert played.result.exit_code == 0
    assert played.result.failed == 1
    assert played.lasted_s < 60


def test_cancellation_that_nobody_asked_for_is_a_failed_call(tmp_path: Path) -> None:
    """A client that lets a cancellation of its own out costs one more try, not the run."""
    begun = 0

    class Leaky(VirtualProvider):
        async def complete(self, request: Request, *, timeout_s: float) -> Answer:
            nonlocal begun
            begun += 1
            if begun == 30:
                raise asyncio.CancelledError
            return await super().complete(request, timeout_s=timeout_s)

    def leak(provider: VirtualProvider) -> VirtualProvider:
        provider.__class__ = Leaky
        return provider

    played = Scene(tmp_path, {"a": {}}, wrap=leak).play()
    assert played.result.status == "complete"
    assert played.result.requests == played.stats["a"].granted
