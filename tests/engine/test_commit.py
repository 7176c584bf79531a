"""The committer holds what may still be judged, and nothing else."""

from __future__ import annotations

from typing import Any

from synthgen.dedup import Deduplicator
from synthgen.engine.commit import Committer
from synthgen.engine.demand import ClassDemand, Demand
from synthgen.engine.evaluate import Judged, Landed
from synthgen.job import StarvationConfig
from synthgen.plan import Interleaving
from synthgen.records import Candidate, Draft, Prompt, Request, Slot


class Sink:
    """Takes what a writer would."""

    def __init__(self) -> None:
        self.written: list[Any] = []

    def queue(self, write: Any, *, then: Any = None) -> None:
        self.written.append(write)


def landed(label: str, ordinal: int) -> Landed:
    slot = Slot(f"s1:{label}{ordinal}", Draft(label, ordinal, (), {}, 0, 0), Request(Prompt(), {}))
    text = f"{label} {ordinal}"
    candidate = Candidate(f"r1:{text}", slot.id, label, ordinal, 0, text, {"text": text})
    return Landed(slot, (Judged(candidate, None),))


def test_slots_of_a_class_that_is_done_are_dropped() -> None:
    """They would fill the window for ever, and what waits behind them would never be read from the journal again."""
    targets = {"a": 2, "b": 2}
    demand = Demand(
        Interleaving(targets), {k: ClassDemand(k, n, 1, StarvationConfig()) for k, n in targets.items()}, window=10
    )
    sink, dedup = Sink(), Deduplicator(None, None, None)
    committer = Committer(demand=demand, dedup=lambda _: dedup, writer=sink, observe=lambda _: None)  # type: ignore[arg-type]
    for ordinal in range(6):
        committer.land(landed("a", ordinal))
    committer.land(landed("b", 0))
    assert committer.commit_ready() == 3
    assert demand.classes["a"].is_met
    assert committer.waiting == 0
    committer.land(landed("a", 7))
    committer.land(landed("b", 1))
    assert committer.waiting == 1
    assert [(w.label, w.ordinal) for w in sink.written] == [("a", 0), ("b", 0), ("a", 1)]
