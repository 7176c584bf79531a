"""`AsyncOpenAI` as it comes, workers by hand: what most people's own script is. Its own retries are switched on."""

from __future__ import annotations

from functools import partial

import uvloop

from bench.clients import sdk
from bench.peers.bare import body
from bench.peers.protocol import RETRIES, Task, conclude, read_task, write_rows


def main(task: Task, *, with_aiohttp: bool = False) -> None:
    rows: list[tuple[int, str | None]] = []
    ask_all = partial(
        sdk,
        with_aiohttp=with_aiohttp,
        max_retries=RETRIES,
        timeout_s=task.timeout_s,
        body=body,
        keep=lambda number, text: rows.append((number, text)),
    )
    uvloop.run(ask_all(task.base_url, task.rows, task.in_flight))
    conclude(write_rows(task, rows))


if __name__ == "__main__":
    main(read_task())
