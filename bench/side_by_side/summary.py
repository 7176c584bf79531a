"""The README's few lines: one table of absolute figures, and every measure in which another is ahead, by how much."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence

from bench.side_by_side.cases import beside_engine
from bench.side_by_side.catalogue import ENGINE, PEERS
from bench.side_by_side.measured import Run
from bench.side_by_side.tables import TITLES, cpu_ratio, median, per_s_ratio, spell

ALIKE = 1.05
Found = Mapping[str, Sequence[Run]]


def summarise(found: Found) -> str:
    """Markdown: the table, then who is ahead of synthgen and in what.

    Args:
        found: Runs by the case they are read for.
    """
    columns = [(head, case, cell) for head, case, cell in COLUMNS if found.get(case)]
    if not any(found.get(case) for _, case, _ in MEASURES):
        return "Nothing of what the summary shows was measured."
    lines = [f"| | {' | '.join(head for head, _, _ in columns)} |", "|---|" + "---|" * len(columns)]
    for peer in PEERS:
        own = {case: [run for run in found[case] if run.peer == peer.name] for _, case, _ in columns}
        if any(own.values()):
            cells = [cell(own[case]) if own[case] else "" for _, case, cell in columns]
            lines.append(f"| {peer.title} | {' | '.join(cells)} |")
    return "\n".join([*(lines if columns else []), "", *_losses(found)]).strip()


def _per_s(own: Sequence[Run]) -> str:
    return spell(median(own, lambda r: r.per_s), "{:,.0f}") or "not done"


def _cpu(own: Sequence[Run]) -> str:
    return spell(median(own, lambda r: r.cpu_ms), "{:.2f} ms")


def _start_up(own: Sequence[Run]) -> str:
    return spell(median(own, lambda r: r.start_up_s), "{:.1f} s")


def _memory(own: Sequence[Run]) -> str:
    return spell(median(own, lambda r: r.peak_mib), "{:,.0f} MiB")


def _faults(own: Sequence[Run]) -> str:
    run = own[-1]
    if not run.is_done:
        return f"not done in {run.wall_s:.0f} s"
    missing = run.asked - run.rows.kept
    said = [f"{run.wall_s:.0f} s"]
    said += [f"{missing:,} rows missing"] if missing else []
    said += [f"{run.rows.malformed:,} malformed kept"] if run.rows.malformed else []
    return ", ".join(said)


def _kill(own: Sequence[Run]) -> str:
    run = own[-1]
    if not run.is_done:
        return "hangs" if run.outcome == "hung" else "not done"
    lost = run.asked - run.rows.kept
    return f"{run.served['granted']:,} for {run.asked:,}{f', {lost:,} lost' if lost else ''}"


COLUMNS: tuple[tuple[str, str, Callable[[Sequence[Run]], str]], ...] = (
    ("requests/s at 100 ms", "100ms", _per_s),
    ("with a heavy tail", "tail", _per_s),
    ("CPU a request", "100ms", _cpu),
    ("start-up", "100ms", _start_up),
    ("peak memory", "100ms", _memory),
    ("every fault at once", "faults", _faults),
    ("killed at half: answers bought", "kill", _kill),
)


# --- where others are ahead: a ratio above 1 is the peer's advantage -------------------------------------------------


def _sooner(engine: Run, peer: Run) -> float:
    return engine.start_up_s / peer.start_up_s if engine.start_up_s and peer.start_up_s else 0.0


def _faster(engine: Run, peer: Run) -> float:
    return 1 / ratio if (ratio := per_s_ratio(engine, peer)) else 0.0


def _whole(engine: Run, peer: Run) -> float:
    """Nothing where the peer's rows are not as whole and clean."""
    is_alike = peer.rows.kept == peer.asked and not peer.rows.malformed
    return engine.wall_s / peer.wall_s if is_alike and peer.wall_s else 0.0


def _paid(engine: Run, peer: Run) -> float:
    return float(engine.served["granted"]) / float(peer.served["granted"])


MEASURES: tuple[tuple[str, str, Callable[[Run, Run], float]], ...] = (
    ("requests/s at 100 ms", "100ms", _faster),
    ("requests/s at 0 ms", "0ms", _faster),
    ("requests/s at 1,000 ms", "1000ms", _faster),
    ("requests/s with a heavy tail", "tail", _faster),
    ("CPU a request", "100ms", cpu_ratio),
    ("start-up", "100ms", _sooner),
    ("peak memory", "100ms", lambda engine, peer: engine.peak_mib / peer.peak_mib),
    ("the whole run at 100 ms, start-up included", "100ms", _whole),
    ("seconds under faults, as whole and clean", "faults", _whole),
    ("answers bought after a kill", "kill", _paid),
)


def _losses(found: Found) -> list[str]:
    lines = []
    for what, case, ratio in MEASURES:
        ahead = ahead_of_engine(found.get(case) or (), ratio, least=1.001 if case == "kill" else ALIKE)
        if ahead:
            listed = ", ".join(f"{TITLES[peer]} ({times:.2g} times)" for peer, times in ahead.items())
            lines.append(f"- {what}: {listed}")
    return ["Ahead of synthgen:", "", *lines] if lines else ["Nobody is ahead of synthgen in any of these."]


def ahead_of_engine(
    runs: Sequence[Run], ratio: Callable[[Run, Run], float], *, least: float = ALIKE
) -> dict[str, float]:
    """Peers whose advantage is at least so much, the largest first."""
    found = {}
    for peer in PEERS:
        values = beside_engine(peer.name, runs, ratio) if peer is not ENGINE else []
        if values and (middle := statistics.median(values)) >= least:
            found[peer.name] = middle
    return dict(sorted(found.items(), key=lambda item: -item[1]))
