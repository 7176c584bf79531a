"""How much the rows of one sample repeat each other. The figures depend on its size: compare like with like."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from math import exp, log

import numpy as np
import numpy.typing as npt

from synthgen.measure.words import Words, count_ngrams, ngrams, row_counts

BLEU_ORDER = 4
REPEATED_WORDS = 4


def compression_ratio(texts: Sequence[str]) -> float:
    """Bytes of the texts, one a line, over their bytes when compressed (Shaib et al. 2024). Higher repeats more."""
    raw = "\n".join(texts).encode("utf-8", "replace")
    return len(raw) / len(zlib.compress(raw, 9)) if raw else 1.0


def self_repetition(rows: Sequence[Words], n: int = REPEATED_WORDS) -> float:
    """Share of the rows' distinct word n-grams, counted row by row, that stand in another row too (after Salkar et
    al. 2022). 0 where no row has n words."""
    seen_in = row_counts(rows, n)
    total = sum(seen_in.values())
    return sum(count for count in seen_in.values() if count > 1) / total if total else 0.0


def distinct_ratio(rows: Sequence[Words], n: int) -> float:
    """Distinct-n (Li et al. 2016): different word n-grams over all of them. 1 where there is none."""
    counts = count_ngrams(rows, n)
    return len(counts) / counts.total() if counts else 1.0


def self_bleu(rows: Sequence[Words]) -> float:
    """Mean BLEU-4 of each row against all the others (Zhu et al. 2018): 0 shares nothing, 1 is copies.

    Sentence BLEU as Papineni et al. (2002) define it, with the brevity penalty of the closest length and, where a row
    shares no n-gram of an order, half a match instead of none. Orders beyond a row's words are left out. The most
    often any *other* row has an n-gram is had from the two highest counts, so the cost is that of reading once.
    """
    kept = [row for row in rows if row]
    if len(kept) < 2:
        return 0.0
    tables = [[Counter(ngrams(row, n)) for n in range(1, BLEU_ORDER + 1)] for row in kept]
    highest = [_two_highest(table[n] for table in tables) for n in range(BLEU_ORDER)]
    lengths = sorted(len(row) for row in kept)
    return float(np.mean([_bleu(t, highest, _closest(len(r), lengths)) for r, t in zip(kept, tables, strict=True)]))


Highest = dict[Words, tuple[int, int]]


def _two_highest(tables: Iterable[Counter[Words]]) -> Highest:
    """For each n-gram the two highest counts that a row has of it."""
    found: Highest = {}
    for table in tables:
        for gram, count in table.items():
            first, second = found.get(gram, (0, 0))
            if count > first:
                found[gram] = (count, first)
            elif count > second:
                found[gram] = (first, count)
    return found


def _bleu(tables: Sequence[Counter[Words]], highest: Sequence[Highest], reference_words: int) -> float:
    logs = []
    for table, best in zip(tables, highest, strict=True):
        total = table.total()
        if not total:
            continue
        hits = sum(
            min(count, best[gram][1] if best[gram][0] == count else best[gram][0]) for gram, count in table.items()
        )
        logs.append(log((hits or 0.5) / total))
    length = tables[0].total()
    penalty = 1.0 if length >= reference_words else exp(1 - reference_words / length)
    return penalty * exp(sum(logs) / len(logs))


def _closest(length: int, lengths: Sequence[int]) -> int:
    """The length nearest to `length` among the *other* rows' (the shorter of two as near); `lengths` is sorted and
    holds `length` itself."""
    place = int(np.searchsorted(lengths, length))
    others = [lengths[place - 1]] if place > 0 else []
    others += [lengths[place + 1]] if place + 1 < len(lengths) else []
    return min(others, key=lambda other: (abs(other - length), other))


def vendi_score(vectors: npt.NDArray[np.float32]) -> float:
    """How many rows entirely unlike each other would be as diverse (Friedman and Dieng 2023): the exponential of the
    entropy of the eigenvalues of the cosine matrix over n. 1 for copies of one row, n for orthogonal rows.

    Args:
        vectors: Unit rows, shape (n, d).
    """
    rows, dimensions = vectors.shape
    v = vectors.astype(np.float64)
    values = np.linalg.eigvalsh((v @ v.T if rows <= dimensions else v.T @ v) / rows)
    values = values[values > 1e-12]
    return float(np.exp(-np.sum(values * np.log(values))))
