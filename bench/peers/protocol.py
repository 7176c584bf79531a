"""What every peer's script is given and gives back. Standard library only: it runs in each peer's own environment.

    python -m bench.peers.NAME BASE_URL ROWS IN_FLIGHT OUTPUT [--validated] [--resumable] [--timeout-s S]

Row `i` is the answer to `prompt(i)`. OUTPUT gets a JSON object a line, `{"id": i, "text": answer}`; the last line on
stdout is one JSON object. What a peer keeps to resume goes into `state`, a folder beside OUTPUT. Nothing here judges.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MODEL = "sim"
API_KEY = "none"
RETRIES = 6
NO_LIMIT_PER_MIN = 100_000_000
ANSWER_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"text": {"type": "string"}},
                "required": ["text"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["items"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Task:
    """What one script is to do.

    Attributes:
        base_url: Of an OpenAI-compatible server.
        rows: Answers wanted, one to each of `prompt(0)` to `prompt(rows - 1)`.
        in_flight: Requests at once, at most.
        output: Where the rows go.
        is_validated: Whether the peer's own validation of answers is to be on, where it has one.
        is_resumable: Whether it is to keep what it needs to go on after a kill, where it can.
        timeout_s: Of one attempt, where the peer lets one set it.
    """

    base_url: str
    rows: int
    in_flight: int
    output: Path
    is_validated: bool = False
    is_resumable: bool = False
    timeout_s: float = 60.0

    @property
    def state(self) -> Path:
        """A folder that outlives a kill."""
        folder = self.output.parent / "state"
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def read_task(words: list[str] | None = None) -> Task:
    """The task on the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("base_url")
    parser.add_argument("rows", type=int)
    parser.add_argument("in_flight", type=int)
    parser.add_argument("output", type=Path)
    parser.add_argument("--validated", action="store_true", dest="is_validated")
    parser.add_argument("--resumable", action="store_true", dest="is_resumable")
    parser.add_argument("--timeout-s", type=float, default=60.0)
    return Task(**vars(parser.parse_args(words)))


def prompt(number: int) -> str:
    """The prompt of one row: as long as the engine's own in these benches, and like no other row's."""
    return (
        "Write 1 messages of class late, as JSON.\n"
        f"- my parcel about the card number {number} is late\n"
        f"- my order about the box number {number + 7} is late\n"
    )


def messages(number: int) -> list[dict[str, str]]:
    """The same as a chat of one turn."""
    return [{"role": "user", "content": prompt(number)}]


def write_rows(task: Task, rows: Iterable[tuple[int, str | None]]) -> int:
    """Write the answers that there are, whole or not at all; how many.

    Args:
        task: Where to.
        rows: Number and answer; None where there is none.
    """
    lines = [json.dumps({"id": number, "text": text}) for number, text in rows if text is not None]
    draft = task.output.with_suffix(".part")
    draft.write_text("".join(f"{line}\n" for line in lines))
    os.replace(draft, task.output)
    return len(lines)


def conclude(rows: int) -> None:
    """Say how it went, as the last line on stdout."""
    print(json.dumps({"rows": rows}), flush=True)
