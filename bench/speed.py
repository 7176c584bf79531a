"""What the whole engine costs beside a bare client and the openai package: requests a second, processor time, start-up.

    python -m bench.speed [--quick]

One simulator a case, on one core; the clients in turns on the other, each in a process of its own. Ratios within a
round, the median over rounds and their spread. The engine's figures hold everything: start of Python, plan, prompts,
calls, journal, parsing, schema, row checks, exact duplicates, commits. The clients' hold their requests alone.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.stage import (
    Figure,
    Server,
    at_least,
    at_most,
    children_cpu_s,
    conclude,
    end_on_sigterm,
    environment,
    give_core,
    on_second_core,
    shown,
    simulator,
    write_job,
)
from synthgen.journal import JOURNAL_NAME

SDK_REQUESTS = 1500


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of server, and what is expected there.

    Attributes:
        name: For the table.
        settings: Of the simulator.
        in_flight: Requests at once, at most.
        requests: Of each client; the openai package gets fewer.
        least_speed_ratio: Requests a second of the engine to the bare client's.
        most_cpu_ratio: Processor time a request, likewise; None where it is only shown.
        has_sdk: Whether the openai package takes part.
        checks: Of the job; exact dedup where it says nothing.
    """

    name: str
    settings: dict[str, Any]
    in_flight: int
    requests: int
    least_speed_ratio: float | None = None
    most_cpu_ratio: float | None = None
    has_sdk: bool = False
    checks: tuple[dict[str, Any], ...] = ({"check": "duplicate", "near": False},)


CASES = (
    Case("100 ms", {"latency_s": 0.1}, 256, 10_000, 0.7, 2.5, has_sdk=True),
    Case("0 ms", {"latency_s": 0.0}, 256, 10_000),
    Case("1,000 ms", {"latency_s": 1.0}, 2000, 40_000),
    Case("heavy tail", {"latency_s": 0.1, "latency_kind": "lognormal"}, 256, 10_000, 0.95),
    Case("letters", {"latency_s": 0.1}, 256, 5_000, checks=({"check": "duplicate", "near": False, "lexical": 0.7},)),
)


@dataclass(frozen=True, slots=True)
class Cost:
    """What requests cost one client."""

    per_s: float
    cpu_ms: float


def ask_by(kind: str, server: Server, requests: int, in_flight: int) -> Cost:
    """Let one of `bench.clients` ask."""
    command = [sys.executable, "-m", "bench.clients", kind, server.base_url, str(requests), str(in_flight)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env=environment(), preexec_fn=on_second_core
    )
    told = json.loads(done.stdout)
    return Cost(requests / told["wall_s"], 1000 * told["cpu_s"] / requests)


@dataclass(frozen=True, slots=True)
class EngineRun:
    """What a run of the engine came to.

    Attributes:
        cost: Of it all.
        steady_per_s: Requests a second from the second quarter of them to the ninth tenth, as the server counts.
        p99_s: Of a hundred answers one took longer, from asking to having it.
    """

    cost: Cost
    steady_per_s: float
    p99_s: float


def run_engine(server: Server, case: Case, requests: int) -> EngineRun:
    """Let the engine ask for as many rows."""
    with tempfile.TemporaryDirectory() as name:
        folder, limits = Path(name), {"limits": {"max_concurrency": case.in_flight}}
        job = write_job(folder, server.base_url, rows=requests, model=limits, checks=list(case.checks))
        command = [sys.executable, "-m", "synthgen", "run", str(job), "--out", str(folder / "out"), "--quiet", "--json"]
        server.reset()
        before_s = children_cpu_s()
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=environment(), preexec_fn=on_second_core
        )
        counts = list(_counts(server, process))
        out, _ = process.communicate()
        cpu_s = children_cpu_s() - before_s
        p99_s = _p99_s(folder / "out" / JOURNAL_NAME)
    told = json.loads(out.splitlines()[-1])
    cost = Cost(told["requests"] / told["elapsed_s"], 1000 * cpu_s / told["requests"])
    return EngineRun(cost, _steady_per_s(counts, requests), p99_s)


def _p99_s(journal: Path) -> float:
    with closing(sqlite3.connect(journal)) as db:
        latencies = [found for (found,) in db.execute("SELECT latency_s FROM completions ORDER BY latency_s")]
    return float(latencies[int(0.99 * len(latencies))])


def _counts(server: Server, process: subprocess.Popen[str]) -> Iterator[tuple[float, int]]:
    while process.poll() is None:
        told = server.stats()
        yield told["elapsed_s"], told["granted"]
        time.sleep(0.25)


def _steady_per_s(counts: Sequence[tuple[float, int]], requests: int) -> float:
    inner = [(at, granted) for at, granted in counts if 0.25 * requests <= granted <= 0.9 * requests]
    if len(inner) < 2:
        return 0.0
    return (inner[-1][1] - inner[0][1]) / (inner[-1][0] - inner[0][0])


