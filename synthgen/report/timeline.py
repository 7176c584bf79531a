"""When the answers came: throughput, latency and the limits in force, over the time that was worked.

A run may have been resumed over days. The axis is working time: the pauses between sessions are left out, and each
session's beginning is marked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from synthgen.journal import LimitChange, StoredSession

MAX_BINS, MIN_BINS = 72, 8
_ANSWERS_A_BIN = 6
MAX_CHANGES = 400
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Axis:
    """Working time: each session's span, and where it stands on the axis.

    Attributes:
        starts: Unix time at which each session began.
        ends: Unix time at which it was last seen at work.
        offsets: Seconds of work before it.
    """

    starts: Numbers
    ends: Numbers
    offsets: Numbers

    @property
    def total_s(self) -> float:
        return float(self.offsets[-1] + self.ends[-1] - self.starts[-1]) if len(self.starts) else 0.0

    def places(self, at: Numbers) -> Numbers:
        """Working seconds of moments; one between two sessions stands at the end of the first."""
        which = np.maximum(np.searchsorted(self.starts, at, side="right") - 1, 0)
        inside: Numbers = np.clip(at - self.starts[which], 0.0, self.ends[which] - self.starts[which])
        return self.offsets[which] + inside


def timeline(
    answers: Iterable[tuple[float, float, int]], sessions: Sequence[StoredSession], limits: Sequence[LimitChange]
) -> dict[str, Any]:
    """Figures over working time.

    Args:
        answers: Unix time, latency in seconds and output tokens of each answer.
        sessions: Of the run.
        limits: Changes of the endpoints' limits.

    Returns:
        `elapsed_s`, `bin_s`, and for each bin `answers_per_s`, `tokens_per_s`, `latency_p50_s`, `latency_p95_s` (None
        where nothing came); `sessions_at_s`; `limits` by endpoint; `latency_s` percentiles of all answers.
    """
    facts = np.fromiter(chain.from_iterable(answers), dtype=np.float64).reshape(-1, 3)
    axis = _axis(sessions, facts[:, 0])
    total_s = axis.total_s
    told: dict[str, Any] = {
        "elapsed_s": total_s,
        "sessions_at_s": [float(offset) for offset in axis.offsets],
        "latency_s": _percentiles(facts[:, 1]),
        "limits": _limits(limits, axis),
    }
    if not len(facts) or total_s <= 0:
        return {
            **told,
            "bin_s": None,
            "answers_per_s": [],
            "tokens_per_s": [],
            "latency_p50_s": [],
            "latency_p95_s": [],
        }
    count = max(MIN_BINS, min(MAX_BINS, len(facts) // _ANSWERS_A_BIN))
    bin_s = total_s / count
    bins = np.minimum((axis.places(facts[:, 0]) / bin_s).astype(int), count - 1)
    counts = np.bincount(bins, minlength=count)
    tokens = np.bincount(bins, weights=facts[:, 2], minlength=count)
    latencies = [facts[bins == number, 1] for number in range(count)]
    return {
        **told,
        "bin_s": bin_s,
        "answers_per_s": [float(n) for n in counts / bin_s],
        "tokens_per_s": [float(n) for n in tokens / bin_s],
        "latency_p50_s": [_percentile(found, 50) for found in latencies],
        "latency_p95_s": [_percentile(found, 95) for found in latencies],
    }


def _axis(sessions: Sequence[StoredSession], answered_at: Numbers) -> _Axis:
    """Sessions' spans; one that died was last seen at its last answer; a run without any is one span of its answers."""
    starts = np.array([s.started_at for s in sessions], dtype=np.float64)
    if not len(starts):
        starts = answered_at[:1]
    nexts = np.append(starts[1:], np.inf)[: len(starts)]
    ends = []
    for number, (start, following) in enumerate(zip(starts, nexts, strict=True)):
        elapsed_s = sessions[number].elapsed_s if sessions else None
        inside = answered_at[(answered_at >= start) & (answered_at < following)]
        last = float(inside.max()) if len(inside) else float(start)
        ends.append(max(last, start + (elapsed_s or 0.0)))
    spans = np.array(ends, dtype=np.float64) - starts
    return _Axis(
        starts, np.array(ends, dtype=np.float64), np.concatenate([[0.0], np.cumsum(spans)[:-1]]) if ends else spans
    )


def _limits(limits: Sequence[LimitChange], axis: _Axis) -> dict[str, list[dict[str, Any]]]:
    """Changes by endpoint, the first and the last kept and the others thinned evenly."""
    found: dict[str, list[dict[str, Any]]] = {}
    if not len(axis.starts):
        return found
    places = axis.places(np.array([change.at for change in limits], dtype=np.float64))
    for change, at_s in zip(limits, places, strict=True):
        found.setdefault(change.endpoint, []).append(
            {
                "at_s": float(at_s),
                "max_concurrency": change.max_concurrency,
                "requests_per_s": change.requests_per_s,
                "why": change.why,
            }
        )
    return {endpoint: _thinned(changes) for endpoint, changes in found.items()}


def _thinned(changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if len(changes) <= MAX_CHANGES:
        return changes
    places = np.unique(np.linspace(0, len(changes) - 1, MAX_CHANGES).round().astype(int))
    return [changes[place] for place in places]


def _percentiles(values: Numbers) -> dict[str, float | None]:
    return {f"p{percent}": _percentile(values, percent) for percent in (5, 50, 95, 99)}


def _percentile(values: Numbers, percent: int) -> float | None:
    return float(np.percentile(values, percent)) if len(values) else None
