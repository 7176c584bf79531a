"""How far two reviewers agree beyond chance.

Source: J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20 (1960).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from synthgen.review.verdicts import Opinions, Verdict


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two reviewers compared over the rows that both judged, skips left out.

    Attributes:
        reviewers: Their names.
        rows: How many rows that is.
        agreed: On how many they gave the same verdict.
        kappa: Cohen's, over the verdicts; None where it is not defined: no common row, or both said one and the same
            word of every row, so that chance alone would make them agree.
    """

    reviewers: tuple[str, str]
    rows: int
    agreed: int
    kappa: float | None

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"reviewers": list(self.reviewers), "rows": self.rows, "agreed": self.agreed, "kappa": self.kappa}


def compare_reviewers(opinions: Mapping[str, Opinions]) -> Iterator[Agreement]:
    """Every pair of reviewers that has a row in common."""
    for one, other in combinations(opinions, 2):
        found = compare_two(one, opinions[one].said, other, opinions[other].said)
        if found.rows:
            yield found


def compare_two(one: str, said: Mapping[str, Verdict], other: str, answered: Mapping[str, Verdict]) -> Agreement:
    """Two reviewers' verdicts by row."""
    pairs = [
        (verdict, answered[row_id])
        for row_id, verdict in said.items()
        if verdict is not Verdict.SKIP and answered.get(row_id, Verdict.SKIP) is not Verdict.SKIP
    ]
    agreed = sum(a is b for a, b in pairs)
    return Agreement((one, other), len(pairs), agreed, _kappa(pairs, agreed))


def _kappa(pairs: Sequence[tuple[Verdict, Verdict]], agreed: int) -> float | None:
    if not pairs:
        return None
    count = len(pairs)
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    by_chance = sum(first[verdict] * second[verdict] for verdict in first)  # of count * count
    if by_chance == count * count:
        return None
    return (agreed * count - by_chance) / (count * count - by_chance)
