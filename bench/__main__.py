"""The engine beside a bare aiohttp client on the same simulator, in turns: `make bench`.

Prints ratios, which hold on a noisy machine; absolute figures are shown for scale only. Rows: requests a second at a
fixed latency, and CPU milliseconds a request, of the whole engine (plan, render, call, journal, parse, validate,
checks, exact dedup, commit) and of the least that a client can do (post, read, parse).
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.scenarios.scene import simulator, write_job

REQUESTS = 2000
IN_FLIGHT = 256
ROUNDS = 3

BARE = """
import asyncio, sys, time, aiohttp, orjson
base, requests, in_flight, prompt = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
async def main():
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        todo = iter(range(requests))
        async def worker():
            for i in todo:
                body = {"model": "sim", "seed": i, "messages": [{"role": "user", "content": prompt}]}
                async with session.post(base + "/chat/completions", data=orjson.dumps(body)) as response:
                    orjson.loads(await response.read())["choices"][0]["message"]["content"]
        start = time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(in_flight)))
        print(requests / (time.perf_counter() - start))
try:
    import uvloop; uvloop.run(main())
except ImportError:
    asyncio.run(main())
"""


def _measured(command: list[str]) -> tuple[str, float, float]:
    """stdout, wall seconds and CPU seconds of one command."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.stdout, time.perf_counter() - started, cpu


def _bare(base_url: str, prompt: str, requests: int) -> tuple[float, float]:
    out, _, cpu = _measured([sys.executable, "-c", BARE, base_url, str(requests), str(IN_FLIGHT), prompt])
    return float(out), 1000 * cpu / requests


def _engine(base_url: str, folder: Path, requests: int) -> tuple[float, float]:
    limits = {"limits": {"max_concurrency": IN_FLIGHT}}
    job = write_job(folder, base_url, targets={"late": 2 * requests, "lost": 2 * requests}, model=limits)
    out, _, cpu = _measured(
        [sys.executable, "-m", "synthgen", "run", str(job), "--out", str(folder / "out"), "--quiet", "--json"]
    )
    result = json.loads(out.splitlines()[-1])
    return result["requests"] / result["elapsed_s"], 1000 * cpu / result["requests"]


def main() -> None:
    prompt = "Write 4 messages of class late, as JSON.\n" + "- my parcel about the card number 3 is late\n" * 3
    table = []
    with simulator("--latency-s", "0.1") as server, tempfile.TemporaryDirectory() as folder:
        for number in range(ROUNDS):
            bare = _bare(server.base_url, prompt, REQUESTS)
            engine = _engine(server.base_url, Path(folder) / str(number), REQUESTS // 2)
            table.append((*bare, *engine))
            print(
                f"round {number + 1}: bare {bare[0]:7.0f}/s {bare[1]:5.2f} ms"
                f"   engine {engine[0]:7.0f}/s {engine[1]:5.2f} ms"
            )
    speed = [engine / bare for bare, _, engine, _ in table]
    cpu = [engine / bare for _, bare, _, engine in table]
    print(f"latency 100 ms, {IN_FLIGHT} in flight, start-up included in the engine's figures")
    print(f"requests/s, engine to bare aiohttp: {statistics.median(speed):.2f} ({min(speed):.2f} to {max(speed):.2f})")
    print(f"CPU a request, engine to bare aiohttp: {statistics.median(cpu):.2f} ({min(cpu):.2f} to {max(cpu):.2f})")


if __name__ == "__main__":
    main()
