"""Instruction data at size: many pairs from human seed tasks against the simulator, killed twice, exported, checked.

    python -m bench.instructions [--rows 20000]

The simulator answers by schema with sentences of its own, so this shows the road (stages, resume, dedup, exports), not
the quality of anything. No judge: one that scores by chance would ask ten times as much and show nothing.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import orjson
import yaml

from bench.dedup_data import DATA
from bench.stage import (
    Figure,
    Server,
    at_most,
    conclude,
    end_on_sigterm,
    equal,
    run_to_end,
    running,
    shown,
    simulator,
    synthgen,
)
from synthgen.data.format_check import check_format
from synthgen.dedup.ngrams.grams import GramOrder
from synthgen.dedup.ngrams.index import LexicalIndex
from synthgen.text import normalise

SEEDS = DATA / "self_instruct/seed_tasks.jsonl"
PLACES = 64
BATCH = 1024
PATIENCE_S = 3600.0
LEXICAL = 0.7


def write_job(folder: Path, base_url: str, rows: int) -> Path:
    job = {
        "name": "pairs",
        "recipe": "instructions",
        "options": {"judge": False},
        "data": {"train": str(SEEDS), "text": "instruction"},
        "targets": rows,
        "models": [{"provider": "openai", "model": "sim", "base_url": base_url, "limits": {"max_concurrency": PLACES}}],
        "checks": [
            {"check": "duplicate", "near": False, "lexical": LEXICAL},
            {"check": "leakage", "near": False},
        ],
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "job.yaml"
    path.write_text(yaml.safe_dump(job, sort_keys=False))
    return path


def measure(rows: int, folder: Path, server: Server) -> list[Figure]:
    """The run, killed after a third and after two thirds of its answers, and what came of it."""
    job, out = write_job(folder, server.base_url, rows), folder / "out"
    for share in (1 / 3, 2 / 3):
        with running(job, out) as run:
            asked = int(rows * 1.2 * share)
            while run.process.poll() is None and server.stats()["granted"] < asked:
                time.sleep(0.2)
            run.kill()
    ended = run_to_end(job, out, timeout_s=PATIENCE_S)
    granted = server.stats()["granted"]
    figures = [
        equal("exit code after two kills", ended.exit_code, 0),
        equal("pairs", sum(ended.result["accepted"].values()), rows),
        shown("answers in the journals", f"{ended.result['requests']:,}"),
        at_most("granted, but in no journal (2 kills)", granted - ended.result["requests"], 2 * PLACES, "{:,.0f}"),
        shown("seconds of the last session", f"{ended.wall_s:.0f}"),
    ]
    for name in ("openai-chat", "alpaca", "sharegpt"):
        output = folder / f"{name}.jsonl"
        done = synthgen("export", out, "--format", name, "--output", output, timeout_s=PATIENCE_S)
        report = check_format(output, format=name)
        figures.append(equal(f"{name}: exported, valid examples", (done.returncode, report.examples), (0, rows)))
        figures.append(equal(f"{name}: problems", len(report.problems) + len(report.of_file), 0))
    instructions = [orjson.loads(line)["instruction"] for line in (folder / "alpaca.jsonl").open("rb")]
    return [*figures, equal(f"instructions that repeat another (letters >= {LEXICAL})", repeats(instructions), 0)]


def repeats(texts: list[str]) -> int:
    """Texts whose letters overlap an earlier one's by the threshold."""
    forms = [normalise(text) for text in texts]
    index, found = LexicalIndex(LEXICAL, GramOrder(forms)), 0
    for start in range(0, len(forms), BATCH):
        profiles = index.profiles(forms[start : start + BATCH])
        close = zip(index.close_each(profiles), index.among(profiles), strict=True)
        found += sum(bool(before or beside) for before, beside in close)
        index.add(profiles)
    return found


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rows", type=int, default=20_000)
    given = arguments.parse_args()
    end_on_sigterm()
    with tempfile.TemporaryDirectory() as folder, simulator(latency_s=0.02) as server:
        sys.exit(conclude(f"{given.rows:,} instruction pairs", measure(given.rows, Path(folder), server)))


if __name__ == "__main__":
    main()
