"""A run that looks at itself once a second: memory, open files, sockets, tasks, threads.

    python -m bench.soak_run JOB OUT SAMPLES

One JSON object a line goes to SAMPLES; the last one is written after the run, with what it left behind.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

import anyio
import psutil

from synthgen.api import run_async

AFTERMATH_S = 2.0


def look(clock: Callable[[], float], *, own_tasks: int) -> dict[str, Any]:
    """This process now.

    Args:
        clock: Seconds.
        own_tasks: Tasks that are the watcher's and its caller's, not the run's.
    """
    links = []
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            links.append(os.readlink(f"/proc/self/fd/{name}"))
    return {
        "at_s": clock(),
        "rss_bytes": psutil.Process().memory_info().rss,
        "fds": len(links),
        "sockets": sum(link.startswith("socket:") for link in links),
        "tasks": len(asyncio.all_tasks()) - own_tasks,
        "threads": threading.active_count(),
    }


class Watcher:
    """Writes a sample a second while entered, and one afterwards."""

    def __init__(self, file: TextIO, clock: Callable[[], float]) -> None:
        self._file, self._clock = file, clock
        self._task: asyncio.Task[None]
        self._before: dict[str, Any] = {}

    def write(self, **more: Any) -> None:
        own = 1 + (hasattr(self, "_task") and not self._task.done())
        self._file.write(json.dumps({**look(self._clock, own_tasks=own), **more}) + "\n")
        self._file.flush()

    async def _watch(self) -> None:
        while True:
            self.write(when="during")
            await asyncio.sleep(1.0)

    async def __aenter__(self) -> Watcher:
        self.write(when="before")
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        await asyncio.sleep(AFTERMATH_S)  # connections close in the loop's next rounds
        gc.collect()
        self.write(when="after")


async def watched(job: str, out: str, file: TextIO) -> int:
    """The run, watched; its exit code."""
    async with Watcher(file, time.monotonic):
        result = await run_async(job, out=out)
    print(json.dumps({**result.as_json(), "exit_code": result.exit_code}))
    return result.exit_code


def main(job: str, out: str, samples: str) -> int:
    with Path(samples).open("w") as file:
        work = functools.partial(watched, job, out, file)
        return anyio.run(work, backend="asyncio", backend_options={"use_uvloop": True})


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
