"""A map of real and synthetic rows: their stored vectors, flattened to the two directions in which they differ most.

Principal components by singular value decomposition, of a sample where there are many rows. Two rows that are far apart
here are different; two that are close may still differ in what the map leaves out, and it says how much that is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt

MAX_POINTS = 2_000
_MAX_TEXT_CHARS = 240
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MapRow:
    """A row with its vector, float16 bytes; empty where it has none."""

    id: str
    label: str
    text: str
    vector: bytes
    kind: Literal["real", "synthetic"]


def thin(rows: Sequence[T], *, most: int) -> list[T]:
    """At most `most` rows, evenly from the given order."""
    if len(rows) <= most:
        return list(rows)
    return [rows[place] for place in np.linspace(0, len(rows) - 1, most).round().astype(int)]


def draw_map(real: Sequence[MapRow], synthetic: Sequence[MapRow]) -> dict[str, Any] | None:
    """Places of the rows.

    Returns:
        `points`, each with `x`, `y`, `kind`, `id`, `label` and `text`; `explained_ratio` of the two directions; how
        many rows of each kind there were. None where there are fewer than three vectors, or none that differ.
    """
    chosen = thin(real, most=MAX_POINTS // 2) + thin(synthetic, most=MAX_POINTS // 2)
    if len(chosen) < 3 or len({len(row.vector) for row in chosen}) != 1:
        return None
    vectors = np.stack([np.frombuffer(row.vector, dtype=np.float16) for row in chosen]).astype(np.float64)
    places, explained = _project(vectors)
    if places is None:
        return None
    return {
        "points": [
            {
                "x": round(float(x), 4),
                "y": round(float(y), 4),
                "kind": row.kind,
                "id": row.id,
                "label": row.label,
                "text": row.text[:_MAX_TEXT_CHARS] + ("…" if len(row.text) > _MAX_TEXT_CHARS else ""),
            }
            for (x, y), row in zip(places, chosen, strict=True)
        ],
        "explained_ratio": explained,
        "real": len(real),
        "synthetic": len(synthetic),
    }


def _project(vectors: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64] | None, list[float]]:
    """Coordinates, shape (n, 2), and the share of the variance along each; signs are fixed, so the map never flips."""
    centred = vectors - vectors.mean(axis=0)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    variance = sizes**2
    if not np.isfinite(variance).all() or variance.sum() <= 1e-12:
        return None, []
    two = axes[:2]
    signs = np.sign(two[np.arange(len(two)), np.abs(two).argmax(axis=1)])
    places = centred @ (two * signs[:, None]).T
    if places.shape[1] < 2:
        places = np.column_stack([places, np.zeros(len(places))])
    explained = [*(variance[:2] / variance.sum()), 0.0][:2]
    return places, [float(share) for share in explained]
