"""Which words may stand for a word: those that share its usual meaning and have no other that is more usual.

Owns the bar. Words share meanings in a thesaurus that nobody would think of ("card" and "tease" are both wags); so only
the first sense of the word counts, and only words whose own first sense it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from synthgen.augment.synonyms.avoided import AVOIDED, OFFENSIVE
from synthgen.augment.synonyms.function_words import STOP
from synthgen.augment.synonyms.thesaurus import POS, Pos, Sense, Thesaurus, Word

UNCOUNTED = 0.3  # weight of a reading that nobody met in tagged texts, against 1 for each time it was
MIN_CHARS = 3  # abbreviations of units
_PLURAL_ONLY = re.compile(r"[^suia]s$")
_PLAIN = re.compile(r"[a-z]+(?: [a-z]+)*")


@dataclass(frozen=True, slots=True)
class Bar:
    """How sure a replacement must be.

    Attributes:
        confidence_ratio: Least share of a word's part of speech among its readings.
        dominance_ratio: Least share of the shared meaning among all uses of the word, and of its replacement.
        min_count: How often the replacement must have been met in that meaning, where somebody counted.
    """

    confidence_ratio: float
    dominance_ratio: float
    min_count: int


STRICT = Bar(confidence_ratio=0.8, dominance_ratio=0.5, min_count=2)
RELAXED = Bar(confidence_ratio=0.7, dominance_ratio=0.34, min_count=1)
BARS = (STRICT, RELAXED)


def synonyms(lemma: str, pos: Pos, thesaurus: Thesaurus, bar: Bar) -> list[Word]:
    """Words for the usual meaning of `lemma`, the most usual first; empty where none clears the bar."""
    senses = thesaurus.senses(lemma, pos)
    if not senses or dominance(lemma, senses) < bar.dominance_ratio:
        return []
    first = senses[0]
    frames = next((word.frames for word in first.words if word.lemma.casefold() == lemma), frozenset[int]())
    fitting = [word for word in first.words if _fits(word, lemma, pos, first, frames, thesaurus, bar)]
    return sorted(fitting, key=lambda word: (-(word.count or 0), word.lemma))


def usage(lemma: str, pos: Pos, thesaurus: Thesaurus) -> float:
    """How often a base form is met as that part of speech; a little where it was never counted."""
    senses = thesaurus.senses(lemma, pos)
    return sum(sense.count_of(lemma) for sense in senses) + UNCOUNTED * bool(senses)


def dominance(lemma: str, senses: Sequence[Sense]) -> float:
    """The first sense's share of the uses of `lemma`; uncounted, each sense is half as usual as the one before."""
    counts = [sense.count_of(lemma) for sense in senses]
    if sum(counts):
        return (counts[0] + 0.5) / (sum(counts) + 0.5 * len(counts))
    return 0.5 / (1 - 0.5 ** len(senses))


def _changes_kind(lemma: str, other: str, pos: Pos) -> bool:
    """Whether two nouns differ in what they take: an activity in -ing, a word that is a plural already."""
    if pos != "n":
        return False
    return lemma.endswith("ing") != other.endswith("ing") or bool(
        _PLURAL_ONLY.search(lemma) or _PLURAL_ONLY.search(other)
    )


def _fits(
    word: Word, lemma: str, pos: Pos, sense: Sense, frames: frozenset[int], thesaurus: Thesaurus, bar: Bar
) -> bool:
    other = word.lemma
    if other == lemma or not _PLAIN.fullmatch(other) or other in STOP or lemma in other.split():
        return False
    if len(other) < MIN_CHARS or other in AVOIDED[pos] or _changes_kind(lemma, other, pos):
        return False
    if " " in other and (" " not in lemma or pos in "va" or not STOP.isdisjoint(other.split())):
        return False
    if other in OFFENSIVE or (word.count is not None and word.count < bar.min_count):
        return False
    own = thesaurus.senses(other, pos)
    if not own or own[0].id != sense.id or dominance(other, own) < bar.dominance_ratio:
        return False
    elsewhere = max(usage(other, p, thesaurus) for p in POS)
    return usage(other, pos, thesaurus) >= elsewhere and frames <= word.frames
