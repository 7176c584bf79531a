"""Is a budget ever exceeded, as the server counts, with faults, over resumes and a SIGKILL?

    python -m tests.scenarios.budget [BOUND ...] [--quick] [--seed N]

For each of max_usd, max_tokens and max_requests: a first run without a budget says what the job costs; half of that is
the budget. Then the same job is interrupted, killed, run until it says the budget is spent, asked again, and at last
given room. What counts is what the server did: answers granted whole or cut, and, for requests, what it worked on when
the client was killed. A deadline is measured by the last request that comes after it.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from bench.stage import (
    LABELS,
    Ended,
    Figure,
    Server,
    Watch,
    at_least,
    at_most,
    conclude,
    end_on_sigterm,
    equal,
    run_to_end,
    running,
    shown,
    simulator,
    write_job,
)

FAULTS = {
    "throttle_ratio": 0.05,
    "retry_after_s": 0.2,
    "error_ratio": 0.05,
    "cut_ratio": 0.03,
    "malformed_ratio": 0.05,
}
LATENCY: dict[str, Any] = {"latency_s": 0.15, "latency_kind": "jitter", "latency_jitter_ratio": 0.9}
PLACES = 16
MAX_TOKENS = 120
INPUT_USD, OUTPUT_USD = Decimal("2.5"), Decimal("10")
MTOK = Decimal(1_000_000)
MAX_ROWS_A_S = int(PLACES / LATENCY["latency_s"])
LATEST_REQUEST_S = 0.5
Stats = Mapping[str, Any]


def _usd(stats: Stats) -> Decimal:
    return (int(stats["input_tokens"]) * INPUT_USD + int(stats["output_tokens"]) * OUTPUT_USD) / MTOK


@dataclass(frozen=True, slots=True)
class Bound:
    """One bound of the job's `budget`.

    Attributes:
        spent: What the server counts of it.
        written: How the job file says an amount.
    """

    spent: Callable[[Stats], Decimal]
    written: Callable[[Decimal], Any]


BOUNDS = {
    "max_usd": Bound(_usd, lambda amount: float(round(amount, 6))),
    "max_tokens": Bound(lambda stats: Decimal(stats["input_tokens"] + stats["output_tokens"]), int),
    "max_requests": Bound(lambda stats: Decimal(stats["granted"]), int),
}


class Bench:
    """One server and the jobs against it."""

    def __init__(self, server: Server, folder: Path, rows: int, chance: random.Random) -> None:
        self._server, self._folder, self._rows, self._chance = server, folder, rows, chance

    def job(self, name: str, budget: Mapping[str, Any], *, rows: int | None = None) -> Path:
        model = {
            "limits": {"max_concurrency": PLACES},
            "timeout_s": 5,
            "params": {"max_tokens": MAX_TOKENS},
            "price": {"input_usd_per_mtok": float(INPUT_USD), "output_usd_per_mtok": float(OUTPUT_USD)},
        }
        folder = self._folder / name
        return write_job(folder, self._server.base_url, rows=rows or self._rows, model=model, budget=budget)

    def cost(self) -> Stats:
        """What the job costs where nothing bounds it."""
        self._server.reset()
        job = self.job("free", {})
        ended = run_to_end(job, job.parent / "out")
        if ended.exit_code != 0:
            raise RuntimeError(f"the job without a budget failed: exit {ended.exit_code}, {ended.stderr}")
        return self._server.stats()

    # --- money, tokens, requests -------------------------------------------------------------------------------

    def bounded(self, name: str, cost: Stats) -> list[Figure]:
        """Interrupted, killed, spent, asked again, given room."""
        bound = BOUNDS[name]
        written = bound.written(bound.spent(cost) / 2)
        budget = Decimal(str(written))
        self._server.reset()
        job = self.job(name, {name: written})
        out = job.parent / "out"
        found = []

        def note(when: str) -> None:
            stats = self._server.stats()
            found.append(at_most(f"{name}: spent {when}", bound.spent(stats), budget, "{:,}"))  # type: ignore[arg-type]
            if name == "max_requests":
                worked = stats["granted"] + stats["abandoned"]
                found.append(at_most(f"{name}: the same, with what was in flight at the kill", worked, written, "{:,}"))

        interrupted = self._stopped_at(job, out, lambda told: bound.spent(told) >= budget / 4, signal.SIGINT)
        found.append(equal(f"{name}: exit code, interrupted", interrupted.exit_code, 130))
        killed = self._stopped_at(job, out, lambda told: bound.spent(told) >= budget / 2, signal.SIGKILL)
        found.append(equal(f"{name}: exit code, killed", killed.exit_code, -signal.SIGKILL))
        spent = run_to_end(job, out)
        found += _ended_by(name, "spent", spent)
        note("over three sessions")
        found.append(shown(f"{name}: share of it used", f"{bound.spent(self._server.stats()) / budget:.1%}"))
        before = self._server.stats()["received"]
        again = run_to_end(job, out)
        found += _ended_by(name, "asked again", again)
        note("asked again")
        found.append(shown(f"{name}: requests sent when asked again", self._server.stats()["received"] - before))
        self.job(name, {name: bound.written(bound.spent(cost) * 10)})
        roomy = run_to_end(job, out)
        found.append(equal(f"{name}: exit code with room", roomy.exit_code, 0))
        found.append(equal(f"{name}: rows with room", sum(roomy.result.get("accepted", {}).values()), self._rows))
        return found

    def _stopped_at(self, job: Path, out: Path, is_so: Callable[[Stats], bool], number: int) -> Ended:
        with running(job, out) as run:
            self._server.wait_until(is_so, while_runs=run.process)
            time.sleep(self._chance.uniform(0, 0.2))
            return run.kill(number)

    # --- time --------------------------------------------------------------------------------------------------

    def deadline(self, seconds: int) -> list[Figure]:
        """A duration is time worked, over all sessions: killed, ended by it, asked again, given more, given none."""
        name = "deadline"
        rows = 4 * seconds * MAX_ROWS_A_S  # more than these sessions bring
        job = self.job(name, {"deadline": f"{seconds}s"}, rows=rows)
        out = job.parent / "out"
        self._server.reset()
        with Watch(self._server, every_s=0.05) as watch:
            killed = self._stopped_at(job, out, lambda told: told["granted"] >= 20, signal.SIGKILL)
        worked_s = _last_request_s(watch)
        found = [equal(f"{name}: exit code, killed", killed.exit_code, -signal.SIGKILL)]
        self._server.reset()
        with Watch(self._server, every_s=0.05) as watch:
            found += _ended_by(name, "resumed", run_to_end(job, out))
        worked_s += _last_request_s(watch)
        late_s = worked_s - seconds
        found.append(at_most(f"{name}: last request, seconds of work after it", late_s, LATEST_REQUEST_S, "{:+.2f}"))
        before = self._server.stats()["received"]
        found += _ended_by(name, "asked again", run_to_end(job, out))
        again = self._server.stats()["received"] - before  # what the early end left of the time
        found.append(at_most(f"{name}: requests sent when asked again", again, 2 * PLACES, "{:,}"))
        self.job(name, {"deadline": f"{2 * seconds}s"}, rows=rows)
        found += _ended_by(name, "with more", run_to_end(job, out))
        sent = self._server.stats()["received"] - before
        found.append(at_least(f"{name}: requests sent with more", sent, 1, "{:,}"))
        self.job(name, {}, rows=rows)
        roomy = run_to_end(job, out)
        found.append(equal(f"{name}: exit code without one", roomy.exit_code, 0))
        return found


def _last_request_s(watch: Watch) -> float:
    """When the last request came, in seconds after the first one."""
    first_at = watch.first_request_at_s
    if first_at is None:
        raise RuntimeError("no request came")
    last, before = first_at, 0
    for sample in watch.samples:
        if sample.received > before:
            last, before = sample.at_s, sample.received
    return last - first_at


def _ended_by(name: str, when: str, ended: Ended) -> list[Figure]:
    reason = str(ended.result.get("reason", ended.stderr[-200:]))
    is_met = ended.exit_code == 5 and name in reason
    return [Figure(f"{name}: end, {when}", f"exit {ended.exit_code}, {reason}", f"exit 5, {name}", is_met)]


def main() -> int:
    end_on_sigterm()
    names = [*BOUNDS, "deadline"]
    parser = argparse.ArgumentParser(prog="python -m tests.scenarios.budget", description=__doc__.splitlines()[0])
    parser.add_argument("bounds", nargs="*", metavar="BOUND", help=f"of {', '.join(names)}; all by default")
    parser.add_argument("--quick", action="store_true", help="400 rows instead of 1,500.")
    parser.add_argument("--seed", type=int, default=1, help="Of the moments.")
    asked = parser.parse_args()
    if unknown := set(asked.bounds) - set(names):
        parser.error(f"no such bound: {', '.join(sorted(unknown))} (known: {', '.join(names)})")
    figures: list[Figure] = []
    rows = 400 if asked.quick else 1500
    with simulator(**LATENCY, **FAULTS) as server, tempfile.TemporaryDirectory() as folder:
        bench = Bench(server, Path(folder), rows, random.Random(asked.seed))
        cost = bench.cost() if set(asked.bounds or names) - {"deadline"} else {}
        if cost:
            tokens = cost["input_tokens"] + cost["output_tokens"]
            told = f"{cost['granted']:,} requests, {tokens:,} tokens, ${_usd(cost):.4f}"
            figures.append(shown(f"{rows:,} rows of {' and '.join(LABELS)} without a budget", told))
        for name in asked.bounds or names:
            found = bench.deadline(2 if asked.quick else 4) if name == "deadline" else bench.bounded(name, cost)
            print(*(f"{f.what}: {f.value} ({f.expected})" for f in found), sep="\n", flush=True)
            figures += found
    return conclude("Budget", figures)


if __name__ == "__main__":
    sys.exit(main())
