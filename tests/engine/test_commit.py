"""The committer holds what may still be judged, and nothing else."""

from __future__ import annotations

import threading
from typing import Any

import anyio
import anyio.to_thread
import pytest

from synthgen.dedup import Deduplicator
from synthgen.engine.judging import commit
from synthgen.engine.judging.commit import Committer
from synthgen.engine.judging.evaluate import EvaluatedSlot, Judged
from synthgen.engine.planning.demand import ClassDemand, Demand
from synthgen.engine.planning.interleaving import Interleaving
from synthgen.job import DuplicateCheck, StarvationConfig
from synthgen.records import Candidate, Draft, Prompt, Request, Slot


class Sink:
    """Takes what a writer would."""

    def __init__(self) -> None:
        self.written: list[Any] = []

    def queue(self, write: Any, *, then: Any = None) -> None:
        self.written.append(write)


def evaluated(label: str, ordinal: int) -> EvaluatedSlot:
    slot = Slot(f"s1:{label}{ordinal}", Draft(label, ordinal, (), {}, 0, 0), Request(Prompt(), {}))
    text = f"a text of class {label} with the number {ordinal}"
    candidate = Candidate(f"r1:{text}", slot.id, label, ordinal, 0, text, {"text": text})
    return EvaluatedSlot(slot, (Judged(candidate, None),))


@pytest.mark.anyio
async def test_slots_of_a_class_that_is_done_are_dropped() -> None:
    """They would fill the window for ever, and what waits behind them would never be read from the journal again."""
    targets = {"a": 2, "b": 2}
    demand = Demand(
        Interleaving(targets), {k: ClassDemand(k, n, 1, StarvationConfig()) for k, n in targets.items()}, window=10
    )
    sink, dedup = Sink(), Deduplicator(None, None, None)
    committer = Committer(demand=demand, dedup=lambda _: dedup, writer=sink, observe=lambda _: None)  # type: ignore[arg-type]
    for ordinal in range(6):
        committer.land(evaluated("a", ordinal))
    committer.land(evaluated("b", 0))
    assert await committer.commit_ready() == 3
    assert demand.classes["a"].is_met
    assert committer.waiting == 0
    committer.land(evaluated("a", 7))
    committer.land(evaluated("b", 1))
    assert committer.waiting == 1
    assert [(w.label, w.ordinal) for w in sink.written] == [("a", 0), ("b", 0), ("a", 1)]


@pytest.mark.anyio
async def test_others_have_their_turn_while_a_large_pool_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests would wait for it: a search among a million rows takes a tenth of a second. What is called for beside it
    waits, and every row is judged as it would have been."""
    monkeypatch.setattr(commit, "LARGE_POOL_ROWS", 1)
    began, goes_on = threading.Event(), threading.Event()

    class Slow(Deduplicator):
        def look_ahead(self, *burst: Any) -> None:
            began.set()
            assert goes_on.wait(20)
            super().look_ahead(*burst)

    dedup = Slow(DuplicateCheck(check="duplicate", near=False, lexical=0.7), None, None)
    demand = Demand(Interleaving({"a": 9}), {"a": ClassDemand("a", 9, 1, StarvationConfig())}, window=10)
    sink = Sink()
    committer = Committer(demand=demand, dedup=lambda _: dedup, writer=sink, observe=lambda _: None)  # type: ignore[arg-type]
    committer.land(evaluated("a", 0))
    assert await committer.commit_ready() == 1
    for ordinal in (1, 2, 3):
        committer.land(evaluated("a", ordinal))
    counts: list[int] = []

    async def commit_all() -> None:
        while count := await committer.commit_ready():
            counts.append(count)

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(commit_all)
            assert await anyio.to_thread.run_sync(began.wait, 20)
            tasks.start_soon(commit_all)
            await anyio.sleep(0.01)
            committer.land(evaluated("a", 4))
            assert not counts
            goes_on.set()
    assert counts == [3, 1]
    assert [write.ordinal for write in sink.written] == [0, 1, 2, 3, 4]
    is_kept = [decision.rejection is None for write in sink.written for decision in write.decisions]
    assert is_kept == [True, False, False, False, False]
