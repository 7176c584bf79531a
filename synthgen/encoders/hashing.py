"""A lexical encoder without a model: signed feature hashing of words and character 3-grams (Weinberger et al. 2009).

Finds copies and light edits at tens of thousands of texts a second; knows nothing of meaning.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from synthgen.text import normalise

DIMENSIONS = 512


class HashingEncoder:
    """Words and character 3-grams, each at a hashed place with a hashed sign, counts damped, unit length."""

    identity = "hashing-512-v1"
    dimensions = DIMENSIONS

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        rows = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for feature in _features(text):
                place, sign = _place(feature)
                row[place] += sign
        rows = np.sign(rows) * np.sqrt(np.abs(rows))
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        rows[lengths[:, 0] == 0, 0] = 1.0
        return np.asarray(rows / np.where(lengths == 0, 1.0, lengths), dtype=np.float32)


def _features(text: str) -> Iterator[str]:
    words = normalise(text)
    yield from words.split()
    padded = f" {words} "
    yield from (padded[i : i + 3] for i in range(len(padded) - 2))


@lru_cache(maxsize=1 << 16)
def _place(feature: str) -> tuple[int, float]:
    value = int.from_bytes(blake2b(feature.encode("utf-8", "replace"), digest_size=8).digest(), "big")
    return (value >> 1) % DIMENSIONS, 1.0 if value & 1 else -1.0
