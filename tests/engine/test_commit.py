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
from synthgen.engine.planning.demand import ClassDemand, Demand, Tally
from synthgen.engine.planning.interleaving import Interleaving
from synthgen.job import DuplicateCheck, StarvationConfig
from synthgen.records import Candidate, Draft, Prompt, Request, Slot


class Sink:
    """Takes what a writer would."""

    def __init__(self) -> None:
        self.written: list[Any] = []

    def queue(self, write: Any, *, about: Any = None) -> None:
        self.written.append(write)


def evaluated(label: str, ordinal: int) -> EvaluatedSlot:
    slot = Slot(f"s1:{label}{ordinal}", Draft(label, ordinal, (), {}, 0, 0), Request(Prompt(), {}))
    text = f"a text of class {label} with the number {ordinal}"
    candidate = Candidate(f"r1:{text}", slot.id, label, ordinal, 0, text, {"text": text})
    return EvaluatedSlot(slot, (Judged(candidate, None),))


async def commit_ready(committer: Committer, dedup: Deduplicator) -> int:
    return await committer.commit_ready(lambda _: dedup, lambda turn: committer.commit(committer.decide(turn)))


@pytest.mark.anyio
async def test_slots_of_a_class_that_is_done_are_dropped() -> None:
    """They would fill the window for ever, and what waits behind them would never be read from the journal again."""
    targets = {"a": 2, "b": 2}
    tally = Tally()
    accounts = {k: ClassDemand(k, n, 1, StarvationConfig(), tally) for k, n in targets.items()}
    demand = Demand(Interleaving(targets), accounts, tally, window=10)
    sink, dedup = Sink(), Deduplicator(None, None, None)
    committer = Committer(demand=demand, writer=sink, observe=lambda _: None)  # type: ignore[arg-type]
    for ordinal in range(6):
        committer.add(evaluated("a", ordinal))
    committer.add(evaluated("b", 0))
    assert await commit_ready(committer, dedup) == 3
    assert demand.classes["a"].is_met
    assert committer.waiting == 0
    committer.add(evaluated("a", 7))
    committer.add(evaluated("b", 1))
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
    tally = Tally()
    demand = Demand(Interleaving({"a": 9}), {"a": ClassDemand("a", 9, 1, StarvationConfig(), tally)}, tally, window=10)
    sink = Sink()
    committer = Committer(demand=demand, writer=sink, observe=lambda _: None)  # type: ignore[arg-type]
    committer.add(evaluated("a", 0))
    assert await commit_ready(committer, dedup) == 1
    for ordinal in (1, 2, 3):
        committer.add(evaluated("a", ordinal))
    counts: list[int] = []

    async def commit_all() -> None:
        while count := await commit_ready(committer, dedup):
            counts.append(count)

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(commit_all)
            assert await anyio.to_thread.run_sync(began.wait, 20)
            tasks.start_soon(commit_all)
            await anyio.sleep(0.01)
            committer.add(evaluated("a", 4))
            assert not counts
            goes_on.set()
    assert counts == [3, 1]
    assert [write.ordinal for write in sink.written] == [0, 1, 2, 3, 4]
    is_kept = [decision.rejection is None for write in sink.written for decision in write.decisions]
    assert is_kept == [True, False, False, False, False]
