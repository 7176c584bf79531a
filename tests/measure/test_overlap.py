"""The longest run of words shared with a row, against looking at every run."""

from __future__ import annotations

import numpy as np

from synthgen.measure.overlap import SharedWords
from synthgen.measure.words import words


def slow(text: str, rows: list[str]) -> int:
    asked, best = words(text), 0
    for row in rows:
        have = words(row)
        for i in range(len(asked)):
            for j in range(len(have)):
                n = 0
                while i + n < len(asked) and j + n < len(have) and asked[i + n] == have[j + n]:
                    n += 1
                best = max(best, n)
    return best


def test_longest_shared_run_is_the_longest() -> None:
    """On random texts of few words, as found by looking at every pair of places."""
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(list("abcd"), rng.integers(0, 12))) for _ in range(60)]
    shared = SharedWords(texts[:20])
    assert [shared.longest(text)[0] for text in texts] == [slow(text, texts[:20]) for text in texts]


def test_longest_shared_run_names_its_row() -> None:
    """Case and punctuation do not count."""
    shared = SharedWords(["nothing of it", "where is my new card, please?"])
    assert shared.longest("So: WHERE is my new card") == (5, 1, "where is my new card")
    assert shared.longest("") == (0, None, "")
