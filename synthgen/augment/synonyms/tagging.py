"""Parts of speech without a model: what the thesaurus knows of a word, weighed by the words around it.

Owns a careful guess, not a parse: each reading has a weight from how often its base form is met as that part of speech,
multiplied by what the neighbours allow ("the" asks for a noun, "to" for a verb). A word whose best reading is not ahead
of the others is told with low confidence, and whoever replaces words leaves it alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from synthgen.augment.synonyms import function_words as known
from synthgen.augment.synonyms.inflection import Form, Reading
from synthgen.augment.synonyms.lexicon import Lexicon
from synthgen.augment.synonyms.sentence import Sentence

_FINITE = (Form.BASE, Form.THIRD, Form.PAST)
Factors = dict[str, float]

# How much a neighbour favours each kind of reading; 1 where it says nothing. `v` are finite verbs, `ed` and `ing` the
# two participles.
_AFTER_ARTICLE: Factors = {"n": 5, "a": 5, "v": 0.01, "ed": 0.1, "ing": 0.2, "r": 0.3}
_AFTER_DETERMINER: Factors = {"n": 4, "a": 2, "v": 0.3, "ed": 0.2, "ing": 0.2, "r": 0.5}
_AFTER_TO: Factors = {"n": 0.4, "a": 0.2, "v": 12, "ed": 0.05, "ing": 0.3, "r": 0.3}
_AFTER_MODAL: Factors = {"n": 0.05, "a": 0.1, "v": 20, "ed": 0.05, "ing": 0.05, "r": 1}
_AFTER_SUBJECT: Factors = {"n": 0.03, "a": 0.05, "v": 20, "ed": 0.1, "ing": 0.05, "r": 1}
_AFTER_PRONOUN: Factors = {"n": 0.5, "a": 0.8, "v": 4, "ed": 0.5, "ing": 1, "r": 1.5}
_AFTER_HAVE: Factors = {"n": 1, "a": 1, "v": 0.02, "ed": 12, "ing": 0.1, "r": 1}
_AFTER_BE: Factors = {"n": 0.5, "a": 3, "v": 0.02, "ed": 4, "ing": 4, "r": 1}
_AFTER_PREPOSITION: Factors = {"n": 3, "a": 2, "v": 0.05, "ed": 0.3, "ing": 1.5, "r": 0.5}
_AFTER_DEGREE: Factors = {"n": 0.1, "a": 6, "v": 0.1, "ed": 0.3, "ing": 0.2, "r": 4}
_BEFORE_OBJECT: Factors = {"n": 0.4, "a": 0.1, "v": 3, "ed": 2, "ing": 3, "r": 1}
_BEFORE_VERB: Factors = {"n": 4, "a": 0.1, "v": 0.05, "ed": 0.3, "ing": 1, "r": 1}
_BEFORE_OF: Factors = {"n": 5, "a": 0.2, "v": 0.3, "ed": 0.5, "ing": 0.5, "r": 0.5}
_AFTER_READING: dict[str, Factors] = {
    "a": {"n": 5, "a": 1.2, "v": 0.05, "ed": 0.1, "ing": 0.2, "r": 0.2},
    "n": {"n": 1, "a": 0.4, "v": 1, "ed": 1, "ing": 1, "r": 1},
    "v": {"n": 2, "a": 2, "v": 0.05, "ed": 0.1, "ing": 0.5, "r": 1},
    "r": {},
}
_AFTER_WORD: tuple[tuple[frozenset[str], Factors], ...] = (
    (known.ARTICLES, _AFTER_ARTICLE),
    (known.MODALS, _AFTER_MODAL),
    (known.SUBJECTS, _AFTER_SUBJECT),
    (known.HAVE, _AFTER_HAVE),
    (known.BE, _AFTER_BE),
    (known.DEGREE, _AFTER_DEGREE),
    (known.DETERMINERS, _AFTER_DETERMINER),
    (known.PREPOSITIONS, _AFTER_PREPOSITION),
    (known.PRONOUNS, _AFTER_PRONOUN),
    (frozenset({"to"}), _AFTER_TO),
)
_OBJECTS = known.ARTICLES | frozenset({"me", "us", "them", "him", "it", "you", "this", "these", "those"})
_VERBAL = known.BE | known.MODALS | known.HAVE


@dataclass(frozen=True, slots=True)
class Tagged:
    """What a word is taken to be.

    Attributes:
        reading: The best one.
        confidence_ratio: Its part of speech's share of all weights.
    """

    reading: Reading
    confidence_ratio: float


def tag(sentence: Sentence, lexicon: Lexicon) -> list[Tagged | None]:
    """The best reading of each word; None for grammar words, locked words and words nobody knows."""
    lower = [word.lower().replace("’", "'") for word in sentence.words]
    found: list[Tagged | None] = []
    for place, word in enumerate(lower):
        is_open = not sentence.locked[place] and word not in known.STOP
        found.append(_tag_word(place, lower, found, sentence, lexicon) if is_open else None)
    return found


def _tag_word(
    place: int, words: Sequence[str], before: Sequence[Tagged | None], sentence: Sentence, lexicon: Lexicon
) -> Tagged | None:
    readings = lexicon.readings(words[place])
    if not readings:
        return None
    factors = [_before(place, words, before, sentence), _after(place, words, sentence)]
    weights: dict[str, float] = {}
    weighed: list[tuple[float, Reading]] = []
    for reading in readings:
        kind = _kind(reading)
        weight = lexicon.usage(reading.lemma, reading.pos)
        for factor in factors:
            weight *= factor.get(kind, 1.0)
        weighed.append((weight, reading))
        weights[reading.pos] = max(weights.get(reading.pos, 0.0), weight)
    best_weight, best = max(weighed, key=lambda pair: pair[0])
    return Tagged(best, best_weight / (sum(weights.values()) or 1.0))


def _kind(reading: Reading) -> str:
    if reading.pos != "v" or reading.form in _FINITE:
        return reading.pos
    return "ed" if reading.form is Form.PARTICIPLE else "ing"


def _before(place: int, words: Sequence[str], tagged: Sequence[Tagged | None], sentence: Sentence) -> Factors:
    """What the word before says, adverbs between the two looked through."""
    while place > 0 and not sentence.is_cut_before(place):
        place -= 1
        if words[place] in known.PASSED_OVER:
            continue
        for members, factors in _AFTER_WORD:
            if words[place] in members:
                return factors
        found = tagged[place]
        if found is None or found.confidence_ratio < 0.6:
            return {}
        return _AFTER_READING[found.reading.pos]
    return {}


def _after(place: int, words: Sequence[str], sentence: Sentence) -> Factors:
    if sentence.is_cut_before(place + 1):
        return {}
    word = words[place + 1]
    if word == "of":
        return _BEFORE_OF
    if word in _OBJECTS:
        return _BEFORE_OBJECT
    return _BEFORE_VERB if word in _VERBAL else {}
