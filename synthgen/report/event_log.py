"""The event stream as JSON lines: one object a line, as things happen, for dashboards and post-mortems."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from synthgen.engine.events import Event
from synthgen.errors import JobError


class EventLog:
    """Appends every event to a file, flushed line by line.

    Args:
        path: Appended to where it exists, so that resumes follow one another.
        clock: Unix time.

    Raises:
        JobError: The file cannot be opened.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        try:
            if path.exists() and path.stat().st_size and not path.read_bytes().lstrip()[:9].startswith(b'{"event":'):
                raise JobError(f"--events {path}: there is another file of that name", hint="name another file")
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise JobError(f"--events {path}: cannot be written: {error.strerror}") from None

    def observe(self, event: Event) -> None:
        """Write one event."""
        facts = {"event": event_name(type(event)), "at": round(self._clock(), 6), **dataclasses.asdict(event)}
        try:
            self._file.write(orjson.dumps(facts, default=_plain) + b"\n")
        except OSError:  # a full disk ends the run by its journal, with a clear message; the log only goes quiet
            return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def event_name(kind: type[Any]) -> str:
    """`RequestSettled` becomes `request_settled`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return str(value)
