"""What a check must be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from synthgen.records import Candidate, Rejection


class Check(Protocol):
    """Judges one row by itself: pure, so it may run in any order and again."""

    @property
    def name(self) -> str:
        """As the job file says it."""
        ...

    def judge(self, candidate: Candidate) -> Rejection | None:
        """Why the row is not wanted, or None."""
        ...


@runtime_checkable
class MeasuringCheck(Check, Protocol):
    """A check that also has figures to keep of the rows that it passes."""

    def measure(self, candidate: Candidate) -> Mapping[str, Any]:
        """JSON values by name, which an exported row carries among its check results; empty where there is none."""
        ...
