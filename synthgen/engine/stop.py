"""Whether and why a run ends: its work is done, or somebody ended it; the first reason counts."""

from __future__ import annotations

from enum import Enum

from synthgen.engine.signal import Signal
from synthgen.errors import SynthgenError


class StopKind(Enum):
    """Who or what ended it; the value is the exit code."""

    PROVIDER = 3
    BUDGET = 5
    INTERRUPTED = 130


class Stop:
    """Set once, looked at by everyone.

    Attributes:
        changed: Notified when it is set, and whenever anything else has changed that parts of a run wait for.
    """

    def __init__(self) -> None:
        self.changed = Signal()
        self.kind: StopKind | None = None
        self.reason = ""
        self.hint: str | None = None
        self.error: SynthgenError | None = None
        self._is_done = False

    @property
    def is_set(self) -> bool:
        return self._is_done or self.kind is not None

    def finish(self) -> None:
        """Every class is met or stalled: nothing more is asked."""
        self._is_done = True
        self.changed.notify()

    def fail(self, error: SynthgenError) -> None:
        """The run cannot go on, and somebody must act; what is in flight is waited for before `error` is raised."""
        self.error = self.error or error
        self.finish()

    def set(self, kind: StopKind, reason: str, *, hint: str | None = None) -> None:
        """Ask everyone to stop; later calls change nothing."""
        if self.kind is None:
            self.kind, self.reason, self.hint = kind, reason, hint
            self.changed.notify()
