"""The two promises looked at from outside: by brute force, with none of the machinery that decided.

For tests and benchmarks: the cost grows with the square of the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from synthgen.dedup.vectors import SCAN_ERROR, as_unit, cosine
from synthgen.text import form_ngrams, jaccard

Vectors = npt.NDArray[np.float16]
Pair = tuple[int, int, float]
_BLOCK_ROWS = 2048
_SKETCH_WORDS = 4


def near_pairs(vectors: Vectors, at_least: float) -> Iterator[Pair]:
    """All pairs of rows with a cosine at or above a threshold: places and cosine."""
    unit = as_unit(vectors).astype(np.float32)
    for start in range(0, len(unit), _BLOCK_ROWS):
        scores = unit[start : start + _BLOCK_ROWS] @ unit[: start + _BLOCK_ROWS].T
        for i, j in np.argwhere(scores >= at_least - SCAN_ERROR).tolist():
            if j < start + i and (similarity := cosine(vectors[start + i], vectors[j])) >= at_least:
                yield j, start + i, similarity


def lexical_pairs(normalised: Sequence[str], at_least: float) -> Iterator[Pair]:
    """All pairs of normal forms with a Jaccard overlap of character 3-grams at or above a threshold.

    Every pair is looked at: first whether as many bits of a hash of each text differ as grams could at most, then by
    the sets themselves.
    """
    sizes, sketches = np.empty(len(normalised)), np.empty((_SKETCH_WORDS, len(normalised)), dtype=np.uint64)
    apart_ratio = (1 - at_least) / (1 + at_least)
    for place, normalised_text in enumerate(normalised):
        grams = form_ngrams(normalised_text)
        sizes[place], sketches[:, place] = len(grams), _sketch(grams)
        most = apart_ratio * (sizes[:place] + len(grams)) + 1e-6
        others = np.flatnonzero(np.bitwise_count(sketches[0, :place] ^ sketches[0, place]) <= most)
        bits = np.bitwise_count(sketches[:, others] ^ sketches[:, place, None]).sum(axis=0, dtype=np.int64)
        for other in others[bits <= most[others]].tolist():
            if (overlap := jaccard(form_ngrams(normalised[other]), grams)) >= at_least:
                yield other, place, overlap


def _sketch(grams: Iterable[str]) -> npt.NDArray[np.uint64]:
    """One bit flipped for each gram: two sketches differ in at most as many bits as their sets in grams."""
    bits = 0
    for gram in grams:
        bits ^= 1 << _bit(gram)
    return np.frombuffer(bits.to_bytes(8 * _SKETCH_WORDS, "little"), dtype="<u8")


@lru_cache(maxsize=1 << 16)
def _bit(gram: str) -> int:
    digest = blake2b(gram.encode("utf-8", "surrogatepass"), digest_size=4).digest()
    return int.from_bytes(digest, "little") % (64 * _SKETCH_WORDS)


def similarity_of(stage: str, normalised: tuple[str, str], vectors: tuple[Vectors, Vectors] | None) -> float:
    """Of two rows by one stage, computed from their texts and vectors alone."""
    if stage == "exact":
        return float(normalised[0] == normalised[1])
    if stage == "lexical":
        return jaccard(form_ngrams(normalised[0]), form_ngrams(normalised[1]))
    if vectors is None:
        raise ValueError("the embedding stage needs vectors")
    return cosine(*vectors)


def as_thresholds(lexical: float | None, near: float | None) -> Mapping[str, float]:
    """The stages that are on, by name."""
    on = {"exact": 1.0, "lexical": lexical, "near": near}
    return {stage: threshold for stage, threshold in on.items() if threshold is not None}
