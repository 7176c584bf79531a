"""Bare aiohttp with orjson and uvloop: asks, reads, parses and keeps a list. The floor, with no retries."""

from __future__ import annotations

from functools import partial

import uvloop

from bench.clients import bare
from bench.peers.protocol import MODEL, Task, conclude, messages, read_task, write_rows


def body(number: int) -> dict[str, object]:
    return {"model": MODEL, "messages": messages(number)}


def main(task: Task) -> None:
    rows: list[tuple[int, str | None]] = []
    ask_all = partial(bare, body=body, keep=lambda number, text: rows.append((number, text)))
    uvloop.run(ask_all(task.base_url, task.rows, task.in_flight))
    conclude(write_rows(task, rows))


if __name__ == "__main__":
    main(read_task())
