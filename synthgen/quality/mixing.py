"""How many synthetic rows to put beside the real ones, and which.

The more real rows there are, the smaller the synthetic share. The table is read class by class as if every class had as
many rows as this one, so that a rare class of a large data set is topped up and a common one is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

from synthgen.errors import JobError
from synthgen.measure.farthest_point import farthest_first
from synthgen.records import Row
from synthgen.text import normalise

ENOUGH_ROWS, FEW_ROWS = 10_000, 1_000
MUCH_TIMES, EXTREME_TIMES = 10, 100
_MIN_REAL_ROWS = 10
_STRANGE_PERCENT = 5.0
Vectors = npt.NDArray[np.float32]


def synthetic_share(real_rows: int) -> float:
    """The share of synthetic rows that suits so many real ones, 0 to 1.

    None of 10,000 rows and more; 30 % falling from 50 % between 1,000 and 10,000 (straight in the logarithm); 70 %
    below; all where there is no real row, until there are some.
    """
    if real_rows >= ENOUGH_ROWS:
        return 0.0
    if real_rows >= FEW_ROWS:
        return 0.5 - 0.2 * float(np.log10(real_rows / FEW_ROWS))
    return 0.7 if real_rows else 1.0


def parse_ratio(text: str) -> float | None:
    """`70:30` as the synthetic share 0.3; `auto` as None.

    Raises:
        JobError: Neither.
    """
    if text == "auto":
        return None
    real, _, synthetic = text.partition(":")
    try:
        parts = float(real), float(synthetic)
    except ValueError:
        parts = (-1.0, -1.0)
    if min(parts) < 0 or not sum(parts) or not np.isfinite(sum(parts)):
        raise JobError(f"--ratio {text}: write real:synthetic, as 70:30, or auto", hint="--ratio 70:30")
    return parts[1] / sum(parts)


@dataclass(frozen=True, slots=True)
class ClassMix:
    """One class of a mix.

    Attributes:
        label: The class.
        real: Real rows, all of which are kept.
        available: Synthetic rows that are new.
        wanted: How many the ratio asks for.
        taken: How many are taken.
        warning: What to mind, or the empty string.
    """

    label: str
    real: int
    available: int
    wanted: int
    taken: int
    warning: str

    def as_json(self) -> dict[str, Any]:
        return {
            "real": self.real,
            "available": self.available,
            "wanted": self.wanted,
            "taken": self.taken,
            "warning": self.warning,
        }


def plan_mix(
    real: Mapping[str, int], available: Mapping[str, int], *, share: float | None, allow_extreme: bool = False
) -> list[ClassMix]:
    """How many synthetic rows of each class to take.

    Args:
        real: Real rows by class.
        available: Synthetic rows by class.
        share: Synthetic share of every class; None reads the table.
        allow_extreme: Let a class have more than a hundred synthetic rows for each real one.

    Raises:
        JobError: A class would, and that is not allowed.
    """
    classes = len({*real, *available})
    plans = [
        _plan_class(label, real.get(label, 0), available.get(label, 0), share, classes)
        for label in sorted({*real, *available})
    ]
    extreme = [p for p in plans if p.real and p.taken > EXTREME_TIMES * p.real]
    if extreme and not allow_extreme:
        worst = max(extreme, key=lambda p: p.taken / p.real)
        raise JobError(
            f"class '{worst.label}': {worst.taken:,} synthetic rows for {worst.real:,} real ones, more than "
            f"{EXTREME_TIMES} for each" + (f" (and {len(extreme) - 1} more classes)" if len(extreme) > 1 else ""),
            hint="a model trained on that learns the generator: take a lower --ratio, or --allow-extreme",
        )
    return plans


def _plan_class(label: str, real: int, available: int, share: float | None, classes: int) -> ClassMix:
    chosen = synthetic_share(real * classes) if share is None else share
    if real == 0 or chosen >= 1.0:
        wanted = available if chosen > 0 else 0
    else:
        wanted = ceil(real * chosen / (1 - chosen) - 1e-9)
    taken = min(wanted, available)
    warning = ""
    if taken and not real:
        warning = "no real row: temporary, replace as soon as possible"
    elif taken > MUCH_TIMES * real:
        warning = f"{taken / real:.0f} synthetic rows for each real one: look at them before you train"
    return ClassMix(label, real, available, wanted, taken, warning)


def new_places(real: Sequence[Row], synthetic: Sequence[Row]) -> list[int]:
    """Places of the synthetic rows that say something new: not what a real row or an earlier synthetic row says."""
    seen = {normalise(row.text) for row in real}
    places = []
    for place, row in enumerate(synthetic):
        form = normalise(row.text)
        if form not in seen:
            seen.add(form)
            places.append(place)
    return places


def choose_rows(real: Vectors, candidates: Vectors, count: int, *, confidence: npt.NDArray[np.float64]) -> list[int]:
    """Which synthetic rows of a class to take: far from the real rows and from each other, and sure of their label.

    Rows less like any real row than 95 of 100 real rows are like another come last: farthest is not best where it is
    nonsense.

    Args:
        real: Unit rows, shape (m, d).
        candidates: Unit rows, shape (n, d).
        count: How many, at most n.
        confidence: Verified probability of the label of each candidate; 1 where nobody verified.

    Returns:
        Places, ascending.
    """
    is_strange = np.zeros(len(candidates), dtype=bool)
    if len(real) >= _MIN_REAL_ROWS:
        own = real @ real.T
        np.fill_diagonal(own, -1.0)
        is_strange = (candidates @ real.T).max(axis=1) < np.percentile(own.max(axis=1), _STRANGE_PERCENT)
    picked: list[int] = []
    for group in (np.flatnonzero(~is_strange), np.flatnonzero(is_strange)):
        wanted = min(count - len(picked), len(group))
        taken = np.concatenate([real, candidates[picked]]) if picked else real
        chosen = farthest_first(candidates[group], taken, wanted, worth=confidence[group])
        picked += group[chosen].tolist()
    return sorted(picked)
