"""What every bench of the engine stands on: a simulator process, a job, run processes, and a table that can say MISSED.

Runs and simulator are processes of their own, so that a kill is a kill. Nothing here decides what is good enough: each
bench says so beside its figure.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from synthgen.simulator.settings import SimulatorSettings

ROOT = Path(__file__).parents[1]
PATIENCE_S = 120.0
TEMPLATE = """\
---
description: for benches
output: json
variables: [label, seeds, items]
---
Write {{ items }} messages of class {{ label }}, as JSON.
{% for seed in seeds %}
- {{ seed.text }}
{% endfor %}
"""
WORDS = ("parcel", "card", "refund", "login", "order", "invoice", "driver", "box", "phone", "app", "street", "Monday")
LABELS = ("late", "lost")


# --- figures ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table.

    Attributes:
        what: What was measured.
        value: The figure, in words.
        expected: What it should be; empty where it is only shown.
        is_met: Whether it is; None where it is only shown.
    """

    what: str
    value: str
    expected: str = ""
    is_met: bool | None = None


def at_least(what: str, value: float, floor: float, spell: str = "{:.3g}") -> Figure:
    """A figure with a floor."""
    return Figure(what, spell.format(value), f"at least {spell.format(floor)}", value >= floor)


def at_most(what: str, value: float, ceiling: float, spell: str = "{:.3g}") -> Figure:
    """A figure with a ceiling."""
    return Figure(what, spell.format(value), f"at most {spell.format(ceiling)}", value <= ceiling)


def equal(what: str, value: object, expected: object) -> Figure:
    """A figure that must be exactly this."""
    return Figure(what, str(value), str(expected), value == expected)


def shown(what: str, value: object) -> Figure:
    """A figure without an expectation."""
    return Figure(what, str(value))


def table(figures: Sequence[Figure]) -> str:
    """The figures as a markdown table."""
    words = {True: "OK", False: "MISSED", None: ""}
    rows = [f"| {f.what} | {f.value} | {f.expected} | {words[f.is_met]} |" for f in figures]
    return "\n".join(["| what | figure | expected | |", "|---|---|---|---|", *rows])


def conclude(title: str, figures: Sequence[Figure]) -> int:
    """Print the table; the exit code, 1 where a figure is missed or nothing was measured."""
    missed = [f.what for f in figures if f.is_met is False]
    is_empty = not any(f.is_met is not None for f in figures)
    print(f"\n### {title}\n\n{table(figures)}\n", flush=True)
    if missed:
        print(f"MISSED: {'; '.join(missed)}", flush=True)
    return int(bool(missed) or is_empty)


