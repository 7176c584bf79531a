"""What a check must be."""

from __future__ import annotations

from typing import Protocol

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