def start_up(rounds: int) -> Figure:
    """Seconds from the command to the first request, on a job of 20 rows."""
    found = []
    with simulator(latency_s=0.05) as server, tempfile.TemporaryDirectory() as name:
        for number in range(rounds):
            job = write_job(Path(name), server.base_url, rows=20)
            server.reset()
            command = [sys.executable, "-m", "synthgen", "run", str(job), "--out", f"{name}/{number}", "--quiet"]
            began = time.perf_counter()
            process = subprocess.Popen(command, env=environment(), preexec_fn=on_second_core)
            server.wait_until(lambda told: told["received"] > 0, while_runs=process)
            found.append(time.perf_counter() - began)
            process.wait()
    return at_most("start-up: seconds to the first request", min(found), 1.0, "{:.2f}")


def measure(case: Case, rounds: int, scale: float) -> list[Figure]:
    """One case, its clients in turns."""
    requests = max(1000, round(case.requests * scale))
    bare, runs, sdk = list[Cost](), list[EngineRun](), list[Cost]()
    with simulator(**case.settings) as server:
        for _ in range(rounds):
            bare.append(ask_by("bare", server, requests, case.in_flight))
            runs.append(run_engine(server, case, requests))
            if case.has_sdk:
                sdk.append(ask_by("sdk", server, round(SDK_REQUESTS * scale), case.in_flight))
    engine = [run.cost for run in runs]
    return [*_beside_bare(case, bare, engine), *_by_itself(case, runs), *_beside_sdk(case, sdk, engine)]


def _beside_bare(case: Case, bare: Sequence[Cost], engine: Sequence[Cost]) -> list[Figure]:
    speed = [e.per_s / b.per_s for e, b in zip(engine, bare, strict=True)]
    cpu = [e.cpu_ms / b.cpu_ms for e, b in zip(engine, bare, strict=True)]
    return [
        shown(f"{case.name}: bare aiohttp", _words(bare)),
        shown(f"{case.name}: the engine", _words(engine)),
        _ratio(f"{case.name}: requests/s, engine to bare", speed, least=case.least_speed_ratio),
        _ratio(f"{case.name}: CPU a request, engine to bare", cpu, most=case.most_cpu_ratio),
    ]


def _by_itself(case: Case, runs: Sequence[EngineRun]) -> list[Figure]:
    """The steady rate; where the server's latency is fixed, what the engine adds to it, and how near the rate comes to
    what that latency or the engine's one core allows, whichever is less."""
    steady = statistics.median(run.steady_per_s for run in runs)
    figures = [shown(f"{case.name}: the engine's steady rate", f"{steady:,.0f}/s")]
    latency_s = case.settings["latency_s"]
    if latency_s and "latency_kind" not in case.settings:
        added_s = statistics.median(run.p99_s for run in runs) - latency_s
        figures.append(shown(f"{case.name}: p99 of what the engine adds to the latency", f"{1000 * added_s:,.0f} ms"))
    if latency_s >= 1:
        by_latency = case.in_flight / latency_s
        shares = [run.steady_per_s / min(by_latency, 1000 / run.cost.cpu_ms) for run in runs]
        figures.append(_ratio(f"{case.name}: steady rate of what latency or one core allows", shares, least=0.95))
        figures.append(shown(f"{case.name}: steady rate of what latency allows", f"{steady / by_latency:.0%}"))
    return figures


def _beside_sdk(case: Case, sdk: Sequence[Cost], engine: Sequence[Cost]) -> list[Figure]:
    if not sdk:
        return []
    cpu = [e.cpu_ms / s.cpu_ms for e, s in zip(engine, sdk, strict=True)]
    speed = [e.per_s / s.per_s for e, s in zip(engine, sdk, strict=True)]
    return [
        shown(f"{case.name}: AsyncOpenAI", _words(sdk)),
        _ratio(f"{case.name}: CPU a request, engine to AsyncOpenAI", cpu, most=0.25),
        _ratio(f"{case.name}: requests/s, engine to AsyncOpenAI", speed),
    ]


def _words(costs: Sequence[Cost]) -> str:
    per_s, cpu_ms = statistics.median(c.per_s for c in costs), statistics.median(c.cpu_ms for c in costs)
    return f"{per_s:,.0f}/s, {cpu_ms:.2f} ms of CPU a request"


def _ratio(what: str, values: Sequence[float], *, least: float | None = None, most: float | None = None) -> Figure:
    """The median, with the spread beside it where there were several rounds."""
    middle = statistics.median(values)
    spread = f" ({min(values):.2f} to {max(values):.2f})" if len(values) > 1 else ""
    if least is not None:
        return at_least(f"{what}{spread}", middle, least, "{:.2f}")
    if most is not None:
        return at_most(f"{what}{spread}", middle, most, "{:.2f}")
    return shown(f"{what}{spread}", f"{middle:.2f}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.speed", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round of the first case and the start-up: a minute")
    parser.add_argument("--case", choices=[case.name for case in CASES], help="only this one")
    given = parser.parse_args()
    end_on_sigterm()
    give_core(os.getpid(), 0)
    rounds, scale = (1, 0.5) if given.quick else (given.rounds, 1.0)
    cases = [c for c in CASES if given.case in (None, c.name)][: 1 if given.quick else None]
    figures = [figure for case in cases for figure in measure(case, rounds, scale)]
    return conclude("Speed", [*figures, start_up(3)])


if __name__ == "__main__":
    sys.exit(main())
