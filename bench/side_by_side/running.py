"""Runs one peer against one server and watches: when it first asked, what it cost, whether it ever ended.

Simulator and watcher share one core, the peer with all it starts has another, where there are two.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.side_by_side import tree
from bench.side_by_side.catalogue import ENGINE, Peer
from bench.side_by_side.environments import Environment
from bench.side_by_side.measured import Rows, Run, moment_of, read_engine_rows, read_rows
from bench.stage import ROOT, Server, children_cpu_s, environment, export, give_core, simulator, write_job

EVERY_S = 0.2
OFTEN_S = 0.05
CLOSELY_S = 0.02
SILENT_S = 30.0
SETTLES_WITHIN_S = 30.0
# Whatever key or proxy the caller has is not for a bench.
LOOPBACK_ONLY = {"OPENAI_API_KEY": "none", "NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}


@dataclass(frozen=True, slots=True)
class Order:
    """What a peer is to do in one run.

    Attributes:
        case, turn: For the record.
        rows: Asked for.
        in_flight: Requests at once, at most.
        limit_s: Seconds after which it is stopped.
        is_validated: Whether its own validation is on.
        is_resumable: Whether it keeps what it needs to resume.
        timeout_s: Of one attempt.
        counted_ratio: The share of the answers that count for the rate.
    """

    case: str
    turn: int
    rows: int
    in_flight: int
    limit_s: float
    is_validated: bool = False
    is_resumable: bool = False
    timeout_s: float = 60.0
    counted_ratio: float = 1.0


class Entrant:
    """A peer with its environment and a folder of its own for one run.

    Args:
        peer: Which.
        home: Its environment.
        folder: Where all it writes goes.
        server: Whom it asks.
        order: What it is to do.
    """

    def __init__(self, peer: Peer, home: Environment, folder: Path, server: Server, order: Order) -> None:
        self.peer, self._home, self._folder, self._order = peer, home, folder, order
        self._server = server
        self._job = self._write_job() if peer is ENGINE else None

    def _write_job(self) -> Path:
        model = {"limits": {"max_concurrency": self._order.in_flight}, "timeout_s": self._order.timeout_s}
        return write_job(self._folder, self._server.base_url, rows=self._order.rows, model=model)

    @property
    def command(self) -> list[str]:
        """The same at every start, so that it resumes where it can."""
        if self._job is not None:
            out = str(self._folder / "out")
            return [sys.executable, "-m", "synthgen", "run", str(self._job), "--out", out, "--quiet", "--json"]
        order = self._order
        words = [self._server.base_url, str(order.rows), str(order.in_flight), str(self._output)]
        words += ["--timeout-s", str(order.timeout_s)]
        words += ["--validated"] * (order.is_validated and bool(self.peer.validates))
        words += ["--resumable"] * order.is_resumable
        return [str(self._home.python), "-m", f"bench.peers.{self.peer.script}", *words]

    @property
    def _output(self) -> Path:
        return self._folder / "rows.jsonl"

    def start(self) -> subprocess.Popen[bytes]:
        """The process, in a session of its own and on its core."""
        home = {"HOME": str(self._folder), "DATA_DESIGNER_HOME": str(self._folder / "home")}
        apart = {**home, **LOOPBACK_ONLY, **self.peer.environment}
        with (self._folder / "said.txt").open("ab") as said:
            process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                cwd=ROOT,
                env=environment(**apart),
                start_new_session=True,
            )
        give_core(process.pid, 1)
        return process

    def read_rows(self) -> Rows:
        """What it wrote by now."""
        if self._job is None:
            return read_rows(self._output)
        with suppress(RuntimeError):
            return read_engine_rows(export(self._folder / "out"))
        return Rows(0, 0, 0)

    def last_words(self) -> str:
        """The end of what it said, for one that failed."""
        lines = (self._folder / "said.txt").read_text(errors="replace").strip().splitlines()
        return " ".join(lines[-1:])[-200:].replace("|", "/")


class Watcher:
    """Looks at a process and its server until the process ends or its time is over.

    Args:
        process: Of an entrant, just started.
        server: Its server.
        every_s: Between two looks, once it has asked.
    """

    def __init__(self, process: subprocess.Popen[bytes], server: Server, *, every_s: float = EVERY_S) -> None:
        self._process, self._server, self._every_s = process, server, every_s
        self.start_cpu_s: float | None = None
        self.cpu_s = 0.0
        self.peak_bytes = 0
        self.looks: list[tuple[float, int]] = []
        self._received, self._silent_since = -1, time.monotonic()

    def watch(self, limit_s: float, *, until: Callable[[Mapping[str, Any]], bool] | None = None) -> str:
        """How it ended: `ended`, `late`, `hung`, or `reached` where `until` came true of the server's counts."""
        began = time.monotonic()
        while self._process.poll() is None:
            told = self._look()
            if until is not None and until(told):
                return "reached"
            if time.monotonic() - began > limit_s:
                return "hung" if time.monotonic() - self._silent_since > min(SILENT_S, limit_s / 2) else "late"
            self._pause(is_close=self.start_cpu_s is None or until is not None)
        return "ended"

    def _pause(self, *, is_close: bool) -> None:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(CLOSELY_S if is_close else self._every_s)

    def _look(self) -> Mapping[str, Any]:
        told = self._server.stats()
        found = tree.members(self._process.pid)
        self.cpu_s = max(self.cpu_s, tree.cpu_s(found))
        self.peak_bytes = max(self.peak_bytes, tree.memory_bytes(found))
        if told["received"] != self._received:
            self._received, self._silent_since = told["received"], time.monotonic()
        self.looks.append((told["elapsed_s"], told["granted"]))
        if self.start_cpu_s is None and told["first_admitted_s"] is not None:
            self.start_cpu_s = self.cpu_s
        return told


