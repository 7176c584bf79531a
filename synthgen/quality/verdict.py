"""An evaluation as values: scores of each condition, differences with their intervals, and a verdict in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from synthgen.measure.bootstrap import Interval
from synthgen.measure.classification import Scores

Verdict = Literal["helps", "no evidence", "hurts"]
LEVEL = 0.05
MIN_TEST_ROWS = 10


@dataclass(frozen=True, slots=True)
class ConditionScores:
    """One condition: the mean of its scores over the seeds.

    Attributes:
        rows: Rows it trained on, mean over the seeds.
        accuracy, macro_f1: 0 to 1.
        ece: Expected calibration error, or None where the classifier gives no probabilities.
        f1: By class; NaN for a class without test rows.
    """

    rows: int
    accuracy: float
    macro_f1: float
    ece: float | None
    f1: Mapping[str, float]

    @classmethod
    def mean(cls, scores: list[Scores], rows: float, names: list[str]) -> ConditionScores:
        f1 = np.mean([s.f1 for s in scores], axis=0)
        errors = [s.ece for s in scores if s.ece is not None]
        return cls(
            round(rows),
            float(np.mean([s.accuracy for s in scores])),
            float(np.mean([s.macro_f1 for s in scores])),
            float(np.mean(errors)) if errors else None,
            dict(zip(names, f1.tolist(), strict=True)),
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "accuracy": round(self.accuracy, 5),
            "macro_f1": round(self.macro_f1, 5),
            "ece": None if self.ece is None else round(self.ece, 5),
        }


@dataclass(frozen=True, slots=True)
class ClassVerdict:
    """One class: its rows, its F1 without and with the synthetic rows, and what that says.

    The interval is the class's own. The verdict holds for looking at all classes with synthetic rows at once, and at
    all others at once (Holm), so it may be `no evidence` beside an interval that excludes zero.
    """

    label: str
    real_rows: int
    synthetic_rows: int
    test_rows: int
    baseline_f1: float
    augmented_f1: float
    difference: Interval
    verdict: Verdict
    note: str

    def as_json(self) -> dict[str, Any]:
        low, high = (None if np.isnan(b) else round(b, 5) for b in (self.difference.low, self.difference.high))
        return {
            "real_rows": self.real_rows,
            "synthetic_rows": self.synthetic_rows,
            "test_rows": self.test_rows,
            "baseline_f1": _figure(self.baseline_f1),
            "augmented_f1": _figure(self.augmented_f1),
            "difference": _figure(self.difference.value),
            "low": low,
            "high": high,
            "verdict": self.verdict,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class RatioScores:
    """One ratio of the sweep.

    Attributes:
        ratio: Synthetic rows for each real row of the same class, or None for all there are.
        synthetic_rows: How many that takes.
        scores: Its condition's.
        difference: Of its macro-F1 from the baseline's, on the test rows.
        chosen_by: Macro-F1 on held-out *real training* rows, by which the ratio is recommended; None where that was
            not measured.
    """

    ratio: float | None
    synthetic_rows: int
    scores: ConditionScores
    difference: Interval
    chosen_by: float | None

    def as_json(self) -> dict[str, Any]:
        return {
            "ratio": "all" if self.ratio is None else self.ratio,
            "synthetic_rows": self.synthetic_rows,
            **self.scores.as_json(),
            "difference": self.difference.as_json(),
            "held_out_macro_f1": None if self.chosen_by is None else round(self.chosen_by, 5),
        }


@dataclass(frozen=True, slots=True)
class ControlScores:
    """What costs nothing, or nearly: does it do as much?

    Attributes:
        what: In words.
        scores: The condition's.
        difference: Of its macro-F1 from the baseline's.
        augmented_over: Of the augmented condition's macro-F1 from its own.
    """

    what: str
    scores: ConditionScores
    difference: Interval
    augmented_over: Interval

    def as_json(self) -> dict[str, Any]:
        return {
            "what": self.what,
            **self.scores.as_json(),
            "difference": self.difference.as_json(),
            "augmented_over": self.augmented_over.as_json(),
        }


def decide_verdict(difference: Interval) -> Verdict:
    """Helps where the whole interval is above zero, hurts where it is below."""
    if difference.low > 0:
        return "helps"
    return "hurts" if difference.high < 0 else "no evidence"


def _figure(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 5)
