"""A million slots from end to end: does the last tenth cost what the first did, and is the run ready again in seconds?

    python -m bench.million [--rows 1000000]

One item an answer, no latency, exact dedup. The server's count and the memory of the run are looked at all the time;
then the target is raised a little and the run resumed: seconds to its first request.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from bench.side_by_side.tree import MIB, resident_bytes
from bench.stage import (
    Figure,
    Run,
    Server,
    at_least,
    at_most,
    conclude,
    end_on_sigterm,
    equal,
    running,
    shown,
    simulator,
    write_job,
)

PLACES = 256
MORE_ROWS = 200
PATIENCE_S = 7200.0
Look = tuple[float, int, int]


def look(server: Server, run: Run) -> Look:
    """Seconds, answers granted, bytes of resident memory."""
    return time.monotonic(), server.stats()["granted"], resident_bytes(run.process.pid)


def per_s(looks: list[Look], low: float, high: float) -> float:
    """Answers a second between two shares of all of them."""
    most = looks[-1][1]
    inner = [(at, granted) for at, granted, _ in looks if low * most <= granted <= high * most]
    return (inner[-1][1] - inner[0][1]) / (inner[-1][0] - inner[0][0])


def generate(job: Path, out: Path, server: Server, rows: int) -> list[Figure]:
    looks: list[Look] = []
    with running(job, out) as run:
        while run.process.poll() is None:
            try:
                looks.append(look(server, run))
            except (FileNotFoundError, ProcessLookupError, IndexError):
                break
            time.sleep(min(1.0, rows / 200_000))
        ended = run.wait(PATIENCE_S)
    first, last = per_s(looks, 0.02, 0.1), per_s(looks, 0.9, 1.0)
    journal = sum(path.stat().st_size for path in out.glob("journal.sqlite*"))
    return [
        equal("exit code", ended.exit_code, 0),
        equal("rows", sum(ended.result["accepted"].values()), rows),
        shown("answers", f"{ended.result['requests']:,} in {ended.wall_s:,.0f} s"),
        shown("requests/s, first tenth and last", f"{first:,.0f}, {last:,.0f}"),
        at_least("last tenth to first", last / first, 0.9, "{:.2f}"),
        shown("memory at a tenth of the answers", f"{memory_at(looks, 0.1):.0f} MiB"),
        at_most("most memory, MiB", looks[-1][2] / MIB, 400, "{:.0f}"),
        shown("journal, bytes a row", f"{journal / rows:,.0f}"),
    ]


def memory_at(looks: list[Look], share: float) -> float:
    return next(memory for _, granted, memory in looks if granted >= share * looks[-1][1]) / MIB


def resume(job: Path, out: Path, server: Server) -> Figure:
    server.reset()
    with running(job, out) as run:
        began = run.started
        server.wait_until(lambda told: told["received"] > 0, while_runs=run.process)
        return at_most("seconds from resuming to the first request", time.monotonic() - began, 10, "{:.1f}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    given = parser.parse_args()
    end_on_sigterm()
    limits = {"limits": {"max_concurrency": PLACES}}
    with tempfile.TemporaryDirectory() as name, simulator(latency_s=0.0) as server:
        folder, out = Path(name), Path(name) / "out"
        job = write_job(folder, server.base_url, rows=given.rows, model=limits)
        figures = generate(job, out, server, given.rows)
        write_job(folder, server.base_url, rows=given.rows + MORE_ROWS, model=limits)
        return conclude(f"{given.rows:,} rows from end to end", [*figures, resume(job, out, server)])


if __name__ == "__main__":
    sys.exit(main())
