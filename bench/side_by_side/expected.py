"""What synthgen should show beside its peers, and whether it does. Only what was measured is judged."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence

from bench.side_by_side.cases import Case, beside_engine, runs_of
from bench.side_by_side.catalogue import ENGINE, PEERS
from bench.side_by_side.measured import Run
from bench.side_by_side.tables import TITLES, cpu_ratio, median, per_s_ratio
from bench.stage import Figure, at_least, at_most, equal

# case -> (peer, floor of the requests/s, synthgen to it); `framework` is the one with the most requests/s.
FASTER_THAN: Mapping[str, Sequence[tuple[str, float]]] = {
    "100ms": (("bare", 0.7), ("framework", 3.0), ("distilabel", 10.0)),
    "tail": (("bare", 0.95), ("distilabel", 2.0)),
}
CHEAPER_THAN: Mapping[str, Sequence[tuple[str, float]]] = {"100ms": (("bare", 2.5), ("openai", 0.25))}
MAX_START_UP_S = 1.0


def expectations(cases: Sequence[Case], runs: Sequence[Run]) -> list[Figure]:
    """What synthgen should show, beside what it did; only what was measured."""
    figures: list[Figure] = []
    for case in cases:
        found = runs_of(case, runs)
        own = [run for run in found if run.peer == ENGINE.name]
        if own:
            figures += _judge(case.name, own, found)
    return figures


def _judge(case: str, own: Sequence[Run], found: Sequence[Run]) -> list[Figure]:
    if case == "start-up":
        best = min((r.start_up_s for r in own if r.start_up_s is not None), default=None)
        return [] if best is None else [at_most("start-up: synthgen's s to the first request", best, MAX_START_UP_S)]
    if case != own[0].case:
        return []  # another case's runs, judged there
    whole = sum(run.is_done and run.rows.kept == run.asked for run in own)
    figures = [equal(f"{case}: synthgen's runs with every row", f"{whole} of {len(own)}", f"{len(own)} of {len(own)}")]
    for peer, floor in FASTER_THAN.get(case, ()):
        figures += _ratio(case, "requests/s", peer, found, per_s_ratio, floor, at_least)
    for peer, ceiling in CHEAPER_THAN.get(case, ()):
        figures += _ratio(case, "CPU a request", peer, found, cpu_ratio, ceiling, at_most)
    last = own[-1]
    if case == "faults":
        others = [r for r in found if r.peer != ENGINE.name and r.is_done]
        quickest = min(
            (r.wall_s for r in others if r.rows.kept == r.asked and not r.rows.malformed), default=last.wall_s
        )
        figures += [
            equal("faults: malformed rows synthgen kept", last.rows.malformed, 0),
            at_most("faults: synthgen's seconds, to the quickest as whole and clean", last.wall_s / quickest, 1.0),
        ]
    if case == "kill":
        ceiling = last.asked + 2 * last.in_flight
        figures += [
            at_most("kill: answers synthgen paid for (rows, twice in flight)", last.served["granted"], ceiling, "{:,}"),
            at_most("kill: answers paid for twice", last.served["repeats"], last.in_flight, "{:,}"),
        ]
    return figures


def _ratio(
    case: str,
    what: str,
    peer: str,
    found: Sequence[Run],
    ratio: Callable[[Run, Run], float],
    bound: float,
    judge: Callable[[str, float, float, str], Figure],
) -> list[Figure]:
    called = ""
    if peer == "framework":
        fastest = fastest_framework(found)
        if fastest is None:
            return []
        peer, called = fastest, "the fastest framework, "
    values = beside_engine(peer, found, ratio)
    several = f" ({min(values):.2f} to {max(values):.2f})" if len(values) > 1 else ""
    name = f"{case}: {what}, synthgen to {called}{TITLES[peer]}{several}"
    return [judge(name, statistics.median(values), bound, "{:.2f}")] if values else []


def fastest_framework(found: Sequence[Run]) -> str | None:
    """The framework with the most requests a second."""
    names = [peer.name for peer in PEERS if peer.kind == "framework"]
    speeds = {name: median([r for r in found if r.peer == name], lambda r: r.per_s) for name in names}
    known = {name: speed for name, speed in speeds.items() if speed}
    return max(known, key=lambda name: known[name]) if known else None
