"""Raw runs as tables: medians over turns, ratios within a turn with their spread, how one ended that was not done."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence

from bench.side_by_side.cases import Case, beside_engine, runs_of
from bench.side_by_side.catalogue import ENGINE, PEERS, Peer
from bench.side_by_side.environments import Environment
from bench.side_by_side.measured import Run

TITLES = {peer.name: peer.title for peer in PEERS}


def per_s_ratio(engine: Run, peer: Run) -> float:
    return engine.per_s / peer.per_s if peer.per_s else float("nan")


def cpu_ratio(engine: Run, peer: Run) -> float:
    return engine.cpu_ms / peer.cpu_ms if peer.cpu_ms else float("nan")


def spread(values: Sequence[float]) -> str:
    """The median, and the range where there are several."""
    if not values:
        return ""
    middle = f"{statistics.median(values):.2f}"
    return f"{middle} ({min(values):.2f} to {max(values):.2f})" if len(values) > 1 else middle


def median(runs: Iterable[Run], figure: Callable[[Run], float | None]) -> float | None:
    """Over the runs that came to their end; None where there is none."""
    values = [value for run in runs if run.is_done and (value := figure(run)) is not None]
    return statistics.median(values) if values else None


def spell(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)


def table_of(case: Case, runs: Sequence[Run], homes: Mapping[str, Environment]) -> str:
    """The table of a case in markdown; peers in the order of the catalogue, those not there with the reason."""
    found = runs_of(case, runs)
    heads, row = {"faults": FAULTS, "kill": KILL, "memory": MEMORY, "start-up": START_UP}.get(case.name, SPEED)
    lines = [f"| peer | {' | '.join(heads)} |", "|---|" + "---|" * len(heads)]
    for peer in PEERS:
        own = [run for run in found if run.peer == peer.name]
        home = homes.get(peer.name)
        if home is not None and home.python is None:
            lines.append(_wide(peer, f"not installed: {home.why}", len(heads)))
        elif own and not any(run.is_done for run in own) and case.name not in ("faults", "kill"):
            lines.append(_wide(peer, _ending(own[0]), len(heads)))
        elif own:
            lines.append(f"| {peer.title} | {' | '.join(row(peer, own, found))} |")
    return "\n".join(lines)


def _wide(peer: Peer, words: str, columns: int) -> str:
    return f"| {peer.title} | {words} |{' |' * (columns - 1)}"


def _ending(run: Run) -> str:
    """How a run that was not done ended."""
    if run.outcome == "failed":
        return f"failed: {run.why or 'no word said'}"
    return f"{'hung' if run.outcome == 'hung' else 'not done'} at {run.wall_s:.0f} s"


def _asked(own: Sequence[Run], found: Sequence[Run]) -> str:
    most = max(run.asked for run in found)
    return f"{own[0].asked:,}{' (its bound)' if own[0].asked < most else ''}"


def _speed_row(peer: Peer, own: Sequence[Run], found: Sequence[Run]) -> list[str]:
    is_engine = peer is ENGINE
    return [
        _asked(own, found),
        spell(median(own, lambda r: r.per_s), "{:,.0f}"),
        "" if is_engine else spread(beside_engine(peer.name, found, per_s_ratio)),
        spell(median(own, lambda r: r.cpu_ms), "{:.2f}"),
        "" if is_engine else spread(beside_engine(peer.name, found, cpu_ratio)),
        spell(median(own, lambda r: r.start_up_s), "{:.1f}"),
        spell(median(own, lambda r: r.wall_s), "{:.1f}"),
        spell(median(own, lambda r: r.peak_mib), "{:,.0f}"),
        spell(median(own, lambda r: float(r.served["max_in_flight"])), "{:,.0f}"),
        _rows_short(own),
    ]


def _rows_short(own: Sequence[Run]) -> str:
    """Rows that are missing, where there are any."""
    missing = max(run.asked - run.rows.kept for run in own)
    return f"{missing:,}" if missing else "0"


def _memory_row(peer: Peer, own: Sequence[Run], found: Sequence[Run]) -> list[str]:
    return [_asked(own, found), spell(median(own, lambda r: r.peak_mib), "{:,.0f}")]


def _start_up_row(peer: Peer, own: Sequence[Run], found: Sequence[Run]) -> list[str]:
    fastest = min((run.start_up_s for run in own if run.start_up_s is not None), default=None)
    return [
        spell(median(own, lambda r: r.start_up_s), "{:.2f}"),
        spell(fastest, "{:.2f}"),
        spell(median(own, lambda r: r.start_cpu_s), "{:.1f}"),
    ]


def _faults_row(peer: Peer, own: Sequence[Run], found: Sequence[Run]) -> list[str]:
    run = own[-1]
    statuses = {int(status): count for status, count in run.served["by_status"].items()}
    return [
        f"{run.rows.kept:,} of {run.asked:,}" if run.is_done else "none",
        f"{run.rows.malformed:,}" if run.is_done else "",
        f"{run.wall_s:.0f}" if run.is_done else _ending(run),
        f"{int(run.served['granted']):,}",
        f"{statuses.get(429, 0):,}",
        peer.validates or "nothing",
    ]


def _kill_row(peer: Peer, own: Sequence[Run], found: Sequence[Run]) -> list[str]:
    run = own[-1]
    asked_again = int(run.more.get("asked_again", 0))
    ending = "done" if run.is_done else "hung without one request" if run.outcome == "hung" else _ending(run)
    return [
        f"{int(run.served['granted']):,} for {run.asked:,}",
        f"{int(run.served['repeats']):,}",
        f"{run.asked - run.rows.kept:,}" if run.is_done else "",
        f"{asked_again:,}",
        f"{run.wall_s:.1f}" if run.is_done else "",
        ending,
        peer.resumes or "nothing: starts anew",
    ]


SPEED = (
    (
        "rows",
        "requests/s",
        "requests/s, synthgen to it",
        "CPU ms a request",
        "CPU, synthgen to it",
        "start-up s",
        "whole s",
        "peak MiB",
        "most in flight",
        "rows missing",
    ),
    _speed_row,
)
MEMORY = (("rows", "peak MiB, whole tree"), _memory_row)
START_UP = (("seconds to the first request", "at best", "CPU s until then"), _start_up_row)
FAULTS = (("rows", "malformed kept", "seconds", "answers bought", "429s met", "validated by"), _faults_row)
KILL = (
    ("answers bought", "bought twice", "rows lost", "asked again", "second run s", "ending", "resumes from"),
    _kill_row,
)
