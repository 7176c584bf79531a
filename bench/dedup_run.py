"""What dedup costs a run: the same job at a fixed rate of answers with one stage after another switched on.

    python -m bench.dedup_run [--rows 10000] [--rows-per-s 500] [--encoder static] [--turns 2]

A simulator on this machine lets in a fixed number of requests a second, five items each, one in ten a repeat. The
modes take turns; the figure is the time from the first request to the last row against exact dedup alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from bench.dedup_data import banking
from synthgen.journal import Journal

ITEMS = 5
CLASSES = 10


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.dedup_run", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rows-per-s", type=float, default=500.0)
    parser.add_argument("--encoder", nargs="+", default=["static"], help="each is a mode of its own")
    parser.add_argument("--turns", type=int, default=2)
    options = parser.parse_args()
    modes: dict[str, dict[str, Any]] = {
        "exact": {"checks": [{"check": "duplicate", "near": False}]},
        "letters": {"checks": [{"check": "duplicate", "near": False, "lexical": 0.7}]},
        **{name: {"encoder": name, "checks": [{"check": "duplicate"}]} for name in options.encoder},
    }
    times: dict[str, list[float]] = {name: [] for name in modes}
    for _ in range(options.turns):
        for name, changes in modes.items():
            elapsed_s, said = _run(changes, options)
            times[name].append(elapsed_s)
            print(f"{name:18} {elapsed_s:7.1f} s  {options.rows / elapsed_s:6.0f} rows/s  {said}", flush=True)
    for name, found in times.items():
        print(f"{name:18} median {median(found):7.1f} s, {median(found) / median(times['exact']) - 1:+.1%} of exact")


def _run(changes: dict[str, Any], options: argparse.Namespace) -> tuple[float, str]:
    asked_per_s = str(options.rows_per_s / ITEMS)
    simulate = [sys.executable, "-m", "synthgen", "simulate", "--port", "0", "--duplicate-ratio", "0.1"]
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [*simulate, "--requests-per-s", asked_per_s, "--latency-s", "0.3"], stdout=subprocess.PIPE, text=True
        )
        try:
            assert server.stdout is not None
            job = _job(Path(folder), server.stdout.readline().split()[-1], changes, options)
            command = [sys.executable, "-m", "synthgen", "run", str(job), "--out", f"{folder}/run", "--json"]
            ended = subprocess.run([*command, "--quiet"], capture_output=True, text=True)
            if ended.returncode:
                sys.exit(ended.stderr)
            result = json.loads(ended.stdout.splitlines()[-1])
            journal = Journal.read(Path(folder) / "run")
            encoding = json.loads(journal.meta().get("encoding", "{}"))
            journal.close()
        finally:
            server.terminate()
            server.wait()
    rejected = ", ".join(f"{reason} {count}" for reason, count in result["rejected"].items())
    said = f"rejected {rejected}"
    if encoding:
        said += f"; encoded {encoding['texts']:,} in {encoding['busy_s']:.1f} s, spared {encoding['spared']:,}"
    return float(result["elapsed_s"]), said


def _job(folder: Path, url: str, changes: dict[str, Any], options: argparse.Namespace) -> Path:
    classes = sorted({label for _, label in banking()})[:CLASSES]
    rows = [row for row in banking() if row[1] in classes]
    (folder / "train.jsonl").write_text("\n".join(json.dumps({"text": t, "label": label}) for t, label in rows))
    limits = {"requests_per_min": options.rows_per_s / ITEMS * 60, "max_concurrency": 256}
    job = {
        "name": "dedup",
        "recipe": "balance",
        "data": {"train": "train.jsonl", "text": "text", "label": "label"},
        "targets": dict.fromkeys(classes, options.rows // CLASSES),
        "models": [{"provider": "openai", "model": "sim", "base_url": url, "api_key_env": None, "limits": limits}],
        "prompt": {"items": ITEMS},
        **changes,
    }
    path = folder / "job.yaml"
    path.write_text(yaml.safe_dump(job))
    return path


if __name__ == "__main__":
    main()
