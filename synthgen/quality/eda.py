"""Rows made without a model, as a control: words swapped, deleted and doubled (after Wei and Zou 2019, EDA).

Their fourth operation, synonyms, needs a thesaurus and is not among these. Works on words between spaces, in scripts
without spaces on characters.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

CHANGED_RATIO = 0.1
OPERATIONS = ("swap", "delete", "double")


def scramble(text: str, rng: np.random.Generator) -> str:
    """One changed copy: one word in ten, at least one, is swapped with another, deleted or said twice elsewhere."""
    glue = " " if len(text.split()) > 1 else ""
    parts = text.split() if glue else list(text)
    if len(parts) < 2:
        return text
    operation = OPERATIONS[rng.integers(len(OPERATIONS))]
    for _ in range(max(1, round(CHANGED_RATIO * len(parts)))):
        _change(parts, operation, rng)
    return glue.join(parts)


def _change(parts: list[str], operation: str, rng: np.random.Generator) -> None:
    one, other = (int(place) for place in rng.permutation(len(parts))[:2]) if len(parts) > 1 else (0, 0)
    if operation == "swap":
        parts[one], parts[other] = parts[other], parts[one]
    elif operation == "double":
        parts.insert(other, parts[one])
    elif len(parts) > 1:
        del parts[one]


def scramble_rows(texts: Sequence[str], count: int, rng: np.random.Generator) -> list[str]:
    """`count` changed copies, every text used equally often; none where there is no text."""
    return [scramble(texts[i % len(texts)], rng) for i in range(count)] if texts else []
