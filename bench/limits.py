"""How much of what a server grants does the engine use, and how often is it turned away?

    python -m bench.limits [CASE ...] [--quick]

Every case is a job that never ends, against limits the job does not declare (but for two), cut off by its deadline.
The oracle is what the server would have granted from the first request to the deadline: a limit per second times the
time, a limit in flight over the mean latency, a sliding minute once and then its rate. That last one is no bound: a
client that empties every window as soon as it opens gets more, and shows as over 100 %. What lands after the deadline
was granted before it; the time it takes is not counted.
"""

from __future__ import annotations

import argparse
import itertools
import math
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import NormalDist, fmean
from typing import Any

from bench.stage import (
    Ended,
    Figure,
    Server,
    Watch,
    at_least,
    at_most,
    conclude,
    end_on_sigterm,
    equal,
    running,
    shown,
    simulator,
    sparkline,
    write_job,
)

MANY_ROWS = 10_000_000
MIN_USED_RATIO = 0.90
MIN_DECLARED_RATIO = 0.97
MAX_THROTTLED_RATIO = 0.02
MAX_RECOVERY_S = 15.0
RECOVERED_RATIO = 0.90
RECOVERY_MEAN_S = 3
DRAIN_S = 2.0  # before the deadline asking ends, so that a slow answer still comes in time
P99_FACTOR = 3.0
JITTER = {"latency_kind": "lognormal", "latency_p99_factor": P99_FACTOR}
MEAN_OF_JITTER = math.exp((math.log(P99_FACTOR) / NormalDist().inv_cdf(0.99)) ** 2 / 2)

