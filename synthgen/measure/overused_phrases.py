"""Turns of phrase that a generator over-uses: openers and phrases far commoner than among real rows of the same class.

Phrases are found by counting, not looked up, so it works in any language; a short list of English stock phrases of
assistants is looked for besides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Literal

from synthgen.measure.words import Words, ngrams, words

MIN_ROWS = 5
MIN_ROW_RATIO = 0.02
MIN_FACTOR = 2.0
MIN_SIGMAS = 4.0
OPENER_WORDS = (1, 2, 3)
PHRASE_WORDS = (3, 4, 5)
STOCK_PHRASES = (
    "as a valued customer", "as an ai", "at your earliest convenience", "can you please help me", "certainly",
    "could you please assist", "delve", "do not hesitate", "furthermore", "hope this email finds you well",
    "hope this message finds you", "i am writing to", "i appreciate your", "i would like to inquire", "in conclusion",
    "in today's world", "it is important to note", "looking forward to your", "moreover", "navigate the complexities",
    "please advise on", "please let me know", "plethora", "seamless", "tapestry", "testament to",
    "thank you for your assistance", "thank you in advance",
)  # fmt: skip

Kind = Literal["opener", "phrase", "stock"]
Grams = Callable[[Words], set[Words]]


@dataclass(frozen=True, slots=True)
class OverusedPhrase:
    """One over-used turn of phrase.

    Attributes:
        kind: `opener` (first words of a row), `phrase` (anywhere) or `stock` (of the built-in list).
        phrase: In normal form.
        rows: Synthetic rows that have it.
        expected_rows: How many would, at the rate of the real rows of the same classes.
        sigmas: How far beyond chance, in standard deviations (Mantel and Haenszel 1959, classes as strata).
    """

    kind: Kind
    phrase: str
    rows: int
    expected_rows: float
    sigmas: float


def find_overused_phrases(
    real: Mapping[str, Sequence[Words]], synthetic: Mapping[str, Sequence[Words]], *, most: int = 20
) -> list[OverusedPhrase]:
    """Over-used openers and phrases, the most striking first.

    Args:
        real: Rows by class.
        synthetic: Likewise. A class without real rows is compared with all real rows.
        most: How many to give.
    """
    openers = _overused("opener", _openers, real, synthetic)
    phrases = _overused("phrase", _phrases, real, synthetic)
    stock = _overused("stock", _stock(), real, synthetic)
    said = {phrase.phrase for phrase in (*stock, *openers)}
    found = [*stock, *openers, *(phrase for phrase in phrases if phrase.phrase not in said)]
    return _without_parts(found)[:most]


def _openers(row: Words) -> set[Words]:
    return {row[:n] for n in OPENER_WORDS if len(row) >= n}


def _phrases(row: Words) -> set[Words]:
    return {gram for n in PHRASE_WORDS for gram in ngrams(row, n)}


def _stock() -> Grams:
    known = {words(phrase) for phrase in STOCK_PHRASES}
    lengths = sorted({len(phrase) for phrase in known})
    return lambda row: {gram for n in lengths for gram in ngrams(row, n)} & known


def _overused(
    kind: Kind, grams: Grams, real: Mapping[str, Sequence[Words]], synthetic: Mapping[str, Sequence[Words]]
) -> list[OverusedPhrase]:
    totals = Counter(g for rows in synthetic.values() for row in rows for g in grams(row))
    least = max(MIN_ROWS, MIN_ROW_RATIO * sum(map(len, synthetic.values())))
    candidates = [gram for gram, count in totals.items() if count >= least]
    every = [row for rows in real.values() for row in rows]
    pools = [(rows, real.get(label) or every) for label, rows in synthetic.items()]
    strata = [(len(made), len(pool), _rows_with(made, grams), _rows_with(pool, grams)) for made, pool in pools]
    found = [_phrase(kind, gram, strata) for gram in candidates]
    return [
        phrase for phrase in found if phrase.sigmas >= MIN_SIGMAS and phrase.rows >= MIN_FACTOR * phrase.expected_rows
    ]


def _rows_with(rows: Sequence[Words], grams: Grams) -> Counter[Words]:
    return Counter(gram for row in rows for gram in grams(row))


Stratum = tuple[int, int, Counter[Words], Counter[Words]]


def _phrase(kind: Kind, gram: Words, strata: Sequence[Stratum]) -> OverusedPhrase:
    """Strata: rows made, rows real, and in how many of each every phrase stands."""
    rows, at_real_rate, expected, variance = 0, 0.0, 0.0, 0.0
    for made, real, in_made, in_real in strata:
        both, total = in_made[gram] + in_real[gram], made + real
        rows += in_made[gram]
        at_real_rate += made * in_real[gram] / real if real else 0.0
        expected += made * both / total
        variance += made * real * both * (total - both) / (total * total * max(1, total - 1))
    sigmas = (rows - expected) / sqrt(variance) if variance > 0 else 0.0
    return OverusedPhrase(kind, " ".join(gram), rows, round(at_real_rate, 2), round(sigmas, 2))


def _without_parts(phrases: Sequence[OverusedPhrase]) -> list[OverusedPhrase]:
    """One of those that hold each other: the longer where nearly as many rows have it, else the more striking."""
    whole = [t for t in phrases if not any(_holds(o, t) and o.rows >= 0.8 * t.rows for o in phrases)]
    kept: list[OverusedPhrase] = []
    for phrase in sorted(whole, key=lambda t: (-t.sigmas, -len(t.phrase), t.phrase)):
        if not any(_holds(phrase, other) or _holds(other, phrase) or _share(phrase, other) for other in kept):
            kept.append(phrase)
    return kept


def _share(one: OverusedPhrase, other: OverusedPhrase) -> bool:
    """Whether one goes on where the other ends, or they share two words in a row."""
    a, b = tuple(one.phrase.split()), tuple(other.phrase.split())
    return a[-1] == b[0] or b[-1] == a[0] or not set(ngrams(a, 2)).isdisjoint(ngrams(b, 2))


def _holds(longer: OverusedPhrase, shorter: OverusedPhrase) -> bool:
    return len(longer.phrase) > len(shorter.phrase) and f" {shorter.phrase} " in f" {longer.phrase} "
