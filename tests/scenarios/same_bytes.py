"""Whether this tree gives the bytes of another one: the same jobs, on the same answers, by both checkouts.

    python -m tests.scenarios.same_bytes REVISION

Six jobs against one simulator: four classes, a label check, three stages and more, two endpoints, a replay, a resume
after SIGKILL. Then the other tree's journals by this one: verify, export, and a run that goes on to a higher target by
the rules it began with.
Exits with 1 where anything differs. REVISION is checked out into a folder of its own, by `git worktree`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.scenarios.scene import Server, simulator, write_job

ROOT = Path(__file__).parents[2]
SEEDS = ROOT / "examples" / "instructions" / "seeds.jsonl"
LEXICAL = {"check": "duplicate", "near": False, "lexical": 0.6}
TIMEOUT_S = 300.0


class Tree:
    """A checkout, and the commands of it."""

    def __init__(self, root: Path) -> None:
        self._environment = {**os.environ, "PYTHONPATH": str(root)}
        self._cwd = root

    def start(self, *words: str | Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "synthgen", *map(str, words)]
        return subprocess.Popen(
            command, cwd=self._cwd, env=self._environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def call(self, *words: str | Path) -> str:
        """What a command says; it must end well."""
        with self.start(*words) as process:
            said, _ = process.communicate(timeout=TIMEOUT_S)
        if process.returncode:
            raise RuntimeError(f"{' '.join(map(str, words))}: exit {process.returncode}: {said[-2000:]}")
        return said

    def rows(self, run: Path) -> bytes:
        """A run's export as jsonl and csv."""
        made = b""
        for name in ("rows.jsonl", "rows.csv"):
            output = run.parent / f"{run.name}-{os.urandom(4).hex()}-{name}"
            self.call("export", run, "--output", output, "--no-drift")
            made += output.read_bytes()
        return made


@contextlib.contextmanager
def checkout(revision: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "before"
        subprocess.run(["git", "worktree", "add", "-q", "--detach", path, revision], cwd=ROOT, check=True)
        try:
            yield path
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", path], cwd=ROOT, check=True)


def jobs(folder: Path, url: str, other_url: str) -> dict[str, Path]:
    """The job files by name; each in a folder of its own."""
    four = {"data": {"train": "train.csv", "text": "text", "label": "intent"}, "balance_to": 90}
    endpoints = [{"provider": "openai", "model": "sim", "base_url": u} for u in (url, other_url)]
    found = {
        "classes": write_job(folder / "classes", url, checks=[LEXICAL], targets=None, **four),
        "label": write_job(folder / "label", url, encoder="hashing", checks=[LEXICAL, {"check": "label"}]),
        "endpoints": write_job(folder / "endpoints", url, models=endpoints),
        "replay": write_job(folder / "replay", url, checks=[LEXICAL]),
        "killed": write_job(folder / "killed", url, checks=[LEXICAL], targets={"late": 200, "lost": 200}),
    }
    stages: dict[str, Any] = {
        "name": "stages",
        "recipe": "instructions",
        "data": {"train": str(SEEDS), "text": "instruction"},
        "targets": 40,
        "models": endpoints[:1],
        "options": {"evolve": True, "follow_up": True, "pass_mean": 3.0},
        "checks": [{"check": "duplicate", "near": False}, {"check": "leakage", "near": False}],
    }
    found["stages"] = folder / "stages.yaml"
    found["stages"].write_text(yaml.safe_dump(stages))
    return found


def by_first_rules(job: Path) -> Path:
    """The same job beside it, read and tidied as the other tree may do it: by the first rules."""
    path = job.with_name(f"{job.stem}-now.yaml")
    path.write_text(f"{job.read_text()}rules: 1\n")
    return path


def work(tree: Tree, name: str, job: Path, out: Path, server: Server) -> bytes:
    """One job by one tree, as its name says; the exported bytes."""
    if name == "killed":
        server.control(latency_s=0.05)
        before = server.stats()["granted"]
        with tree.start("run", job, "--out", out, "--quiet") as process:
            server.wait_for(before + 40)
            process.send_signal(signal.SIGKILL)
        server.control(latency_s=0.0)
    tree.call("run", job, "--out", out, "--quiet")
    if name == "replay":
        tree.call("replay", out, "--set", "checks.duplicate.lexical=0.4")
    return tree.rows(out)


def main(revision: str) -> int:
    differing = []
    with (
        checkout(revision) as path,
        simulator("--duplicate-ratio", "0.1", "--malformed-ratio", "0.05") as server,
        simulator("--duplicate-ratio", "0.1", "--malformed-ratio", "0.05") as other,
        tempfile.TemporaryDirectory() as name,
    ):
        folder, before, now = Path(name), Tree(path), Tree(ROOT)
        for case, job in jobs(folder, server.base_url, other.base_url).items():
            old = work(before, case, job, folder / f"{case}-before", server)
            new = work(now, case, by_first_rules(job), folder / f"{case}-now", server)
            read = now.rows(folder / f"{case}-before")
            now.call("journal", "verify", folder / f"{case}-before")
            is_same = old == new == read
            print(f"{case:10} {len(old):>9,} bytes {'the same' if is_same else 'DIFFERENT'}", flush=True)
            differing += [] if is_same else [case]
        job = folder / "classes" / "job.yaml"
        job.write_text(job.read_text().replace("balance_to: 90", "balance_to: 120"))
        now.call("run", job, "--out", folder / "classes-before", "--quiet")  # the other tree's journal, by its rules
        now.call("run", by_first_rules(job), "--out", folder / "classes-now", "--quiet")
        is_same = now.rows(folder / "classes-now") == now.rows(folder / "classes-before")
        print(f"{'go on':10} {'the same' if is_same else 'DIFFERENT'}", flush=True)
        differing += [] if is_same else ["go on"]
    return int(bool(differing))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