Oracle = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Step:
    """A change of the server's settings while the run goes on.

    Attributes:
        at_s: Seconds after the first request.
        changes: Of `SimulatorSettings`.
        per_s: What the server grants a second from then on; None where that does not change.
    """

    at_s: float
    changes: Mapping[str, Any]
    per_s: float | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One server, and what is to be expected of a run against it.

    Attributes:
        settings: Of the simulator.
        duration_s: From the first request to the deadline.
        per_s: What the server grants a second at first.
        burst: What it grants beside that, once.
        window_s: For how long the burst is all it grants.
        declared: The job's `limits`.
        steps: What changes meanwhile.
        judge_from_s: The goodput is judged from here on; before, it is only shown.
        unit: `requests` or `tokens`.
    """

    settings: Mapping[str, Any]
    duration_s: float
    per_s: float
    burst: float = 0.0
    window_s: float = 0.0
    declared: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    judge_from_s: float = 0.0
    unit: str = "requests"

    def rate_at(self, second: float) -> float:
        """Grants a second at a moment, the burst left out."""
        rates = [self.per_s, *(s.per_s for s in self.steps if s.per_s is not None and s.at_s <= second)]
        return rates[-1]

    def oracle(self, since_s: float, until_s: float) -> float:
        """What the server would have granted between two moments."""
        edges = sorted({since_s, until_s, self.window_s, *(s.at_s for s in self.steps)})
        parts = [(a, b) for a, b in itertools.pairwise(edges) if a >= since_s and b <= until_s]
        steady = sum((b - a) * self.rate_at(a) for a, b in parts if a >= self.window_s)
        return steady + (self.burst if since_s == 0 else 0.0)

    def shrunk(self, by: float) -> Case:
        """The same in a shorter time, for a look while tuning; a window of a minute cannot shrink with it."""
        steps = tuple(replace(s, at_s=s.at_s * by) for s in self.steps)
        return replace(self, duration_s=self.duration_s * by, steps=steps, judge_from_s=self.judge_from_s * by)


def _in_flight(places: int, latency_s: float) -> float:
    return places / (latency_s * MEAN_OF_JITTER)


def _cases() -> dict[str, Case]:
    quick_answers = {"latency_s": 0.3, **JITTER}
    slow_answers = {"latency_s": 0.6, **JITTER}
    hidden = {"has_limit_headers": False}
    minute = {"requests_per_min": 3000.0}
    tokens = {"tokens_per_min": 300_000.0}
    high, low = _in_flight(96, 0.6), _in_flight(32, 0.6)
    return {
        "minute": Case({**quick_answers, **minute, **hidden}, 150, per_s=50, burst=3000, window_s=60),
        "second": Case({**quick_answers, "requests_per_s": 50.0}, 60, per_s=50),
        "flight": Case({**quick_answers, "max_concurrency": 64}, 60, per_s=_in_flight(64, 0.3)),
        "headers": Case({**quick_answers, **minute}, 150, per_s=50, burst=3000, window_s=60),
        "steps": Case(
            {**quick_answers, "requests_per_s": 150.0},
            100,
            per_s=150,
            steps=(Step(30, {"requests_per_s": 50.0}, 50), Step(60, {"requests_per_s": 150.0}, 150)),
        ),
        "steps-flight": Case(
            {**slow_answers, "max_concurrency": 96},
            100,
            per_s=high,
            steps=(Step(30, {"max_concurrency": 32}, low), Step(60, {"max_concurrency": 96}, high)),
        ),
        "stray": Case(
            {**quick_answers, "requests_per_s": 100.0, "retry_after_s": 89.0},
            100,
            per_s=100,
            steps=(Step(20, {"stray_every_s": 2.0}), Step(50, {"stray_every_s": None})),
            judge_from_s=60,
        ),
        "declared": Case({**quick_answers, **minute, **hidden}, 130, per_s=50, declared=minute),
        "declared-tokens": Case({**quick_answers, **tokens, **hidden}, 130, per_s=5000, declared=tokens, unit="tokens"),
    }


@dataclass(frozen=True, slots=True)
class Observed:
    """What the server saw of one run, by its own whole seconds; the first request came `offset_s` into the first one.

    Attributes:
        offset_s: Less than a second.
        granted: Requests granted in each second.
        throttled: 429s in each second, roughly: read twice a second.
        in_flight: At work in each second.
        stats: The server's last word.
        ended: How the run ended.
    """

    offset_s: float
    granted: Sequence[int]
    throttled: Sequence[int]
    in_flight: Sequence[int]
    stats: Mapping[str, Any]
    ended: Ended

    def granted_from(self, since_s: float) -> float:
        """Grants from a moment after the first request to the end; the second it falls into counts by its share."""
        if since_s == 0:
            return float(sum(self.granted))
        second, passed = divmod(since_s + self.offset_s, 1)
        return self.granted[int(second)] * (1 - passed) + sum(self.granted[int(second) + 1 :])


def observe(case: Case, folder: Path) -> Observed:
    """One run of a case."""
    with simulator(**case.settings) as server:
        job = write_job(
            folder,
            server.base_url,
            rows=MANY_ROWS,
            model={"limits": dict(case.declared)},
            budget={"deadline": f"{round(case.duration_s)}s"},
        )
        with Watch(server) as watch, running(job, folder / "out") as run:
            end = threading.Event()
            stepping = threading.Thread(target=_step, args=(case, server, watch, end), daemon=True)
            stepping.start()
            try:
                ended = run.wait(case.duration_s + 150)
            finally:
                end.set()
                stepping.join()
        return _observed(watch, server.stats(), ended, case.duration_s)


def _step(case: Case, server: Server, watch: Watch, end: threading.Event) -> None:
    """Change the server's settings at their time."""
    while not watch.first_request.wait(0.05):
        if end.is_set():
            return
    assert watch.first_request_at_s is not None
    for step in case.steps:
        at_s = watch.first_request_at_s + step.at_s
        if end.wait(max(0.0, at_s - server.stats()["elapsed_s"])):
            return
        server.control(**step.changes)


def _observed(watch: Watch, stats: Mapping[str, Any], ended: Ended, duration_s: float) -> Observed:
    start = watch.first_request_at_s or 0.0
    first, last = int(start), math.ceil(start + duration_s)
    granted, throttled, in_flight = ([0] * (last - first) for _ in range(3))
    for second, count in stats["granted_per_s"].items():
        granted[_within(int(second) - first, granted)] += count
    before = 0
    for sample in watch.samples:
        second = _within(int(sample.at_s) - first, granted)
        throttled[second] += sample.throttled - before
        in_flight[second] = max(in_flight[second], sample.in_flight)
        before = sample.throttled
    return Observed(start - first, granted, throttled, in_flight, stats, ended)


def _within(second: int, seconds: Sequence[int]) -> int:
    return min(len(seconds) - 1, max(0, second))


def recovery_s(granted: Sequence[int], *, start: int, end: int, per_s: float) -> float:
    """Seconds from a step until three seconds, and all that is left of the stretch, bring 90 % of what could be had.

    Args:
        granted: By second.
        start: The second in which the step was made.
        end: The first second that belongs no more to this rate.
        per_s: That rate.

    Returns:
        Infinity where they never do.
    """
    for second in range(start, end - RECOVERY_MEAN_S + 1):
        soon, rest = granted[second : second + RECOVERY_MEAN_S], granted[second:end]
        if min(fmean(soon), fmean(rest)) >= RECOVERED_RATIO * per_s:
            return float(second - start)
    return math.inf