def end_on_sigterm() -> None:
    """Let a `timeout` unwind the stack, so that no simulator or run is left behind."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


# --- the simulator ---------------------------------------------------------------------------------------------------


class Server:
    """A simulator process; it can be killed and started again on its port.

    Args:
        settings: Of `SimulatorSettings`, by name.
    """

    def __init__(self, **settings: Any) -> None:
        self._settings = SimulatorSettings(**settings)  # refuses nonsense here rather than in a process
        self._given = settings
        self.url = ""
        self.process: subprocess.Popen[str] | None = None

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"

    def start(self) -> None:
        """Start, on the same port where it ran before."""
        given = {**self._given, **({"port": int(self.url.rpartition(":")[2])} if self.url else {})}
        flags = [word for name, value in given.items() for word in _flags(name, value)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "synthgen", "simulate", "--json", *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment(),
        )
        assert self.process.stdout is not None
        self.url = json.loads(self.process.stdout.readline())["url"]

    def end(self, number: int = signal.SIGTERM) -> None:
        """Send a signal and wait."""
        if self.process is not None:
            with self.process:
                self.process.send_signal(number)
            self.process = None

    def stats(self) -> dict[str, Any]:
        return self._ask("/stats")

    def control(self, **changes: Any) -> None:
        self._ask("/control", json.dumps(changes).encode())

    def reset(self) -> None:
        """Count from zero again."""
        self._ask("/stats/reset", b"")

    def _ask(self, path: str, body: bytes | None = None) -> dict[str, Any]:
        with urllib.request.urlopen(urllib.request.Request(self.url + path, data=body), timeout=30) as response:
            found: dict[str, Any] = json.load(response)
        return found

    def wait_until(self, is_so: Callable[[dict[str, Any]], bool], *, while_runs: subprocess.Popen[Any]) -> bool:
        """Look until the statistics are so; False where the run ended before."""
        until = time.monotonic() + PATIENCE_S
        while while_runs.poll() is None:
            if is_so(self.stats()):
                return True
            if time.monotonic() > until:
                raise TimeoutError(f"the simulator did not come so far within {PATIENCE_S:g} s")
            time.sleep(0.005)
        return False


@contextlib.contextmanager
def simulator(**settings: Any) -> Iterator[Server]:
    """A simulator process with these settings, ended on the way out."""
    server = Server(**settings)
    server.start()
    try:
        yield server
    finally:
        server.end()


def _flags(name: str, value: Any) -> list[str]:
    flag = f"--{name.replace('_', '-')}"
    if isinstance(value, bool):
        return [flag if value else f"--no-{name.removeprefix('has_').replace('_', '-')}"]
    return [flag, str(value)]


def children_cpu_s() -> float:
    """Processor time of all children waited for, with theirs: finer than what can be seen from outside."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


CORES = sorted(os.sched_getaffinity(0))


def give_core(pid: int, which: int) -> None:
    """Put a process on the first or the second of the cores this machine gives us; on all where there is one."""
    if len(CORES) > 1:
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(pid, {CORES[which]})


def on_second_core() -> None:
    """For a child before it starts: the first core is the simulator's and the bench's."""
    give_core(0, 1)


def environment(**more: str) -> dict[str, str]:
    """The environment of a child: this source tree before any installed one, compiled once as an installed one is."""
    known = os.environ.get("PYTHONPATH")
    usual = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**usual, "PYTHONPATH": os.pathsep.join([str(ROOT), *([known] if known else [])]), **more}


# --- jobs ------------------------------------------------------------------------------------------------------------


def write_job(folder: Path, base_url: str, *, rows: int, **changes: Any) -> Path:
    """A job of two classes, one item an answer, exact dedup only.

    Args:
        folder: Where it and its data go.
        base_url: The endpoint.
        rows: Of both classes together.
        changes: Replace its keys; `model` adds to the one model's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        f"my {WORDS[i % 12]} about the {WORDS[(i * 7 + 3) % 12]} number {i} is {label},{label}"
        for label in LABELS
        for i in range(40)
    ]
    (folder / "train.csv").write_text("\n".join(["text,intent", *lines]) + "\n")
    (folder / "plain.j2").write_text(TEMPLATE)
    model = {"provider": "openai", "model": "sim", "base_url": base_url, "timeout_s": 30, **changes.pop("model", {})}
    job: dict[str, Any] = {
        "name": "bench",
        "data": {"train": "train.csv", "text": "text", "label": "intent"},
        "targets": {LABELS[0]: rows - rows // 2, LABELS[1]: rows // 2},
        "models": [model],
        "prompt": {"template": "plain.j2", "seeds": 2, "items": 1},
        "checks": [{"check": "duplicate", "near": False}],
        **changes,
    }
    path = folder / "job.yaml"
    path.write_text(yaml.safe_dump(job, sort_keys=False))
    return path


# --- runs ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that ended.

    Attributes:
        exit_code: Negative where a signal ended it.
        result: What `--json` printed, or empty.
        stderr: All of it.
        wall_s: From start to end.
    """

    exit_code: int
    result: Mapping[str, Any]
    stderr: str
    wall_s: float


