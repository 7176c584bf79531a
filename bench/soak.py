"""Does anything grow over a long run, and is anything left at its end?

    python -m bench.soak [--minutes N] [--virtual-minutes N] [--quick]

First real minutes at 200 requests a second, in a process that looks at itself once a second. Then an hour of virtual
time (`bench.virtual`): the same engine, from session to journal, against the same server without a socket.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.soak_run import Watcher
from bench.stage import (
    Figure,
    at_least,
    at_most,
    conclude,
    end_on_sigterm,
    environment,
    equal,
    shown,
    simulator,
    write_job,
)
from bench.virtual import VirtualProvider, VirtualTransport, run_virtually
from synthgen.api import load_prepared
from synthgen.engine.running.run import RunResult, run_job
from synthgen.simulator.api import Api
from synthgen.simulator.settings import SimulatorSettings

PER_S = 200
VIRTUAL_PER_S = 20
FAULTS: dict[str, Any] = {
    "throttle_ratio": 0.01,
    "retry_after_s": 1.0,
    "error_ratio": 0.01,
    "hang_ratio": 0.01,
    "hang_s": 60.0,
    "cut_ratio": 0.01,
    "malformed_ratio": 0.01,
    "duplicate_ratio": 0.01,
}
LATENCY: dict[str, Any] = {"latency_s": 0.15, "latency_kind": "jitter", "latency_jitter_ratio": 0.5}
MANY_ROWS = 100_000_000
PLACES = 64
TIMEOUT_S = 3
MAX_TASKS = PLACES + 32
MIN_SENT_RATIO = 0.9
MAX_BYTES_AN_ANSWER = 1024
MIB = 1024 * 1024


def _job(folder: Path, base_url: str, *, per_s: float, minutes: float) -> Path:
    model = {"timeout_s": TIMEOUT_S, "limits": {"requests_per_min": per_s * 60, "max_concurrency": PLACES}}
    return write_job(folder, base_url, rows=MANY_ROWS, model=model, budget={"deadline": f"{round(minutes * 60)}s"})


# --- real time -------------------------------------------------------------------------------------------------------


def soak(minutes: float) -> list[Figure]:
    """Real minutes against a simulator process."""
    settings = {**LATENCY, **FAULTS, "requests_per_min": PER_S * 60.0, "has_limit_headers": False}
    with simulator(**settings) as server, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        job, samples = _job(folder, server.base_url, per_s=PER_S, minutes=minutes), folder / "samples.jsonl"
        command = [sys.executable, "-m", "bench.soak_run", str(job), str(folder / "out"), str(samples)]
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment(), timeout=minutes * 60 + 120, check=False
        )
        if not done.stdout:
            return [equal("soak: exit code", f"{done.returncode}: {done.stderr[-300:]}", 5)]
        told = json.loads(done.stdout.splitlines()[-1])
        stats = server.stats()
        figures = _judge("soak", _read(samples), stats, seconds=minutes * 60, per_s=PER_S)
        by_limit = stats["throttled"] - round(FAULTS["throttle_ratio"] * stats["received"])
        return [
            equal("soak: exit code", told["exit_code"], 5),
            shown("soak: rows accepted", f"{sum(told['accepted'].values()):,}"),
            shown("soak: 429s beyond the share that the server throws", by_limit),
            equal("soak: requests the server still works on", stats["in_flight"], 0),
            *figures,
        ]


def _read(samples: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in samples.read_text().splitlines()]


def _judge(
    name: str, samples: Sequence[Mapping[str, Any]], stats: Mapping[str, Any], *, seconds: float, per_s: float
) -> list[Figure]:
    """What both soaks show. Memory is judged in `soak` only: the virtual server lives in the process of its run."""
    before, after = samples[0], samples[-1]
    during = [s for s in samples if s["when"] == "during"]
    settled_s = min(60.0, seconds / 2)
    late = [s for s in during if s["at_s"] - before["at_s"] >= settled_s]
    slope = float(np.polyfit([s["at_s"] for s in late], [s["rss_bytes"] for s in late], 1)[0])
    answers_a_s = stats["granted"] / seconds
    memory = at_most(f"{name}: bytes of memory an answer", slope / answers_a_s, MAX_BYTES_AN_ANSWER, "{:,.0f}")
    if name == "virtual":
        memory = replace(memory, expected="", is_met=None)
    return [
        at_least(
            f"{name}: requests received, of the {per_s:g}/s declared",
            stats["received"] / seconds / per_s,
            MIN_SENT_RATIO,
            "{:.1%}",
        ),
        shown(f"{name}: answers granted", f"{stats['granted']:,}"),
        shown(f"{name}: memory after {settled_s:g} s and at the end", _span(late[0], late[-1])),
        shown(f"{name}: slope of the memory", f"{slope * 3600 / MIB:+.0f} MiB an hour"),
        memory,
        at_most(f"{name}: tasks at most", max(s["tasks"] for s in during), MAX_TASKS, "{}"),
        at_most(f"{name}: sockets at most", max(s["sockets"] for s in during) - before["sockets"], MAX_TASKS, "{}"),
        shown(f"{name}: open files at most", max(s["fds"] for s in during)),
        equal(f"{name}: tasks left", after["tasks"], before["tasks"]),
        equal(f"{name}: connections left", after["sockets"] - before["sockets"], 0),
    ]


def _span(first: Mapping[str, Any], last: Mapping[str, Any]) -> str:
    return f"{first['rss_bytes'] / MIB:.0f} MiB, {last['rss_bytes'] / MIB:.0f} MiB"


# --- virtual time ----------------------------------------------------------------------------------------------------


def soak_virtually(minutes: float) -> list[Figure]:
    """Virtual minutes, in this process, with the journal in memory where the system has room there."""
    shm = Path("/dev/shm")
    settings = {**LATENCY, **FAULTS, "requests_per_min": VIRTUAL_PER_S * 60.0, "has_limit_headers": False}
    with tempfile.TemporaryDirectory(dir=shm if os.access(shm, os.W_OK) else None) as name:
        folder = Path(name)
        job = _job(folder, "http://virtual/v1", per_s=VIRTUAL_PER_S, minutes=minutes)
        prepared = load_prepared(job)
        seen: dict[str, Any] = {}

        async def work() -> RunResult:
            loop = asyncio.get_running_loop()
            api = Api(SimulatorSettings(**settings), loop.time)
            transport = VirtualTransport(api)
            with (folder / "samples.jsonl").open("w") as file:
                async with Watcher(file, loop.time):
                    started = loop.time()
                    result = await run_job(
                        prepared,
                        folder / "out",
                        open_provider=lambda config: VirtualProvider(config, transport),
                        observe=lambda event: None,
                    )
                    seen.update(lasted_s=loop.time() - started, stats=api.statistics().as_json(), api=transport.refused)
            return result

        started = time.monotonic()
        result = run_virtually(work)
        wall_s = time.monotonic() - started
        figures = _judge(
            "virtual", _read(folder / "samples.jsonl"), seen["stats"], seconds=minutes * 60, per_s=VIRTUAL_PER_S
        )
    by_limit = sum(count for message, count in seen["api"].items() if "requests_per_min" in message)
    late_s = seen["lasted_s"] - minutes * 60
    return [
        equal("virtual: exit code", result.exit_code, 5),
        shown("virtual: time, and what it took", f"{seen['lasted_s'] / 60:.1f} min in {wall_s:.0f} s"),
        Figure("virtual: end, seconds after the deadline", f"{late_s:+.2f}", "-3 to +3", abs(late_s) <= TIMEOUT_S),
        equal("virtual: 429s of the declared limit", by_limit, 0),
        equal("virtual: answers in flight at the end", seen["stats"]["in_flight"], 0),
        equal("virtual: answers in the journal, as granted whole", result.requests, _whole(seen["stats"])),
        *figures,
    ]


def _whole(stats: Mapping[str, Any]) -> int:
    return int(stats["granted"] - stats["cut"])


def main() -> int:
    end_on_sigterm()
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="Of real time; 0 leaves them out.")
    parser.add_argument("--virtual-minutes", type=float, default=60.0, help="Of virtual time; 0 leaves them out.")
    parser.add_argument("--quick", action="store_true", help="As --minutes 0.2 --virtual-minutes 3.")
    asked = parser.parse_args()
    minutes, virtual = (0.2, 3.0) if asked.quick else (asked.minutes, asked.virtual_minutes)
    figures: list[Figure] = []
    # The virtual hour first: it runs in this process, whose memory is then still small.
    if virtual:
        figures += soak_virtually(virtual)
    if minutes:
        figures += soak(minutes)
    return conclude("Soak", figures)


if __name__ == "__main__":
    sys.exit(main())