def figures(name: str, case: Case, seen: Observed) -> list[Figure]:
    """What a case shows, and whether that is good enough."""
    stats = seen.stats
    reason = str(seen.ended.result.get("reason", ""))
    throttled = stats["throttled"] / max(1, stats["received"])
    found = [
        Figure(
            f"{name}: the deadline ended it",
            f"exit {seen.ended.exit_code}, {reason or seen.ended.stderr[-200:] or 'no reason'}",
            "exit 5, deadline",
            seen.ended.exit_code == 5 and reason.startswith("deadline"),
        )
    ]
    used, could = _used(case, seen, 0.0), case.oracle(0, case.duration_s)
    if case.declared:
        found.append(equal(f"{name}: 429s of {stats['received']:,} requests", stats["throttled"], 0))
        found.append(at_least(f"{name}: used of the declared {case.unit}", used / could, MIN_DECLARED_RATIO, "{:.1%}"))
        found.append(shown(f"{name}: {case.unit} granted", f"{used:,.0f} of {could:,.0f}"))
        return found
    if case.judge_from_s:
        late = _used(case, seen, case.judge_from_s) / case.oracle(case.judge_from_s, case.duration_s)
        found.append(shown(f"{name}: goodput over all of it", f"{used / could:.1%} of the oracle"))
        found.append(
            at_least(f"{name}: goodput from {case.judge_from_s:g} s on, of the oracle", late, MIN_USED_RATIO, "{:.1%}")
        )
    else:
        found.append(at_least(f"{name}: goodput of the oracle", used / could, MIN_USED_RATIO, "{:.1%}"))
    found.append(shown(f"{name}: granted", f"{used:,.0f} of {could:,.0f}, at most {stats['max_in_flight']} in flight"))
    found.append(at_most(f"{name}: 429s of requests received", throttled, MAX_THROTTLED_RATIO, "{:.1%}"))
    return found + _recoveries(name, case, seen)


def _used(case: Case, seen: Observed, since_s: float) -> float:
    if case.unit == "tokens":
        return float(seen.stats["input_tokens"] + seen.stats["output_tokens"])
    return seen.granted_from(since_s)


def _recoveries(name: str, case: Case, seen: Observed) -> list[Figure]:
    found = []
    steps = [s for s in case.steps if s.per_s is not None]
    for i, step in enumerate(steps):
        assert step.per_s is not None
        until_s = steps[i + 1].at_s if i + 1 < len(steps) else case.duration_s - DRAIN_S
        start, end = (int(at_s + seen.offset_s) for at_s in (step.at_s, until_s))
        took = recovery_s(seen.granted, start=start, end=end, per_s=step.per_s)
        what = f"{name}: seconds to {RECOVERED_RATIO:.0%} after the step to {step.per_s:.0f}/s"
        found.append(at_most(what, took, MAX_RECOVERY_S, "{:.0f}"))
    return found


def _picture(name: str, seen: Observed) -> str:
    top = max(*seen.granted, *seen.throttled, 1)
    return "\n".join(
        [
            f"{name}: one character a second, top {top}/s",
            f"  granted   {sparkline(seen.granted, top=top)}",
            f"  429       {sparkline(seen.throttled, top=top)}",
            f"  in flight {sparkline(seen.in_flight)} (top {max(seen.in_flight)})",
        ]
    )


def main() -> int:
    end_on_sigterm()
    cases = _cases()
    parser = argparse.ArgumentParser(prog="python -m bench.limits", description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(cases)}; all by default")
    parser.add_argument("--quick", action="store_true", help="A fifth of the time: to look, not to judge a minute.")
    asked = parser.parse_args()
    unknown = set(asked.cases) - set(cases)
    if unknown:
        parser.error(f"no such case: {', '.join(sorted(unknown))} (known: {', '.join(cases)})")
    found: list[Figure] = []
    for name in asked.cases or cases:
        case = cases[name].shrunk(0.2) if asked.quick else cases[name]
        with tempfile.TemporaryDirectory() as folder:
            seen = observe(case, Path(folder))
        print(_picture(name, seen), flush=True)
        part = figures(name, case, seen)
        print(*(f"  {f.what}: {f.value}" for f in part), sep="\n", flush=True)
        found += part
    return conclude("Limits", found)


if __name__ == "__main__":
    sys.exit(main())
