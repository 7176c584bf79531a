"""A thesaurus with what was worked out about its words: readings, phrases and replacements are found once.

Three times as many rows a second on short messages, where most words come again and again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from synthgen.augment.synonyms.choosing import MIN_CHARS, Bar, synonyms, usage
from synthgen.augment.synonyms.function_words import STOP
from synthgen.augment.synonyms.inflection import Form, Reading, analyse
from synthgen.augment.synonyms.thesaurus import Pos, Thesaurus, Word

BOUND = "bound"
REMEMBERED = 65_536  # words, phrases and replacements of each kind


def _bases(word: str) -> set[str]:
    """Whatever a word could be a form of, known or not."""
    return {reading.lemma for reading in analyse(word, lambda lemma, pos: True, ("n", "v"))}


class Lexicon:
    """What is known of words and phrases. Safe to share between threads; its answers never change.

    Args:
        thesaurus: Where it all comes from.
    """

    def __init__(self, thesaurus: Thesaurus) -> None:
        self.thesaurus = thesaurus
        remember = lru_cache(maxsize=REMEMBERED)
        self.readings: Callable[[str], tuple[Reading, ...]] = remember(self._read)
        self.begins_phrase: Callable[[str, str], bool] = remember(self._begins_phrase)
        self.phrase: Callable[[str], Reading | str | None] = remember(self._read_phrase)
        self.synonyms: Callable[[str, Pos, Bar], Sequence[Word]] = remember(self._synonyms)
        self.usage: Callable[[str, Pos], float] = remember(self._usage)

    def knows(self, lemma: str, pos: Pos) -> bool:
        """Whether the thesaurus has it as that part of speech."""
        return self.thesaurus.knows(lemma, pos)

    def _read(self, word: str) -> tuple[Reading, ...]:
        """Every reading of a word in lower case; none where it may be a grammar word or is too short to be a word."""
        if len(word) < MIN_CHARS:
            return ()
        found = tuple(analyse(word, self.knows))
        return () if any(reading.lemma in STOP for reading in found) else found

    def _read_phrase(self, phrase: str) -> Reading | str | None:
        """How a phrase reads as one word; `BOUND` where it is known but is to be left alone; None where it is none."""
        if self.knows(phrase, "r"):
            return Reading(phrase, "r", Form.BASE)
        nouns = analyse(phrase, self.knows, ("n",))
        if nouns:
            return nouns[0]
        return BOUND if self.knows(phrase, "a") or self._is_phrasal_verb(phrase) else None

    def _begins_phrase(self, first: str, second: str) -> bool:
        """Whether a known phrase may begin with these two words, either of them inflected."""
        starts = self.thesaurus.phrase_starts
        return any(f"{one} {other}" in starts for one in _bases(first) for other in _bases(second))

    def _is_phrasal_verb(self, phrase: str) -> bool:
        head, _, rest = phrase.partition(" ")
        bases = {reading.lemma for reading in analyse(head, self.knows, ("v",))}
        return any(self.knows(f"{base} {rest}", "v") for base in bases)

    def _synonyms(self, lemma: str, pos: Pos, bar: Bar) -> Sequence[Word]:
        return synonyms(lemma, pos, self.thesaurus, bar)

    def _usage(self, lemma: str, pos: Pos) -> float:
        return usage(lemma, pos, self.thesaurus)
