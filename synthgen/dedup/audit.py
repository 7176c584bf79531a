"""The two promises looked at from outside: by brute force, with none of the machinery that decided.

For tests and benchmarks: the cost grows with the square of the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from synthgen.dedup.fold import SCAN_ERROR, as_unit
from synthgen.dedup.index import cosine
from synthgen.text import form_ngrams, jaccard

Vectors = npt.NDArray[np.float16]
Pair = tuple[int, int, float]
_BLOCK_ROWS = 2048


def near_pairs(vectors: Vectors, at_least: float) -> Iterator[Pair]:
    """All pairs of rows with a cosine at or above a threshold: places and cosine."""
    unit = as_unit(vectors).astype(np.float32)
    for start in range(0, len(unit), _BLOCK_ROWS):
        scores = unit[start : start + _BLOCK_ROWS] @ unit[: start + _BLOCK_ROWS].T
        for i, j in np.argwhere(scores >= at_least - SCAN_ERROR).tolist():
            if j < start + i and (similarity := cosine(vectors[start + i], vectors[j])) >= at_least:
                yield j, start + i, similarity


def lexical_pairs(forms: Sequence[str], at_least: float) -> Iterator[Pair]:
    """All pairs of normal forms with a Jaccard overlap of character 3-grams at or above a threshold.

    Counts shared grams by a list of rows for each gram, of which every one is looked at.
    """
    lists: dict[str, list[int]] = {}
    sizes = np.zeros(len(forms), dtype=np.int64)
    for place, form in enumerate(forms):
        grams = form_ngrams(form)
        sizes[place] = len(grams)
        shared = np.zeros(place, dtype=np.int64)
        for gram in grams:
            if (rows := lists.setdefault(gram, [])) and place:
                shared[rows] += 1
            rows.append(place)
        overlaps = shared / (sizes[:place] + len(grams) - shared)
        for other in np.flatnonzero(overlaps >= at_least).tolist():
            yield other, place, float(overlaps[other])


def similarity_of(stage: str, forms: tuple[str, str], vectors: tuple[Vectors, Vectors] | None) -> float:
    """Of two rows by one stage, computed from their texts and vectors alone."""
    if stage == "exact":
        return float(forms[0] == forms[1])
    if stage == "lexical":
        return jaccard(form_ngrams(forms[0]), form_ngrams(forms[1]))
    if vectors is None:
        raise ValueError("the embedding stage needs vectors")
    return cosine(*vectors)


def as_thresholds(lexical: float | None, near: float | None) -> Mapping[str, float]:
    """The stages that are on, by name."""
    on = {"exact": 1.0, "lexical": lexical, "near": near}
    return {stage: threshold for stage, threshold in on.items() if threshold is not None}
