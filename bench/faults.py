"""Does a run against a server with every fault at once still bring every row, and in what time?

    python -m bench.faults [--quick]

The ideal is the same job against the same latency without faults, longer by the share of answers that the faults made
necessary: cut ones and malformed ones are bought again. What is left over is waiting.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from bench.stage import (
    Figure,
    at_most,
    conclude,
    end_on_sigterm,
    equal,
    export,
    run_to_end,
    shown,
    simulator,
    write_job,
)

LATENCY = {"latency_kind": "lognormal", "latency_p99_factor": 2.0}
FAULTS = {
    "throttle_ratio": 0.10,
    "retry_after_s": 1.0,
    "error_ratio": 0.05,
    "hang_ratio": 0.002,
    "hang_s": 60.0,
    "cut_ratio": 0.01,
    "malformed_ratio": 0.05,
}
PLACES = 64
TIMEOUT_S = 5
SLOWEST_RATIO = 1.3


def measure(rows: int, latency_s: float) -> list[Figure]:
    """The job without faults and with them."""
    seen = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, faults in (("calm", {}), ("faulty", FAULTS)):
            with simulator(latency_s=latency_s, **LATENCY, **faults) as server:
                model = {"limits": {"max_concurrency": PLACES}, "timeout_s": TIMEOUT_S}
                job = write_job(Path(folder) / name, server.base_url, rows=rows, model=model)
                out = job.parent / "out"
                ended = run_to_end(job, out)
                seen[name] = ended, server.stats(), export(out)
    (calm, calm_stats, _), (faulty, stats, exported) = seen["calm"], seen["faulty"]
    more = stats["granted"] / calm_stats["granted"]
    ideal_s = calm.wall_s * more
    texts = [" ".join(json.loads(line)["text"].casefold().split()) for line in exported.splitlines()]
    return [
        equal("exit code without faults", calm.exit_code, 0),
        equal("exit code", faulty.exit_code, 0),
        equal("rows of each class", faulty.result.get("accepted"), faulty.result.get("targets")),
        equal("rows exported", len(texts), rows),
        equal("rows that repeat another's text", len(texts) - len(set(texts)), 0),
        shown("slots given up", faulty.result.get("failed")),
        shown("requests without faults", f"{calm_stats['granted']:,} granted, {calm.wall_s:.1f} s"),
        shown(
            "requests with faults",
            f"{stats['received']:,} received, {stats['granted']:,} granted ({stats['cut']} of them cut), "
            f"{stats['throttled']} answered 429, {stats['by_status'].get('500', 0)} answered 500, "
            f"{stats['abandoned']} hung, {stats['repeats']} bought twice",
        ),
        at_most(f"wall time, of the ideal {ideal_s:.1f} s", faulty.wall_s / ideal_s, SLOWEST_RATIO, "{:.2f}"),
    ]


def main() -> int:
    end_on_sigterm()
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="300 rows at 0.3 s an answer: to look, not to judge.")
    asked = parser.parse_args()
    return conclude("Faults", measure(300, 0.3) if asked.quick else measure(2000, 1.0))


if __name__ == "__main__":
    sys.exit(main())
