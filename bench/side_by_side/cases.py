"""What is measured: one server's behaviour each, how much is asked of it, and who takes part."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.side_by_side.catalogue import ENGINE, Peer
from bench.side_by_side.environments import Environment
from bench.side_by_side.measured import Rows, Run
from bench.side_by_side.running import Order, carry_out, kill_at_half

# With fewer waves than these a run is all start and end: everything is sent before the first answer is looked at.
MIN_WAVES = 4
MIN_IN_FLIGHT = 8
Carry = Callable[[Peer, Environment, Order, Mapping[str, Any]], Run]


@dataclass(frozen=True, slots=True)
class Case:
    """One case.

    Attributes:
        name: On the command line.
        title: In tables.
        settings: Of the simulator.
        share: Of the rows asked for on the command line.
        in_flight: Requests at once, at most; fewer where the rows are few.
        turns: By default.
        limit_s: Seconds for a run of 2,000 rows; more rows get more.
        same_runs_as: The case whose runs it reads, where that one was measured in the same go.
        needs_retries: Whether only those take part that ask again by themselves.
        is_validated, timeout_s: As in `Order`.
        needs_all_rows: Whether who is bounded to fewer rows has no part in it.
        is_long: Whether it is measured only where it is named.
        counted_ratio: The share of the answers that count for the rate. The last ones of a heavy tail take as long as
            chance will have it, and the engine, whose prompts are its own, draws others than its peers.
        carry: How a run is done.
        minutes: What it takes with all peers at the defaults, for the help.
    """

    name: str
    title: str
    settings: Mapping[str, Any]
    share: float = 1.0
    in_flight: int = 256
    turns: int = 1
    limit_s: float = 150.0
    same_runs_as: str = ""
    needs_retries: bool = False
    is_validated: bool = False
    is_resumable: bool = False
    needs_all_rows: bool = False
    is_long: bool = False
    timeout_s: float = 60.0
    counted_ratio: float = 1.0
    carry: Carry = carry_out
    minutes: float = 2.0


FAULTS: Mapping[str, Any] = {
    "latency_s": 0.1,
    "throttle_ratio": 0.10,
    "retry_after_s": 1.0,
    "error_ratio": 0.05,
    "hang_ratio": 0.002,
    "hang_s": 60.0,
    "malformed_ratio": 0.05,
    "has_fresh_answers": True,
}
CASES = (
    Case("100ms", "100 ms an answer", {"latency_s": 0.1}, turns=2, minutes=5),
    Case("0ms", "0 ms an answer", {"latency_s": 0.0}, minutes=2.5),
    Case("1000ms", "1,000 ms an answer", {"latency_s": 1.0}, in_flight=500, minutes=3),
    Case(
        "tail",
        "heavy tail: log-normal around 100 ms, p99 = 20 x median; rate of the first 95 % of the answers",
        {"latency_s": 0.1, "latency_kind": "lognormal", "latency_p99_factor": 20.0},
        counted_ratio=0.95,
        limit_s=180.0,
        minutes=3,
    ),
    Case("memory", "memory at 100 ms an answer", {"latency_s": 0.1}, same_runs_as="100ms"),
    Case("start-up", "start-up", {"latency_s": 0.1}, share=0.01, turns=2, same_runs_as="100ms"),
    Case(
        "faults",
        "faults: 10 % 429 with Retry-After 1, 5 % 500, 0.2 % hang 60 s, 5 % malformed",
        FAULTS,
        share=0.5,
        needs_retries=True,
        is_validated=True,
        timeout_s=10.0,
        limit_s=120.0,
        minutes=6,
    ),
    Case(
        "kill",
        "SIGKILL at half, and the same command again",
        {"latency_s": 0.1},
        share=0.5,
        in_flight=64,
        needs_retries=True,
        is_resumable=True,
        limit_s=60.0,
        carry=kill_at_half,
        minutes=4,
    ),
    Case("10k", "five times the rows, 100 ms an answer", {"latency_s": 0.1}, share=5, is_long=True, minutes=9),
    Case(
        "100k",
        "fifty times the rows, 100 ms an answer",
        {"latency_s": 0.1},
        share=50,
        needs_all_rows=True,
        is_long=True,
        minutes=11,
    ),
)


@dataclass(slots=True)
class Plan:
    """What the command line asks for.

    Attributes:
        cases, peers: Which.
        rows: Of a case whose share is 1.
        turns: Of every case; None takes each case's own.
        in_flight: The same for requests at once.
        homes: Where each peer is run.
    """

    cases: Sequence[Case]
    peers: Sequence[Peer]
    rows: int
    turns: int | None
    in_flight: int | None
    homes: Mapping[str, Environment] = field(default_factory=dict)

    def measure(self) -> Iterator[Run]:
        """Every run, one after the other, the peers in turns; each turn begins with another peer."""
        chosen = {case.name for case in self.cases}
        for case in self.cases:
            if case.same_runs_as in chosen:
                continue
            for turn in range(self.turns or case.turns):
                for peer in self._takers(case, turn):
                    yield self._run(case, peer, turn)

    def _takers(self, case: Case, turn: int) -> list[Peer]:
        takers = [p for p in self.peers if self._takes_part(p, case) and self.homes[p.name].python]
        first = turn % max(1, len(takers))
        return takers[first:] + takers[:first]

    def _takes_part(self, peer: Peer, case: Case) -> bool:
        is_bounded = case.needs_all_rows and self._rows_of(case) > peer.max_rows
        return not is_bounded and (peer.retries or not case.needs_retries)

    def _rows_of(self, case: Case) -> int:
        return round(case.share * self.rows)

    def _run(self, case: Case, peer: Peer, turn: int) -> Run:
        rows = max(20, min(self._rows_of(case), peer.max_rows))
        order = Order(
            case=case.name,
            turn=turn,
            rows=rows,
            in_flight=self.in_flight or min(case.in_flight, max(MIN_IN_FLIGHT, rows // MIN_WAVES)),
            limit_s=case.limit_s * max(1.0, rows / 2000),
            is_validated=case.is_validated,
            is_resumable=case.is_resumable,
            timeout_s=case.timeout_s,
            counted_ratio=case.counted_ratio,
        )
        began = time.monotonic()
        try:
            run = case.carry(peer, self.homes[peer.name], order, {**case.settings, "seed": turn + 1})
        except (OSError, RuntimeError, ValueError) as error:  # the simulator's end or a peer's files: the rest go on
            run = _broken(peer, order, str(error) or type(error).__name__, time.monotonic() - began)
        said = f"{case.name} turn {turn + 1} {peer.name}: {run.outcome}, {run.rows.kept:,} rows of {rows:,}"
        print(f"{said}, {time.monotonic() - began:.0f} s {run.why}".rstrip(), file=sys.stderr, flush=True)
        return run


def _broken(peer: Peer, order: Order, why: str, wall_s: float) -> Run:
    """A run that could not be carried through."""
    served = {"granted": 0, "received": 0, "repeats": 0, "max_in_flight": 0, "by_status": {}}
    why = " ".join(why.split())[:200].replace("|", "/")
    return Run(
        peer.name, order.case, order.turn, order.rows, order.in_flight, "failed", wall_s, Rows(0, 0, 0), served, why
    )


def runs_of(case: Case, runs: Sequence[Run]) -> list[Run]:
    """The runs that a case's tables are made of."""
    own = [run for run in runs if run.case == case.name]
    return own or [run for run in runs if run.case == case.same_runs_as]


def beside_engine(peer: str, runs: Sequence[Run], ratio: Callable[[Run, Run], float]) -> list[float]:
    """A ratio of the engine's run to the peer's in each turn where both were done; empty where there is none."""
    engine = {run.turn: run for run in runs if run.peer == ENGINE.name and run.is_done}
    theirs = {run.turn: run for run in runs if run.peer == peer and run.is_done}
    return [ratio(engine[turn], theirs[turn]) for turn in sorted(engine.keys() & theirs.keys())]
