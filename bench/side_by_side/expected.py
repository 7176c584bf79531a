"""What synthgen should show beside its peers, and whether it does. Only what was measured is judged."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence

from bench.side_by_side.cases import Case, beside_engine, runs_of
from bench.side_by_side.catalogue import ENGINE, PEERS
from bench.side_by_side.measured import Run
from bench.side_by_side.tables import TITLES, cpu_ratio, median, per_s_ratio
from bench.stage import Figure, at_least, at_most, equal

FRAMEWORKS = tuple(peer.name for peer in PEERS if peer.kind == "framework")


def expectations(cases: Sequence[Case], runs: Sequence[Run]) -> list[Figure]:
    """What synthgen should show, beside what it did; only what was measured."""
    figures: list[Figure] = []
    for case in cases:
        found = runs_of(case, runs)
        if any(run.peer == ENGINE.name for run in found):
            figures += EXPECTED.get(case.name, _nothing)(found)
    return figures


def _nothing(found: Sequence[Run]) -> list[Figure]:
    return _all_rows(found)


def _all_rows(found: Sequence[Run]) -> list[Figure]:
    own = [run for run in found if run.peer == ENGINE.name]
    whole = sum(run.is_done and run.rows.kept == run.asked for run in own)
    return [
        equal(f"{own[0].case}: synthgen's runs with every row", f"{whole} of {len(own)}", f"{len(own)} of {len(own)}")
    ]


def _least(found: Sequence[Run], peer: str, floor: float, called: str = "") -> list[Figure]:
    values = beside_engine(peer, found, per_s_ratio)
    return [_ratio(found, "requests/s", f"{called}{TITLES[peer]}", values, floor, at_least)] if values else []


def _most(found: Sequence[Run], peer: str, ceiling: float) -> list[Figure]:
    values = beside_engine(peer, found, cpu_ratio)
    return [_ratio(found, "CPU a request", TITLES[peer], values, ceiling, at_most)] if values else []


def _ratio(
    found: Sequence[Run],
    what: str,
    peer: str,
    values: Sequence[float],
    bound: float,
    judge: Callable[[str, float, float, str], Figure],
) -> Figure:
    name = f"{found[0].case}: {what}, synthgen to {peer}"
    several = f" ({min(values):.2f} to {max(values):.2f})" if len(values) > 1 else ""
    return judge(f"{name}{several}", statistics.median(values), bound, "{:.2f}")


def fastest_framework(found: Sequence[Run]) -> str | None:
    """The framework with the most requests a second."""
    speeds = {name: median([r for r in found if r.peer == name], lambda r: r.per_s) for name in FRAMEWORKS}
    known = {name: speed for name, speed in speeds.items() if speed}
    return max(known, key=lambda name: known[name]) if known else None


def _at_100ms(found: Sequence[Run]) -> list[Figure]:
    fastest = fastest_framework(found)
    return [
        *_all_rows(found),
        *_least(found, "bare", 0.7),
        *(_least(found, fastest, 3.0, "the fastest framework, ") if fastest else []),
        *_least(found, "distilabel", 10.0),
        *_most(found, "bare", 2.5),
        *_most(found, "openai", 0.25),
    ]


def _at_tail(found: Sequence[Run]) -> list[Figure]:
    return [*_all_rows(found), *_least(found, "bare", 0.95), *_least(found, "distilabel", 2.0)]


def _start_up(found: Sequence[Run]) -> list[Figure]:
    best = min((r.start_up_s for r in found if r.peer == ENGINE.name and r.start_up_s is not None), default=None)
    return [] if best is None else [at_most("start-up: synthgen's seconds to the first request", best, 1.0, "{:.2f}")]


def _at_faults(found: Sequence[Run]) -> list[Figure]:
    own = [run for run in found if run.peer == ENGINE.name][-1]
    clean = [
        r for r in found if r.peer != ENGINE.name and r.is_done and r.rows.kept == r.asked and not r.rows.malformed
    ]
    quickest = min((r.wall_s for r in clean), default=own.wall_s)
    return [
        *_all_rows(found),
        equal("faults: malformed rows synthgen kept", own.rows.malformed, 0),
        at_most("faults: synthgen's seconds, to the quickest as whole and clean", own.wall_s / quickest, 1.0, "{:.2f}"),
    ]


def _at_kill(found: Sequence[Run]) -> list[Figure]:
    own = [run for run in found if run.peer == ENGINE.name][-1]
    bound = own.asked + 2 * own.in_flight
    return [
        *_all_rows(found),
        at_most(
            "kill: answers synthgen bought, rows plus twice what may be in flight", own.served["granted"], bound, "{:,}"
        ),
        at_most("kill: answers bought twice", own.served["repeats"], own.in_flight, "{:,}"),
    ]


EXPECTED: Mapping[str, Callable[[Sequence[Run]], list[Figure]]] = {
    "100ms": _at_100ms,
    "tail": _at_tail,
    "memory": lambda found: _all_rows(found) if found[0].case == "memory" else [],
    "start-up": _start_up,
    "faults": _at_faults,
    "kill": _at_kill,
}