@contextmanager
def stage(peer: Peer, home: Environment, order: Order, settings: Mapping[str, Any]) -> Iterator[tuple[Entrant, Server]]:
    """A server of its own, so that every peer meets the same answers, delays and faults, and an empty folder."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, simulator(**settings) as server:
        assert server.process is not None
        give_core(server.process.pid, 0)
        yield Entrant(peer, home, Path(name), server, order), server


def carry_out(peer: Peer, home: Environment, order: Order, settings: Mapping[str, Any]) -> Run:
    """One run on a server of its own, to its end or its time limit."""
    with stage(peer, home, order, settings) as (entrant, server):
        return _start_and_watch(entrant, server, order)


def kill_at_half(peer: Peer, home: Environment, order: Order, settings: Mapping[str, Any]) -> Run:
    """One run that is killed with all it started when half of the answers are paid for, and started again.

    Returns:
        The second run, with the server's counts over both; `more` says what the first had paid for when it was killed.
    """
    with stage(peer, home, order, settings) as (entrant, server):
        first = _start_and_watch(entrant, server, order, until=lambda told: told["granted"] >= order.rows / 2)
        at_kill = _settled(server)
        more = {"bought_at_kill": at_kill["granted"], "asked_again": 0}
        if first.outcome != "reached":
            outcome = "failed" if first.outcome == "done" else first.outcome
            why = first.why or "never came to half"
            return replace(first, outcome=outcome, why=why, rows=Rows(0, 0, 0), served=at_kill, more=more)
        run = _start_and_watch(entrant, server, order)
        served = _settled(server)
        more["asked_again"] = served["received"] - at_kill["received"]
        outcome = "hung" if run.outcome == "late" and not more["asked_again"] else run.outcome
        rows = run.rows if outcome == "done" else Rows(0, 0, 0)
        return replace(run, outcome=outcome, rows=rows, served=served, more=more)


def _settled(server: Server) -> dict[str, Any]:
    """The server's counts once it has noticed that its client is gone."""
    until = time.monotonic() + SETTLES_WITHIN_S
    while (told := server.stats())["in_flight"] and time.monotonic() < until:
        time.sleep(CLOSELY_S)
    return told


def _start_and_watch(
    entrant: Entrant, server: Server, order: Order, *, until: Callable[[Mapping[str, Any]], bool] | None = None
) -> Run:
    """Start it, watch it to its end, its time limit or until enough is counted, and count what it did."""
    if until is None and not server.stats()["received"]:
        server.reset()  # its clock starts with the run
    began, cpu_began = time.perf_counter(), children_cpu_s()
    process = entrant.start()
    watcher = Watcher(process, server, every_s=EVERY_S if order.counted_ratio == 1 else OFTEN_S)
    try:
        how = watcher.watch(order.limit_s, until=until)
    finally:
        tree.kill(process.pid)
        process.wait()
    cpu_s = max(children_cpu_s() - cpu_began, watcher.cpu_s)
    wall_s = time.perf_counter() - began
    served = server.stats()
    outcome = how if how != "ended" else "done" if process.returncode == 0 else "failed"
    start_cpu_s = watcher.start_cpu_s or 0.0
    return Run(
        peer=entrant.peer.name,
        case=order.case,
        turn=order.turn,
        asked=order.rows,
        in_flight=order.in_flight,
        outcome=outcome,
        why=entrant.last_words() if outcome == "failed" else "",
        wall_s=wall_s,
        start_up_s=served["first_admitted_s"],
        asking_s=_asking_s(order, served, watcher.looks),
        counted_ratio=order.counted_ratio,
        cpu_s=max(0.0, cpu_s - start_cpu_s),
        start_cpu_s=start_cpu_s,
        peak_mib=watcher.peak_bytes / tree.MIB,
        rows=entrant.read_rows(),
        served=served,
    )


def _asking_s(order: Order, served: Mapping[str, Any], looks: Sequence[tuple[float, int]]) -> float | None:
    """From the first request to the last answer that counts; None where there was none."""
    first, last = served["first_admitted_s"], served["last_granted_s"]
    if first is None or last is None:
        return None
    if order.counted_ratio < 1:
        last = moment_of(order.counted_ratio, [*looks, (last, served["granted"])])
    return None if last is None else max(last - first, 1e-3)
