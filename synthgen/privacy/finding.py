"""What a detector of personal data is, and what it finds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Finding:
    """A stretch of a text that may be personal data.

    Attributes:
        entity: What it is, by presidio's names (`EMAIL_ADDRESS`).
        start: First character, from 0.
        end: One past its last character.
        score: How sure the detector is, 0 to 1.
    """

    entity: str
    start: int
    end: int
    score: float


class Detector(Protocol):
    """Finds personal data: the same findings for the same text, always."""

    @property
    def entities(self) -> Sequence[str]:
        """What it looks for."""
        ...

    def find(self, text: str) -> list[Finding]:
        """Findings from left to right; none overlaps another."""
        ...


def without_overlaps(findings: Iterable[Finding]) -> list[Finding]:
    """The surest of findings that overlap, of equally sure ones the longest, from left to right."""
    kept: list[Finding] = []
    for finding in sorted(findings, key=lambda f: (-f.score, f.start - f.end, f.start, f.entity)):
        if all(finding.end <= other.start or finding.start >= other.end for other in kept):
            kept.append(finding)
    return sorted(kept, key=lambda f: f.start)
