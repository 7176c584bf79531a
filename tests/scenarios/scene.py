"""A stage for whole-program tests: a real simulator process, real runs, real kills, a small job."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from synthgen import api

TEMPLATE = """\
---
description: for tests
output: json
variables: [label, seeds, items]
---
Write {{ items }} messages of class {{ label }}, as JSON {{ schema_hint }}.
{% for seed in seeds %}
- {{ seed.text }}
{% endfor %}
"""
WORDS = [
    "parcel",
    "card",
    "refund",
    "login",
    "order",
    "invoice",
    "driver",
    "box",
    "phone",
    "app",
    "street",
    "Monday",
    "receipt",
    "button",
    "password",
]
PATIENCE_S = 60.0


def write_rows(path: Path, *, labels: dict[str, int]) -> None:
    """Real-looking rows, all different."""
    lines = ["text,intent"]
    for label, count in labels.items():
        lines += [
            f"my {WORDS[i % 15]} about the {WORDS[(i * 7 + 3) % 15]} number {i} is {label},{label}"
            for i in range(count)
        ]
    path.write_text("\n".join(lines) + "\n")


def write_job(folder: Path, base_url: str, **changes: Any) -> Path:
    """A job of two classes against an endpoint, exact dedup only; `changes` replace its keys."""
    folder.mkdir(parents=True, exist_ok=True)
    write_rows(folder / "train.csv", labels={"late": 40, "lost": 12, "other": 60})
    (folder / "plain.j2").write_text(TEMPLATE)
    model: dict[str, Any] = {"provider": "openai", "model": "sim", "base_url": base_url, "timeout_s": 30}
    model.update(changes.pop("model", {}))
    job: dict[str, Any] = {
        "name": "scene",
        "data": {"train": "train.csv", "text": "text", "label": "intent"},
        "targets": {"late": 120, "lost": 60},
        "models": [model],
        "prompt": {"template": "plain.j2", "seeds": 3, "items": 4},
        "checks": [{"check": "duplicate", "near": False}],
    }
    job.update(changes)
    path = folder / "job.yaml"
    path.write_text(yaml.safe_dump(job, sort_keys=False))
    return path


def synthgen(
    *args: str | Path, env: dict[str, str] | None = None, timeout: float = PATIENCE_S
) -> subprocess.CompletedProcess[str]:
    """One command, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "synthgen", *map(str, args)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, **(env or {})},
    )


def run_json(job: Path, out: Path, *args: str) -> dict[str, Any]:
    """A run to its end; what `--json` printed, with the exit code."""
    done = synthgen("run", job, "--out", out, "--json", "--quiet", *args)
    assert done.stdout.strip(), done.stderr
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return {**result, "exit": done.returncode, "stderr": done.stderr}


def run_here(job: Path, out: Path) -> dict[str, Any]:
    """As `run_json`, in this process: seconds less, where no kill or signal is needed."""
    result = api.run(job, out=out)
    return {**result.as_json(), "exit": result.exit_code}


def export(out: Path, *, name: str = "rows.jsonl") -> bytes:
    """The exported rows' bytes."""
    output = out.parent / f"{out.name}-{name}"
    done = synthgen("export", out, "--output", output, "--no-drift")
    assert done.returncode == 0, done.stderr
    return output.read_bytes()


def start_run(job: Path, out: Path) -> subprocess.Popen[str]:
    """A run in the background."""
    return subprocess.Popen(
        [sys.executable, "-m", "synthgen", "run", str(job), "--out", str(out), "--quiet"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def kill(process: subprocess.Popen[str], number: int = signal.SIGKILL) -> int:
    """Send a signal and wait for the end."""
    process.send_signal(number)
    with process:
        return process.wait(PATIENCE_S)


@dataclass(frozen=True)
class Server:
    """A simulator process."""

    url: str
    process: subprocess.Popen[str]

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"

    def stats(self) -> dict[str, Any]:
        return self._ask("/stats")

    def control(self, **changes: Any) -> None:
        self._ask("/control", json.dumps(changes).encode())

    def _ask(self, path: str, body: bytes | None = None) -> dict[str, Any]:
        with urllib.request.urlopen(urllib.request.Request(self.url + path, data=body), timeout=10) as response:
            found: dict[str, Any] = json.load(response)
        return found

    def wait_for(self, granted: int) -> None:
        """Until it has granted that many requests."""
        until = time.monotonic() + PATIENCE_S
        while self.stats()["granted"] < granted:
            assert time.monotonic() < until, f"only {self.stats()['granted']} of {granted} requests came"
            time.sleep(0.01)


@contextlib.contextmanager
def simulator(*flags: str) -> Iterator[Server]:
    """A simulator process on a free port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "synthgen", "simulate", "--json", *flags], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process, contextlib.ExitStack() as stack:
        stack.callback(process.terminate)
        yield Server(json.loads(process.stdout.readline())["url"], process)
