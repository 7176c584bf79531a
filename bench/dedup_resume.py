"""A run with a million rows and their vectors in its journal: how soon is it ready again, and in how much memory?

    python -m bench.dedup_resume [--rows 1000000] [--encoder all-MiniLM-L6-v2]

A short real run makes the folder; the journal's own writer then appends answers, slots and decisions with vectors
until the number is there. The target is raised, and the same command goes on: seconds to its first request, seconds
until the first new row is judged against all of them, and how many it then judges a second. What each stage of dedup
takes alone is looked at in processes of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import numpy as np

from bench.dedup_data import banking, generated_texts, spread_vectors
from bench.side_by_side.tree import resident_bytes
from bench.stage import (
    LABELS,
    Figure,
    at_most,
    conclude,
    end_on_sigterm,
    environment,
    equal,
    run_to_end,
    shown,
    simulator,
    write_job,
)
from synthgen.api import run_async
from synthgen.dedup import Deduplicator
from synthgen.encoders import open_encoder
from synthgen.engine.judging.deduplicators import Deduplicators
from synthgen.engine.judging.stored import (
    FIRST_PLACE,
    PAGE,
    accept_ngrams,
    accept_page,
    accept_vector_page,
    ngrams_of,
    stored_dimensions,
)
from synthgen.job import DuplicateCheck
from synthgen.journal import Journal
from synthgen.journal.entries import CommittedSlot, Write
from synthgen.records import Candidate, Decision

FIRST_ROWS, MORE_ROWS = 40, 400
PACED_ROWS, PACE_S = 2000, 60.0  # judged, or seconds at most; ten times as many are asked for
SLOTS_A_COMMIT = 1024
CHILD_S = 400.0
READY_S, MEMORY_GB = 20.0, 1.2
STAGES: dict[str, dict[str, Any]] = {
    "exact": {"near": False, "lexical": None},
    "exact and letters": {"near": False, "lexical": 0.7},
    "exact and embedding": {"near": True, "lexical": None},
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--encoder", default="all-MiniLM-L6-v2")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        return CHILDREN[given.child[0]](*given.child[1:])
    end_on_sigterm()
    with tempfile.TemporaryDirectory() as name, simulator(latency_s=0.02) as server:
        folder, checks = Path(name), {"encoder": given.encoder, "checks": [{"check": "duplicate"}]}
        _make(folder, server.base_url, given.rows, given.encoder, checks)
        job = write_job(folder, server.base_url, rows=given.rows + MORE_ROWS, **checks)
        figures = [*_resume(job, folder / "out", given.rows), *_parts(folder / "out")]
        job = write_job(folder, server.base_url, rows=given.rows + 10 * PACED_ROWS, **checks)
        figures.append(_pace(job, folder / "out"))
    return conclude(f"{given.rows:,} rows with vectors, resumed ({given.encoder})", figures)


# --- making the journal ----------------------------------------------------------------------------------------------


def _make(folder: Path, url: str, rows: int, encoder: str, checks: dict[str, Any]) -> None:
    began = time.monotonic()
    ended = run_to_end(write_job(folder, url, rows=FIRST_ROWS, **checks), folder / "out")
    if ended.exit_code:
        sys.exit(ended.stderr)
    texts = generated_texts(rows)
    real = open_encoder(encoder).encode([text for text, _ in banking()[:4000]])
    vectors = spread_vectors(real, rows)
    journal = Journal.create(folder / "out")
    accepted = journal.accepted_counts()
    made = _Writes(journal, rows)
    made.apply_all(texts, vectors)
    journal.close()
    print(f"{rows - sum(accepted.values()):,} rows appended in {time.monotonic() - began:,.0f} s", file=sys.stderr)


class _Writes:
    """Answers like the run's last one, and what became of them.

    Args:
        journal: The run's.
        rows: How many accepted rows it shall hold.
    """

    def __init__(self, journal: Journal, rows: int) -> None:
        self._journal = journal
        self._next = dict(journal.committed_counts())
        targets = {LABELS[0]: rows - rows // 2, LABELS[1]: rows // 2}
        accepted = journal.accepted_counts()
        self._left = {label: target - accepted[label] for label, target in targets.items()}
        # what the short run asked beyond its end has an answer already
        self._answered = {label: set(journal.undecided(label, since=self._next[label])[0]) for label in targets}
        self._like = {label: journal.completions(label, 0)[0] for label in targets}

    def apply_all(self, texts: list[str], vectors: np.ndarray) -> None:
        for start in range(0, sum(self._left.values()), SLOTS_A_COMMIT):
            part = slice(start, start + SLOTS_A_COMMIT)
            self._journal.apply(self.of(texts[part], vectors[part]))

    def of(self, texts: list[str], vectors: np.ndarray) -> list[Write]:
        writes: list[Write] = []
        for text, vector in zip(texts, vectors, strict=True):
            label = max(self._left, key=lambda label: self._left[label])
            if not self._left[label]:
                break
            writes += self._slot(label, text, vector.tobytes())
        return writes

    def _slot(self, label: str, text: str, vector: bytes) -> list[Write]:
        ordinal = self._next[label]
        self._next[label] += 1
        self._left[label] -= 1
        is_answered = ordinal in self._answered[label]
        slot_id = self._journal.completions(label, ordinal)[0].slot_id if is_answered else f"s1:{label}-{ordinal}"
        candidate = Candidate(f"{slot_id}.0", slot_id, label, ordinal, 0, text, {"text": text})
        answer = self._like[label]._replace(slot_id=slot_id, ordinal=ordinal, text=json.dumps({"text": text}))
        judged = CommittedSlot(slot_id, label, ordinal, False, (Decision(candidate, None, vector=vector),))
        return [judged] if is_answered else [answer, judged]


# --- resuming --------------------------------------------------------------------------------------------------------


def _resume(job: Path, out: Path, rows: int) -> list[Figure]:
    told = _child("run", str(job), str(out), str(time.monotonic()), "1")
    return [
        equal("rows at the start", told["accepted"], rows),
        at_most("seconds to the first request", told["request_s"], READY_S, "{:.1f}"),
        at_most("seconds to the first row judged against all", told["judged_s"], READY_S, "{:.1f}"),
        shown("memory then, all stages on", f"{told['judged_gb']:.2f} GB"),
        shown("CPU seconds until then", f"{told['cpu_s']:.1f}"),
    ]


def _pace(job: Path, out: Path) -> Figure:
    told = _child("run", str(job), str(out), str(time.monotonic()), str(PACED_ROWS))
    return shown("rows judged a second, once it judges", f"{told['per_s']:,.0f}")


def _parts(out: Path) -> list[Figure]:
    figures, memory = [], {}
    for name in STAGES:
        told = _child("stage", str(out), name)
        memory[name] = told["gb"]
        figures.append(
            shown(
                f"{name}: seconds, of which reading",
                f"{told['wall_s']:.1f}, {told['read_s']:.1f} ({told['cpu_s']:.1f} CPU)",
            )
        )
        figures.append(
            shown(f"{name}: memory it grew by, at its peak", f"{told['gb']:.2f} GB, {told['peak_gb']:.2f} GB")
        )
    embedding = memory["exact and embedding"] - memory["exact"]
    figures.append(at_most("vectors and their index, GB", embedding, MEMORY_GB, "{:.2f}"))
    return figures


def _child(*words: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.dedup_resume", "--child", *words]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=CHILD_S, env=environment())
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


def _run(job: str, out: str, began: str, until: str) -> int:
    """The run itself until so many slots are judged, with a watch that was started before the process was."""
    told: dict[str, Any] = {}

    def observe(event: Any) -> None:
        name, now = type(event).__name__, time.monotonic() - float(began)
        if name == "RunStarted":
            told["accepted"] = sum(event.accepted.values())
        if name == "RequestSettled":
            told.setdefault("request_s", now)
        if name == "SlotCommitted":
            if "judged_s" not in told:
                told.update(judged_s=now, judged_gb=_resident_gb(), cpu_s=time.process_time(), judged=0)
            told["judged"] += 1
            told["per_s"] = told["judged"] / max(now - told["judged_s"], 1e-9)
        is_enough = told.get("judged", 0) >= int(until) or now - told.get("judged_s", now) >= PACE_S
        if is_enough and "request_s" in told:
            print(json.dumps(told), flush=True)
            os._exit(0)  # all that was looked for is seen; the journal bears it

    anyio.run(lambda: run_async(job, out=out, observe=observe))
    return 1


def _stage(out: str, name: str) -> int:
    """One stage's share: pages read from the journal and compared with nothing, one thing after the other."""
    journal, before, reading_s = Journal.read(Path(out)), _resident_gb(), 0.0
    began, cpu = time.monotonic(), time.process_time()
    check = DuplicateCheck.model_validate({"check": "duplicate", **STAGES[name]})
    dedups = Deduplicators(Deduplicator(check, None, stored_dimensions(journal)))
    if dedups.compare_vectors:
        reading_s += _all_pages(journal.accepted_vectors, partial(accept_vector_page, dedups))
    reading_s += _all_pages(journal.accepted_page, lambda page: accept_ngrams(ngrams_of(accept_page(dedups, page))))
    dedups.settle()
    told = {"wall_s": time.monotonic() - began, "cpu_s": time.process_time() - cpu, "read_s": reading_s}
    print(json.dumps({**told, "gb": _resident_gb() - before, "peak_gb": _peak_gb()}))
    return 0


def _all_pages(read: Callable[..., Any], take: Callable[[Any], None]) -> float:
    """Seconds of reading."""
    after, reading_s = FIRST_PLACE, 0.0
    while True:
        at = time.monotonic()
        page = read(after=after, limit=PAGE)
        reading_s += time.monotonic() - at
        if page is None:
            return reading_s
        after = page.last
        take(page)


def _peak_gb() -> float:
    """Of this program alone; `ru_maxrss` would begin with what its parent had when it was started."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024 / 1e9


def _resident_gb() -> float:
    return resident_bytes(os.getpid()) / 1e9


CHILDREN = {"run": _run, "stage": _stage}

if __name__ == "__main__":
    sys.exit(main())