@dataclass(slots=True)
class Run:
    """A run in the background. Its output is read all the time, so it never waits for a full pipe."""

    process: subprocess.Popen[str]
    started: float = field(default_factory=time.monotonic)
    _said: tuple[str, str] = ("", "")
    _reader: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        self._said = self.process.communicate()

    def kill(self, number: int = signal.SIGKILL) -> Ended:
        """Send a signal where it still runs, and wait for the end."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait()

    def wait(self, timeout_s: float = PATIENCE_S) -> Ended:
        """To its end; killed, and TimeoutError raised, where it takes longer."""
        self._reader.join(timeout_s)
        wall_s = time.monotonic() - self.started
        if self._reader.is_alive():
            self.process.kill()
            self._reader.join()
            raise TimeoutError(f"a run did not end within {timeout_s:g} s: {self._said[1][-2000:]}")
        out, err = self._said
        lines = out.strip().splitlines()
        result = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}
        return Ended(self.process.returncode, result, err, wall_s)


def start_run(
    job: Path, out: Path, *, runner: Sequence[str] = ("-m", "synthgen"), words: Sequence[str] = (), **popen: Any
) -> Run:
    """`synthgen run` in a process of its own; `runner` replaces what Python is told to start, `words` are added."""
    return Run(
        subprocess.Popen(
            [sys.executable, *runner, "run", str(job), "--out", str(out), "--quiet", "--json", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
            **popen,
        )
    )


@contextlib.contextmanager
def running(job: Path, out: Path, **more: Any) -> Iterator[Run]:
    """A run in the background that is killed on the way out, if it is not over."""
    run = start_run(job, out, **more)
    try:
        yield run
    finally:
        run.kill()


def run_to_end(job: Path, out: Path, *, timeout_s: float = 600.0, **more: Any) -> Ended:
    """A run in a process of its own, to its end."""
    with running(job, out, **more) as run:
        return run.wait(timeout_s)


def synthgen(*words: str | Path, timeout_s: float = PATIENCE_S, **popen: Any) -> subprocess.CompletedProcess[str]:
    """Any command, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "synthgen", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        env=environment(),
        check=False,
        **popen,
    )


def export(out: Path) -> bytes:
    """The exported rows' bytes."""
    output = out.parent / f"{out.name}-rows.jsonl"
    done = synthgen("export", out, "--output", output)
    if done.returncode != 0:
        raise RuntimeError(f"export failed ({done.returncode}): {done.stderr}")
    return output.read_bytes()


# --- watching --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sample:
    """The server's counts at one moment, by its own clock."""

    at_s: float
    received: int
    granted: int
    throttled: int
    in_flight: int


class Watch:
    """Reads a server's statistics again and again while entered.

    Args:
        server: Whose.
        every_s: Between two readings; the first request is looked for more closely.
    """

    def __init__(self, server: Server, *, every_s: float = 0.5) -> None:
        self._server, self._every_s = server, every_s
        self._end = threading.Event()
        self.samples: list[Sample] = []
        self.first_request = threading.Event()
        self.first_request_at_s: float | None = None
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._end.wait(self._every_s if self.samples else 0.02):
            try:
                told = self._server.stats()
            except (OSError, urllib.error.URLError):
                continue  # the server is killed and started again by some benches
            if told["received"] == 0:
                continue
            if self.first_request_at_s is None:
                self.first_request_at_s = told["elapsed_s"]
                self.first_request.set()
            names = ("received", "granted", "throttled", "in_flight")
            self.samples.append(Sample(told["elapsed_s"], *(told[name] for name in names)))


def sparkline(values: Sequence[float], *, top: float | None = None) -> str:
    """Values as a line of bars, the highest being `top` or the largest of them."""
    bars = " ▁▂▃▄▅▆▇█"
    highest = top or max(values, default=0) or 1
    return "".join(bars[min(8, max(0, round(8 * value / highest)))] for value in values)
