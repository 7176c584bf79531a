"""A million slots from end to end: does the last tenth cost what the first did, and is the run ready again in seconds?

    python -m bench.million [--rows 1000000]

One item an answer, no latency, exact dedup. The server's count and the memory of the run are looked at all the time;
then the target is raised a little and the run resumed: seconds to its first request.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

import numpy as np
import psutil

from bench.side_by_side.tree import MIB, cpu_s
from bench.stage import (
    Figure,
    Run,
    Server,
    at_least,
    at_most,
    conclude,
    end_on_sigterm,
    equal,
    give_core,
    on_second_core,
    running,
    shown,
    simulator,
    write_job,
)

PLACES = 256
MORE_ROWS = 200
PATIENCE_S = 7200.0


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen at one moment of the run.

    Attributes:
        at_s: When, by the monotonic clock.
        granted: Answers the server has given so far.
        memory_bytes: The engine's resident memory.
        engine_cpu_s, server_cpu_s: Processor time of either so far.
    """

    at_s: float
    granted: int
    memory_bytes: int
    engine_cpu_s: float
    server_cpu_s: float


def look(server: Server, run: Run) -> Look:
    assert server.process is not None
    engine, simulator = psutil.Process(run.process.pid), psutil.Process(server.process.pid)
    memory = engine.memory_info().rss
    return Look(time.monotonic(), server.stats()["granted"], memory, cpu_s([engine]), cpu_s([simulator]))


@dataclass(frozen=True, slots=True)
class Part:
    """What happened between two shares of all answers: a second of the clock, and CPU of either side for one answer."""

    per_s: float
    engine_cpu_us: float
    server_cpu_us: float

    def __str__(self) -> str:
        return (
            f"{self.per_s:,.0f}/s, {self.engine_cpu_us:.0f} us of the engine and {self.server_cpu_us:.0f} of the server"
        )


def part(looks: list[Look], low: float, high: float) -> Part:
    most = looks[-1].granted
    bounds, granted = [low * most, high * most], [seen.granted for seen in looks]

    def passed(values: list[float]) -> float:
        """How much of something that only grows passed between the two."""
        first, last = np.interp(bounds, granted, values)
        return float(last - first)

    answers, wall_s = bounds[1] - bounds[0], passed([seen.at_s for seen in looks])
    engine_s, server_s = (passed([value(seen) for seen in looks]) for value in (_engine_cpu_s, _server_cpu_s))
    return Part(answers / wall_s, 1e6 * engine_s / answers, 1e6 * server_s / answers)


_engine_cpu_s, _server_cpu_s = attrgetter("engine_cpu_s"), attrgetter("server_cpu_s")


def generate(job: Path, out: Path, server: Server, rows: int) -> list[Figure]:
    looks: list[Look] = []
    with running(job, out, preexec_fn=on_second_core) as run:
        while run.process.poll() is None:
            try:
                looks.append(look(server, run))
            except (FileNotFoundError, ProcessLookupError, IndexError):
                break
            time.sleep(min(1.0, rows / 200_000))
        ended = run.wait(PATIENCE_S)
    tenths = [part(looks, max(low / 10, 0.02), (low + 1) / 10) for low in range(10)]
    journal = sum(path.stat().st_size for path in out.glob("journal.sqlite*"))
    return [
        equal("exit code", ended.exit_code, 0),
        equal("rows", sum(ended.result["accepted"].values()), rows),
        shown("answers", f"{ended.result['requests']:,} in {ended.wall_s:,.0f} s"),
        *(shown(f"tenth {number} of the answers", str(tenth)) for number, tenth in enumerate(tenths, 1)),
        at_least("requests/s, last tenth to first", tenths[-1].per_s / tenths[0].per_s, 0.9, "{:.2f}"),
        at_most("engine's CPU, last tenth to first", tenths[-1].engine_cpu_us / tenths[0].engine_cpu_us, 1.1, "{:.2f}"),
        shown("memory at a tenth of the answers", f"{memory_at(looks, 0.1):.0f} MiB"),
        at_most("most memory, MiB", max(seen.memory_bytes for seen in looks) / MIB, 400, "{:.0f}"),
        shown("journal, bytes a row", f"{journal / rows:,.0f}"),
    ]


def memory_at(looks: list[Look], share: float) -> float:
    return next(seen.memory_bytes for seen in looks if seen.granted >= share * looks[-1].granted) / MIB


def resume(job: Path, out: Path, server: Server) -> Figure:
    server.reset()
    with running(job, out, preexec_fn=on_second_core) as run:
        began = run.started
        server.wait_until(lambda told: told["received"] > 0, while_runs=run.process)
        return at_most("seconds from resuming to the first request", time.monotonic() - began, 10, "{:.1f}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    given = parser.parse_args()
    end_on_sigterm()
    give_core(os.getpid(), 0)
    limits = {"limits": {"max_concurrency": PLACES}}
    with tempfile.TemporaryDirectory() as name, simulator(latency_s=0.0) as server:
        folder, out = Path(name), Path(name) / "out"
        job = write_job(folder, server.base_url, rows=given.rows, model=limits)
        figures = generate(job, out, server, given.rows)
        write_job(folder, server.base_url, rows=given.rows + MORE_ROWS, model=limits)
        return conclude(f"{given.rows:,} rows from end to end", [*figures, resume(job, out, server)])


if __name__ == "__main__":
    sys.exit(main())
