"""The event stream."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from pathlib import Path
from typing import get_args

import orjson
import pytest

from synthgen.engine import events
from synthgen.errors import JobError
from synthgen.records import Usage
from synthgen.report.event_log import EventLog, event_name

DOCUMENTED = Path(__file__).parents[2] / "docs" / "events.md"


def test_event_log_writes_one_object_a_line(tmp_path: Path) -> None:
    """Each event has its name, its time and its fields; a second session appends."""
    path = tmp_path / "events.jsonl"
    for _ in range(2):
        with EventLog(path, clock=lambda: 12.5) as log:
            log.observe(events.RequestSettled("late", 3, "e", "ok", 0.25, Usage(1, 2, Decimal("0.1")), 4))
            log.observe(events.ClassMet("late", 10))
    lines = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    assert len(lines) == 4
    assert lines[0] == {
        "event": "request_settled", "at": 12.5, "label": "late", "ordinal": 3, "endpoint": "e", "code": "ok",
        "latency_s": 0.25, "usage": {"input_tokens": 1, "output_tokens": 2, "usd": 0.1}, "in_flight": 4,
    }  # fmt: skip


def test_event_log_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    """A folder that does not exist is the user's mistake, told before the run starts."""
    with pytest.raises(JobError, match="--events"):
        EventLog(tmp_path / "none" / "events.jsonl")


def test_every_event_is_documented() -> None:
    """`docs/events.md` names every event and every field of it."""
    text = DOCUMENTED.read_text()
    for kind in get_args(events.Event):
        (row,) = [line for line in text.splitlines() if line.startswith(f"| `{event_name(kind)}` ")]
        for field in dataclasses.fields(kind):
            assert f"`{field.name}`" in row, (kind.__name__, field.name)
