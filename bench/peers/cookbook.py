"""A script in the manner of the OpenAI cookbook's parallel processor, in our own words: aiohttp, one task a request.

A loop looks every millisecond whether there is room for one more request, takes those to be tried again first, tries
each five times, and stops launching for 15 s after a 429. An answer is appended to the output as it comes. It knows
no resume, no validation and no time limit of its own: aiohttp's 5 minutes stand, unless the task says less.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from bench.peers.protocol import API_KEY, MODEL, Task, conclude, messages, read_task

ATTEMPTS = 5
LOOK_EVERY_S = 0.001
PAUSE_AFTER_429_S = 15.0


@dataclass(slots=True)
class Progress:
    """Where the loop stands."""

    running: int = 0
    kept: int = 0
    throttled_at: float = -PAUSE_AFTER_429_S
    again: deque[tuple[int, int]] = field(default_factory=deque)


async def call(session: aiohttp.ClientSession, url: str, number: int, left: int, progress: Progress, to: Path) -> None:
    """One attempt; what fails is put back while it has attempts left."""
    try:
        async with session.post(url, json={"model": MODEL, "messages": messages(number)}) as response:
            answer = await response.json()
        if "error" in answer:
            if response.status == 429:
                progress.throttled_at = time.monotonic()
            raise ValueError(answer["error"])
        text = answer["choices"][0]["message"]["content"]
        with to.open("a") as file:
            file.write(json.dumps({"id": number, "text": text}) + "\n")
        progress.kept += 1
    except (aiohttp.ClientError, TimeoutError, ValueError):
        if left > 1:
            progress.again.append((number, left - 1))
    finally:
        progress.running -= 1


async def process(task: Task) -> int:
    """Every row, or all its attempts."""
    progress, fresh = Progress(), iter(range(task.rows))
    url, headers = f"{task.base_url}/chat/completions", {"Authorization": f"Bearer {API_KEY}"}
    tasks: set[asyncio.Task[None]] = set()
    upcoming: tuple[int, int] | None = None
    async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(task.timeout_s)) as session:
        while True:
            if upcoming is None:
                number = None if progress.again else next(fresh, None)
                upcoming = progress.again.popleft() if progress.again else number if number is None else (number, 5)
            is_paused = time.monotonic() - progress.throttled_at < PAUSE_AFTER_429_S
            if upcoming is not None and progress.running < task.in_flight and not is_paused:
                progress.running += 1
                launched = asyncio.create_task(call(session, url, *upcoming, progress, task.output))
                tasks.add(launched)
                launched.add_done_callback(tasks.discard)
                upcoming = None
            if upcoming is None and progress.running == 0 and not progress.again:
                return progress.kept
            await asyncio.sleep(LOOK_EVERY_S)


def main(task: Task) -> None:
    task.output.unlink(missing_ok=True)
    conclude(asyncio.run(process(task)))


if __name__ == "__main__":
    main(read_task())
