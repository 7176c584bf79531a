"""The order in which the classes' slots take turns.

Each class has its own endless row of slots; this page merges them into one, in proportion to the targets, as evenly as
can be (the k-th slot of a class with weight w stands at virtual time (k + 1/2) / w, ties by class order). The merged
order is periodic, so place and slot are computed from each other without walking, at any distance.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from math import gcd

_MIN_PERIOD = 1024


class Interleaving:
    """Places of the slots of several classes in one sequence.

    Args:
        weights: How often each class comes, relative to the others: its target. Zero leaves a class out. Periods
            longer than about 1,024 places (or 8 a class) are rounded, since a fairer order would not be noticed.
    """

    def __init__(self, weights: Mapping[str, int]) -> None:
        shares = _round_shares({label: weight for label, weight in weights.items() if weight > 0})
        order = sorted((((2 * k + 1) / (2 * n)), i, k) for i, n in enumerate(shares.values()) for k in range(n))
        labels = list(shares)
        self._shares = shares
        self._period = len(order)
        self._turns = [(labels[i], k) for _, i, k in order]
        self._places = {turn: place for place, turn in enumerate(self._turns)}

    def place(self, label: str, ordinal: int) -> int:
        """Where the `ordinal`-th slot of `label` stands in the merged sequence."""
        cycle, turn = divmod(ordinal, self._shares[label])
        return cycle * self._period + self._places[label, turn]

    def at(self, place: int) -> tuple[str, int]:
        """Which class, and which of its slots, stands at `place`."""
        cycle, offset = divmod(place, self._period)
        label, turn = self._turns[offset]
        return label, cycle * self._shares[label] + turn


def _round_shares(weights: dict[str, int]) -> dict[str, int]:
    if not weights:
        raise ValueError("no class has a positive weight")
    common = reduce(gcd, weights.values())
    total = sum(weights.values()) // common
    limit = max(_MIN_PERIOD, 8 * len(weights))
    if total <= limit:
        return {label: weight // common for label, weight in weights.items()}
    return {label: max(1, round(weight / common / total * limit)) for label, weight in weights.items()}
