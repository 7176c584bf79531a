"""Does a run that is killed again and again give the bytes of one that was not, and what does a kill cost?

    python -m bench.crash [PART ...] [--quick] [--seed N]

Again and again the same job: SIGKILL at random moments, SIGKILL inside a journal commit (`bench.die_in_commit`), and
the server killed in the middle and near the end. What a kill cost is read off both sides: answers the server granted
that no journal holds, and requests it saw abandoned.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.die_in_commit import POINTS
from bench.stage import (
    Figure,
    Server,
    at_least,
    at_most,
    conclude,
    end_on_sigterm,
    equal,
    export,
    run_to_end,
    running,
    shown,
    simulator,
    synthgen,
    write_job,
)
from synthgen.errors import JournalError
from synthgen.journal import Journal

SPOILT = {"duplicate_ratio": 0.1, "malformed_ratio": 0.05}
JITTER = {"latency_kind": "jitter", "latency_jitter_ratio": 0.9}
LATEST_KILL_RATIO = 0.9
RETRY = {"max_outage_s": 3}  # a server that is gone is given up soon, or the bench takes ten minutes


@dataclass(frozen=True, slots=True)
class Scale:
    """How large a bench is.

    Attributes:
        rows: Accepted rows wanted.
        places: Requests in flight at most.
        latency_s: Mean of an answer.
        kills: At random moments.
        commit_kills: Inside commits.
        latest_commit: The latest commit of a process to be killed in.
    """

    rows: int
    places: int
    latency_s: float
    kills: int
    commit_kills: int
    latest_commit: int


FULL = Scale(rows=2000, places=16, latency_s=0.2, kills=20, commit_kills=10, latest_commit=60)
QUICK = Scale(rows=300, places=8, latency_s=0.05, kills=4, commit_kills=2, latest_commit=20)


@dataclass(frozen=True, slots=True)
class Calm:
    """The run that nobody disturbed."""

    rows: bytes
    granted: int


class Bench:
    """One simulator, one job, and what becomes of it."""

    def __init__(self, scale: Scale, server: Server, folder: Path, chance: random.Random) -> None:
        self._scale, self._server, self._folder, self._chance = scale, server, folder, chance
        self._can_verify = synthgen("journal", "verify", "--help").returncode == 0

    def job(self, name: str) -> tuple[Path, Path]:
        """A job of its own and its run directory; the server counts from zero."""
        self._server.reset()
        folder = self._folder / name
        model = {"limits": {"max_concurrency": self._scale.places}}
        return write_job(folder, self._server.base_url, rows=self._scale.rows, model=model, retry=RETRY), folder / "out"

    def calm(self) -> tuple[Calm, list[Figure]]:
        """The uninterrupted run."""
        job, out = self.job("calm")
        ended = run_to_end(job, out)
        found = Calm(export(out), self._server.stats()["granted"])
        return found, [
            equal("calm: exit code", ended.exit_code, 0),
            equal("calm: rows", len(found.rows.splitlines()), self._scale.rows),
            shown("calm: answers bought, seconds", f"{found.granted:,}, {ended.wall_s:.1f} s"),
        ]

    # --- the run is killed -------------------------------------------------------------------------------------

    def killed_at_random(self, calm: Calm) -> list[Figure]:
        """SIGKILL wherever it happens to be."""
        job, out = self.job("random")
        ledger = _Ledger(self._server, out)
        last = int(LATEST_KILL_RATIO * calm.granted)
        moments = sorted(self._chance.sample(range(1, last), self._scale.kills))
        for moment in moments:
            least = max(moment, self._server.stats()["granted"] + 1)
            with running(job, out) as run:
                self._server.wait_until(lambda told, n=least: told["granted"] >= n, while_runs=run.process)  # type: ignore[misc]
                time.sleep(self._chance.uniform(0, 2 * self._scale.latency_s))
                ended = run.kill()
            ledger.note(ended.exit_code)
            self._verify(out, ledger)
        return self._judge("random kills", job, out, calm, ledger, self._scale.kills)

    def killed_in_commits(self, calm: Calm) -> list[Figure]:
        """SIGKILL before, inside and right after a commit."""
        job, out = self.job("commit")
        ledger = _Ledger(self._server, out)
        for i in range(self._scale.commit_kills):
            point = POINTS[(i * 3 + 1) % len(POINTS)]
            numbers = (str(self._chance.randint(1, self._scale.latest_commit)), str(self._chance.randint(1, 4)))
            ended = run_to_end(job, out, runner=("-m", "bench.die_in_commit", point, *numbers))
            ledger.note(ended.exit_code)
            self._verify(out, ledger)
        return self._judge("commit kills", job, out, calm, ledger, self._scale.commit_kills)

    def _verify(self, out: Path, ledger: _Ledger) -> None:
        if self._can_verify:
            done = synthgen("journal", "verify", out)
            ledger.unclean += done.returncode != 0
            ledger.complaint = ledger.complaint or (done.stdout + done.stderr if done.returncode else "")

    def _judge(self, name: str, job: Path, out: Path, calm: Calm, ledger: _Ledger, kills: int) -> list[Figure]:
        ended = run_to_end(job, out)
        stats, held = self._server.stats(), _answers(out)
        in_flight = sum(ledger.costs)
        verify = shown(f"{name}: journal verify", "not there yet")
        if self._can_verify:
            verify = equal(f"{name}: journals found unclean {ledger.complaint[:200]}".strip(), ledger.unclean, 0)
        return [
            equal(f"{name}: kills inside the run", ledger.exits.count(-signal.SIGKILL), kills),
            equal(f"{name}: exit code after them", ended.exit_code, 0),
            _same(f"{name}: export", export(out), calm.rows),
            at_most(f"{name}: granted, calm run plus in flight", stats["granted"], calm.granted + in_flight, "{:,}"),
            at_most(
                # one more, because what is in flight when the last row is accepted depends on timing in any run
                f"{name}: granted and abandoned, calm run plus its places at each kill and at the end",
                stats["granted"] + stats["abandoned"],
                calm.granted + (kills + 1) * self._scale.places,
                "{:,}",
            ),
            at_most(f"{name}: cost of the worst kill, in answers", max(ledger.costs), self._scale.places, "{}"),
            at_most(f"{name}: answers bought twice", stats["repeats"], ledger.lost, "{}"),
            equal(f"{name}: answers granted and not in the journal", stats["granted"] - held, ledger.lost),
            shown(f"{name}: cost of each kill", " ".join(map(str, ledger.costs))),
            verify,
        ]

    # --- the server is killed ----------------------------------------------------------------------------------

    def server_killed(self, calm: Calm) -> list[Figure]:
        """The server dies in mid-run, and comes back later on its port."""
        return self._server_killed("server killed", calm, calm.granted // 2)

    def server_killed_at_the_end(self, calm: Calm) -> list[Figure]:
        """The same while the last answers are awaited and nothing new is asked."""
        return self._server_killed("server killed at the end", calm, calm.granted - self._scale.places // 2)

    def _server_killed(self, name: str, calm: Calm, moment: int) -> list[Figure]:
        job, out = self.job(name.replace(" ", "-"))
        with running(job, out) as run:
            self._server.wait_until(lambda told: told["granted"] >= moment, while_runs=run.process)
            self._server.end(signal.SIGKILL)
            ended = run.wait()
        held = _answers(out)
        self._server.start()
        again = run_to_end(job, out)
        failed = again.result.get("failed")
        return [
            equal(f"{name}: exit code", ended.exit_code, 3),
            _one_line(f"{name}: says so", ended.stderr),
            equal(f"{name}: exit code when it is back", again.exit_code, 0),
            equal(f"{name}: slots given up", failed, 0),
            _same(f"{name}: export", export(out), calm.rows),
            at_most(
                f"{name}: granted when it is back, what was missing plus places",
                self._server.stats()["granted"],
                calm.granted - held + self._scale.places,
                "{:,}",
            ),
            shown(f"{name}: seconds until it stopped", f"{ended.wall_s:.1f} s"),
        ]


PARTS = {
    "random": Bench.killed_at_random,
    "commit": Bench.killed_in_commits,
    "server": Bench.server_killed,
    "server-end": Bench.server_killed_at_the_end,
}


class _Ledger:
    """What each kill cost, from the server's counts and the journal's."""

    def __init__(self, server: Server, out: Path) -> None:
        self._server, self._out = server, out
        self.exits: list[int] = []
        self.costs: list[int] = []
        self.lost = self._abandoned = self.unclean = 0
        self.complaint = ""

    def note(self, exit_code: int) -> None:
        """Read both sides after a kill, once the server has seen the connections close."""
        stats = _settled(self._server)
        lost = stats["granted"] - _answers(self._out)
        self.exits.append(exit_code)
        self.costs.append(lost - self.lost + stats["abandoned"] - self._abandoned)
        self.lost, self._abandoned = lost, stats["abandoned"]


def _settled(server: Server) -> dict[str, Any]:
    until = time.monotonic() + 30
    while True:
        stats = server.stats()
        if stats["in_flight"] == 0:
            return stats
        if time.monotonic() > until:
            raise TimeoutError("the server still works for a client that was killed")
        time.sleep(0.02)


def _answers(out: Path) -> int:
    """Answers a run directory holds; none where its journal never began."""
    try:
        journal = Journal.read(out)
    except JournalError:
        return 0
    try:
        return journal.answers()
    finally:
        journal.close()


def _same(what: str, found: bytes, expected: bytes) -> Figure:
    if found == expected:
        return Figure(what, f"{len(found):,} bytes, the same", "byte-identical", True)
    theirs, ours = expected.splitlines(), found.splitlines()
    at = next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), min(len(ours), len(theirs)))
    return Figure(what, f"{len(ours)} rows of {len(theirs)}, other from row {at} on", "byte-identical", False)


def _one_line(what: str, stderr: str) -> Figure:
    told = [line for line in stderr.splitlines() if line.startswith("synthgen: ")]
    is_met = len(told) == 1 and "Traceback" not in stderr
    return Figure(what, (told or [stderr[-200:] or "nothing"])[0], "one line, no traceback", is_met)


def main() -> int:
    end_on_sigterm()
    parser = argparse.ArgumentParser(prog="python -m bench.crash", description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--quick", action="store_true", help="300 rows, 4 kills and 2 in commits.")
    parser.add_argument("--seed", type=int, default=1, help="Of the moments.")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))} (known: {', '.join(PARTS)})")
    scale = QUICK if asked.quick else FULL
    with simulator(latency_s=scale.latency_s, **JITTER, **SPOILT) as server, tempfile.TemporaryDirectory() as folder:
        bench = Bench(scale, server, Path(folder), random.Random(asked.seed))
        calm, figures = bench.calm()
        figures.append(at_least("calm: slots", calm.granted, scale.rows, "{:,}"))
        for part in asked.parts or PARTS:
            found = PARTS[part](bench, calm)
            print(*(f"{f.what}: {f.value}" for f in found), sep="\n", flush=True)
            figures += found
    return conclude("Crash", figures)


if __name__ == "__main__":
    sys.exit(main())
