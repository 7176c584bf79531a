"""Where a text can take another word, and which: single words, and phrases that the thesaurus knows as one.

Parts of a known phrase ("exchange rate", "set up", "as well") are never replaced one by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from synthgen.augment.synonyms.choosing import Bar
from synthgen.augment.synonyms.everyday import contraction_at, phrase_at, stiff_phrase_at
from synthgen.augment.synonyms.function_words import GRAMMAR, STOP
from synthgen.augment.synonyms.inflection import inflect
from synthgen.augment.synonyms.lexicon import Lexicon
from synthgen.augment.synonyms.sentence import Sentence, dress_like
from synthgen.augment.synonyms.tagging import Tagged, tag
from synthgen.augment.synonyms.thesaurus import Pos

MAX_PHRASE = 3
Finder: TypeAlias = Callable[[Sequence[str], int], "tuple[int, tuple[str, ...]] | None"]
_FIRST_PERSON = re.compile(r"\bi\b")


@dataclass(frozen=True, slots=True)
class Place:
    """One spot that can take another word.

    Attributes:
        start: Number of the first word that would go.
        length: How many words would go.
        lemma: Their base form.
        pos: Their part of speech; empty for an everyday phrase.
        options: What may come instead, inflected and capitalised, the most usual first.
        weights: How usual each option is, the same order.
    """

    start: int
    length: int
    lemma: str
    pos: Pos | Literal[""]
    options: tuple[str, ...]
    weights: tuple[int, ...]


class Outlook:
    """A text as understood once, to be looked at with one bar after the other.

    Args:
        sentence: The text.
        lexicon: Who knows its words.
    """

    def __init__(self, sentence: Sentence, lexicon: Lexicon) -> None:
        self._sentence, self._lexicon = sentence, lexicon
        self._lower = [word.lower().replace("’", "'") for word in sentence.words]
        self._phrases = list(self._find_phrases())
        self._bound = {n for start, length, *_ in self._phrases for n in range(start, start + length)}
        self._tagged: list[Tagged | None] = tag(sentence, lexicon)

    def everyday(self) -> list[Place]:
        """Every everyday phrase that can be said in another way, from left to right."""
        return self._fixed(phrase_at)

    def stiff(self) -> list[Place]:
        """Every phrase that can only be said more stiffly."""
        return self._fixed(stiff_phrase_at)

    def contractions(self) -> list[Place]:
        """Every contraction that can be written out, or drawn together."""
        return self._fixed(contraction_at)

    def _fixed(self, find: Finder) -> list[Place]:
        marked, numbers = self._marked()
        found, at = [], 0
        while at < len(marked):
            made = find(marked, at) if marked[at] else None
            if made is not None:
                length, others = made
                start = numbers[at]
                written = " ".join(self._sentence.words[start : start + length])
                options = tuple(_recase(other, written) for other in others)
                found.append(Place(start, length, " ".join(marked[at : at + length]), "", options, (0,) * len(options)))
                at += length - 1
            at += 1
        return found

    def _marked(self) -> tuple[list[str], list[int]]:
        """The words with an empty one at every cut and a word nobody uses for a locked one; and where each stands."""
        marked: list[str] = []
        numbers: list[int] = []
        for place, word in enumerate(self._lower):
            if place and self._sentence.is_cut_before(place):
                marked.append("")
                numbers.append(place)
            marked.append("\0" if self._sentence.locked[place] and word not in GRAMMAR else word)
            numbers.append(place)
        return [*marked, ""], [*numbers, len(self._lower)]

    def places(self, bar: Bar) -> list[Place]:
        """Every spot with at least one option that clears the bar, from left to right."""
        words = [(n, 1, tagged) for n, tagged in enumerate(self._tagged) if n not in self._bound]
        found = [(n, length, t) for n, length, t in (*words, *self._phrases) if t is not None]
        made = [self._offer(*place, bar) for place in found if place[2].confidence_ratio >= bar.confidence_ratio]
        return sorted((place for place in made if place), key=lambda place: place.start)

    def _offer(self, start: int, length: int, tagged: Tagged, bar: Bar) -> Place | None:
        reading = tagged.reading
        chosen = self._lexicon.synonyms(reading.lemma, reading.pos, bar)
        written = self._sentence.words[start]
        options = [dress_like(inflect(word.lemma, reading.form), written) for word in chosen]
        if not options:
            return None
        return Place(start, length, reading.lemma, reading.pos, tuple(options), tuple(w.count or 0 for w in chosen))

    def _find_phrases(self) -> Iterator[tuple[int, int, Tagged | None]]:
        """Known phrases, the longest first at each place; without a reading where they are only to be left alone."""
        place, count = 0, len(self._lower)
        while place < count:
            for length in range(self._plain_run(place), 1, -1):
                found = self._read_phrase(place, length)
                if found is not None:
                    yield place, length, found[0]
                    place += length - 1
                    break
            place += 1

    def _plain_run(self, start: int) -> int:
        """How many words from `start` on could be a known phrase: single spaces between them, and a fitting start."""
        words, gaps = self._lower, self._sentence.gaps
        most = min(MAX_PHRASE, len(words) - start)
        run = next((n for n in range(1, most) if gaps[start + n] != " "), most)
        return run if run > 1 and self._lexicon.begins_phrase(words[start], words[start + 1]) else 0

    def _read_phrase(self, start: int, length: int) -> tuple[Tagged | None] | None:
        words = self._lower[start : start + length]
        found = None if STOP.issuperset(words) else self._lexicon.phrase(" ".join(words))
        if found is None:
            return None
        is_locked = any(self._sentence.locked[start : start + length])
        return (None if isinstance(found, str) or is_locked else Tagged(found, 1.0),)


def _recase(option: str, written: str) -> str:
    """`option` with the capitals of what was written; the word I small only where it was written so."""
    if not _FIRST_PERSON.search(written):
        option = _FIRST_PERSON.sub("I", option)
    return dress_like(option, written)
