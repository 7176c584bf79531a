"""What happens to a run whose disk fails it, and is anything lost that was committed?

    python -m tests.scenarios.disk [PART ...] [--quick]

A small tmpfs in a mount namespace of its own (`unshare -rm`) is the full disk and the read-only directory; the whole
bench starts itself anew inside one. Where that is not allowed, a limit on the size of a file stands for the full disk,
and a file where a directory should be for the directory that cannot be written; the table says which was used.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.stage import (
    Ended,
    Figure,
    Server,
    at_least,
    at_most,
    conclude,
    end_on_sigterm,
    environment,
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
from synthgen.journal.store import JOURNAL_NAME

PLACES = 8
LATENCY = {"latency_s": 0.02, "latency_kind": "jitter", "latency_jitter_ratio": 0.9}
INSIDE = "--inside"
UNSHARE = ("unshare", "--map-root-user", "--mount")
MANY_BYTES = 256 * 1024 * 1024
MAX_LINE = 400


@dataclass(frozen=True, slots=True)
class Disk:
    """A place that can be filled up and given room.

    Attributes:
        path: A folder on it.
        resize: Give it so many bytes in all.
        popen: What a process that writes there is started with.
    """

    path: Path
    resize: Callable[[int], None]
    popen: Mapping[str, Any]


class Bench:
    """One server, a folder, and ways to break disks."""

    def __init__(self, server: Server, folder: Path, rows: int, *, has_namespace: bool) -> None:
        self._server, self._folder, self._rows = server, folder, rows
        self._has_namespace = has_namespace

    def job(self, name: str) -> Path:
        self._server.reset()
        model = {"limits": {"max_concurrency": PLACES}}
        return write_job(self._folder / name, self._server.base_url, rows=self._rows, model=model)

    # --- full --------------------------------------------------------------------------------------------------

    def full(self, sizes: tuple[int, ...]) -> list[Figure]:
        """Too small for the journal to begin, for its first commits, for its middle."""
        found = [
            shown("full: by", "a tmpfs of its own" if self._has_namespace else "RLIMIT_FSIZE, for want of unshare")
        ]
        for size in sizes:
            found += self._full(size)
        return found

    def _full(self, size: int) -> list[Figure]:
        name = f"full at {size // 1024} KiB"
        job = self.job(name.replace(" ", "-"))
        events = job.parent / "events.jsonl"
        with self._disk(job.parent / "small", size) as disk:
            out = disk.path / "out"
            stopped = run_to_end(job, out, words=("--events", str(events)), **disk.popen)
            told = _told_durable(events)
            disk.resize(MANY_BYTES)
            held = _answers(out)
            resumed = run_to_end(job, out)
            rows = len(export(out).splitlines()) if resumed.exit_code == 0 else 0
            stats = self._server.stats()
        return [
            *_ends_well(name, stopped),
            _kept(f"{name}: answers in the journal, of those told durable", held, told),
            equal(f"{name}: exit code with room", resumed.exit_code, 0),
            equal(f"{name}: rows exported then", rows, self._rows),
            at_most(f"{name}: answers bought twice, of {stats['granted']:,}", stats["repeats"], PLACES, "{}"),
        ]

    @contextlib.contextmanager
    def _disk(self, path: Path, size: int) -> Iterator[Disk]:
        path.mkdir()
        if self._has_namespace:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)], check=True)
            try:
                yield Disk(path, lambda n: _remount(path, f"size={n}"), {})
            finally:
                subprocess.run(["umount", str(path)], check=True)
            return

        def narrow() -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

        yield Disk(path, lambda _: None, {"preexec_fn": narrow})

    # --- truncated ---------------------------------------------------------------------------------------------

    def truncated(self) -> list[Figure]:
        """A journal that lost its end: refused as it is, and whole again where its copy is put back."""
        job = self.job("truncated")
        out, copy = job.parent / "out", job.parent / "copy"
        with running(job, out) as run:
            self._server.wait_until(lambda told: told["granted"] >= self._rows // 2, while_runs=run.process)
            run.kill(signal.SIGINT)
        shutil.copytree(out, copy)
        size = (copy / JOURNAL_NAME).stat().st_size
        found = []
        for what, left in (("half", size // 2), ("all but a page", size - 4096), ("100 bytes", 100)):
            name = f"truncated to {what}"
            shutil.rmtree(out)
            shutil.copytree(copy, out)
            os.truncate(out / JOURNAL_NAME, left)
            before, received = (out / JOURNAL_NAME).read_bytes(), self._server.stats()["received"]
            ended = run_to_end(job, out)
            found += _ends_well(name, ended)
            is_left = (out / JOURNAL_NAME).read_bytes() == before
            found.append(equal(f"{name}: the file is left as it was", is_left, True))
            found.append(equal(f"{name}: requests sent", self._server.stats()["received"] - received, 0))
        shutil.rmtree(out)
        shutil.copytree(copy, out)
        found.append(equal("truncated, copy put back: exit code", run_to_end(job, out).exit_code, 0))
        found.append(equal("truncated, copy put back: answers bought twice", self._server.stats()["repeats"], 0))
        return found

    # --- read-only ---------------------------------------------------------------------------------------------

    def read_only(self) -> list[Figure]:
        """A directory that cannot be written: for a new run, and for one that stood there before."""
        job = self.job("read-only")
        place = job.parent / "place"
        if not self._has_namespace:
            place.write_text("a file")
            ended = run_to_end(job, place / "out")
            return [shown("read-only: by", "a file in its place, for want of unshare"), *_ends_well("read-only", ended)]
        place.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(place)], check=True)
        with running(job, place / "out") as run:
            self._server.wait_until(lambda told: told["granted"] >= self._rows // 2, while_runs=run.process)
            run.kill(signal.SIGINT)
        held, received = _answers(place / "out"), self._server.stats()["received"]
        _remount(place, "ro")
        new, old = run_to_end(job, place / "new"), run_to_end(job, place / "out")
        looked = synthgen("status", place / "out")
        sent = self._server.stats()["received"] - received
        _remount(place, "rw")
        resumed = run_to_end(job, place / "out")
        kept = len(export(place / "out").splitlines()) if resumed.exit_code == 0 else 0
        twice = self._server.stats()["repeats"]
        subprocess.run(["umount", str(place)], check=True)
        return [
            shown("read-only: by", "a tmpfs mounted read-only"),
            *_ends_well("read-only, new run", new),
            *_ends_well("read-only, old run", old),
            equal("read-only: requests sent", sent, 0),
            shown(f"read-only: `status` of a run of {held} answers", f"exit {looked.returncode} {looked.stderr[:120]}"),
            equal("read-only, writable again: exit code", resumed.exit_code, 0),
            equal("read-only, writable again: rows", kept, self._rows),
            equal("read-only, writable again: answers bought twice", twice, 0),
        ]

    # --- shared ------------------------------------------------------------------------------------------------

    def shared(self) -> list[Figure]:
        """Two runs on one directory: the second is refused, the first is not disturbed."""
        job = self.job("shared")
        out = job.parent / "out"
        self._server.control(latency_s=0.5)
        with running(job, out) as first:
            self._server.wait_until(lambda told: told["granted"] >= 5, while_runs=first.process)
            second = run_to_end(job, out)
            is_running = first.process.poll() is None
            self._server.control(latency_s=LATENCY["latency_s"])
            ended = first.wait()
        return [
            *_ends_well("shared, second run", second),
            equal("shared: the first was still at work", is_running, True),
            equal("shared, first run: exit code", ended.exit_code, 0),
            equal("shared: rows", len(export(out).splitlines()), self._rows),
            equal("shared: answers bought twice", self._server.stats()["repeats"], 0),
        ]


def _remount(path: Path, option: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{option}", str(path)], check=True)


def _told_durable(events: Path) -> int:
    """Answers that the run called durable: it tells of one only after its commit returned."""
    if not events.exists():
        return 0
    told = [json.loads(line) for line in events.read_text().splitlines()]
    return sum(1 for event in told if event["event"] == "request_settled" and event["code"] == "ok")


def _kept(what: str, held: int, told: int) -> Figure:
    """Nothing can be lost where nothing was ever durable."""
    return at_least(what, held, told, "{:,}") if told else shown(what, f"{held:,} of none")


def _answers(out: Path) -> int:
    try:
        journal = Journal.read(out)
    except JournalError:
        return 0
    try:
        return journal.answers()
    finally:
        journal.close()


def _ends_well(name: str, ended: Ended) -> list[Figure]:
    """Exit 4, one message with a next step, no traceback."""
    lines = ended.stderr.strip().splitlines()
    is_clear = (
        len(lines) == 2
        and lines[0].startswith("synthgen: ")
        and lines[1].startswith("  next: ")
        and max(map(len, lines)) <= MAX_LINE
    )
    said = " / ".join(line.strip() for line in lines)[-MAX_LINE:] or "nothing"
    return [
        equal(f"{name}: exit code", ended.exit_code, 4),
        Figure(f"{name}: says", said.replace("|", "\\|"), "a message and the next step", is_clear),
    ]


def _measure(parts: list[str], *, is_quick: bool, has_namespace: bool) -> list[Figure]:
    rows, sizes = (150, (192,)) if is_quick else (600, (48, 256, 1024, 2048))
    with simulator(**LATENCY) as server, tempfile.TemporaryDirectory() as folder:
        bench = Bench(server, Path(folder), rows, has_namespace=has_namespace)
        known: dict[str, Callable[[], list[Figure]]] = {
            "full": lambda: bench.full(tuple(1024 * size for size in sizes)),
            "truncated": bench.truncated,
            "read-only": bench.read_only,
            "shared": bench.shared,
        }
        figures: list[Figure] = []
        for part in parts:
            figures += known[part]()
        return figures


PARTS = ("full", "truncated", "read-only", "shared")


def _can_unshare() -> bool:
    if shutil.which(UNSHARE[0]) is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        command = [*UNSHARE, "mount", "-t", "tmpfs", "tmpfs", folder]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


def main() -> int:
    end_on_sigterm()
    parser = argparse.ArgumentParser(prog="python -m tests.scenarios.disk", description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--quick", action="store_true", help="150 rows and one size of disk.")
    parser.add_argument("--no-namespace", action="store_true", help="Do without `unshare` even where it is allowed.")
    parser.add_argument(INSIDE, action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if unknown := set(asked.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))} (known: {', '.join(PARTS)})")
    if not asked.inside and not asked.no_namespace and _can_unshare():
        command = [*UNSHARE, sys.executable, "-m", "tests.scenarios.disk", *sys.argv[1:], INSIDE]
        os.execvpe(command[0], command, environment())
    return conclude("Disk", _measure(asked.parts or list(PARTS), is_quick=asked.quick, has_namespace=asked.inside))


if __name__ == "__main__":
    sys.exit(main())
