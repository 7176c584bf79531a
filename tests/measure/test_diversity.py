"""Diversity figures by hand and against implementations written the slow way."""

from __future__ import annotations

import gzip
from collections import Counter
from math import exp, log

import numpy as np
import pytest

from synthgen.measure.diversity import compression_ratio, distinct_ratio, self_bleu, self_repetition, vendi_score
from synthgen.measure.words import Words, words

ROWS = [
    words(text)
    for text in (
        "where is my card",
        "where is my new card please",
        "my card has not arrived yet",
        "a completely other thing",
        "where is my card",
        "hi",
    )
]


def slow_bleu(row: Words, others: list[Words]) -> float:
    """BLEU-4 as Papineni et al. define it, reference by reference."""
    logs = []
    for n in range(1, 5):
        counts = Counter(row[i : i + n] for i in range(len(row) - n + 1))
        if not counts:
            continue
        hits = 0
        for gram, count in counts.items():
            best = max(Counter(o[i : i + n] for i in range(len(o) - n + 1))[gram] for o in others)
            hits += min(count, best)
        logs.append(log((hits or 0.5) / sum(counts.values())))
    closest = min((len(o) for o in others), key=lambda length: (abs(length - len(row)), length))
    return min(1.0, exp(1 - closest / len(row))) * exp(sum(logs) / len(logs))


def test_self_bleu_agrees_with_the_slow_way() -> None:
    """Two copies, repeated words, a one-word row: all as the definition says."""
    rows = [*ROWS, words("card card card my my")]
    by_hand = [slow_bleu(row, rows[:i] + rows[i + 1 :]) for i, row in enumerate(rows)]
    assert self_bleu(rows) == pytest.approx(np.mean(by_hand))
    assert self_bleu([ROWS[1]] * 3) == pytest.approx(1.0)
    assert self_bleu([ROWS[0]]) == 0.0


def test_self_repetition_by_hand() -> None:
    """Of the rows' 4-grams (1, 3, 3, 1, 1, 0), the one of the two copies stands in another row."""
    assert self_repetition(ROWS) == pytest.approx(2 / 9)
    assert self_repetition([words("one two")]) == 0.0


def test_distinct_ratio_by_hand() -> None:
    """`a b a` has two different words of three, two different pairs of two."""
    assert distinct_ratio([words("a b a")], 1) == pytest.approx(2 / 3)
    assert distinct_ratio([words("a b a")], 2) == 1.0
    assert distinct_ratio([], 1) == 1.0


def test_compression_ratio_is_about_that_of_gzip() -> None:
    """gzip is the same algorithm with a longer header; copies compress better."""
    texts = [" ".join(row) + f" {i * i}" for i, row in enumerate(ROWS * 40)]
    raw = "\n".join(texts).encode()
    assert compression_ratio(texts) == pytest.approx(len(raw) / len(gzip.compress(raw, 9)), rel=0.02)
    assert compression_ratio(["the same"] * 100) > compression_ratio(texts)
    assert compression_ratio([]) == 1.0


def test_vendi_score_by_hand() -> None:
    """Copies count once, orthogonal rows each, and two of three kinds as their entropy says; rows or dimensions."""
    eye = np.eye(8, dtype=np.float32)
    assert vendi_score(eye) == pytest.approx(8.0)
    assert vendi_score(np.repeat(eye[:1], 5, axis=0)) == pytest.approx(1.0)
    mixed = np.repeat(eye[:2], [30, 10], axis=0)
    assert vendi_score(mixed) == pytest.approx(exp(-(0.75 * log(0.75) + 0.25 * log(0.25))))


def test_words_of_scripts_without_spaces_are_characters() -> None:
    """Else a Chinese row would be one word, and a Hindi word would fall apart at its vowel signs."""
    assert words("我的卡 lost!") == ("我", "的", "卡", "lost")
    assert words("कार्ड नहीं मिला") == ("कार्ड", "नहीं", "मिला")
    assert words("Don't  STOP.") == ("dont", "stop")
