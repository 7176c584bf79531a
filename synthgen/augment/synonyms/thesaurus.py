"""What a thesaurus must tell: the senses of a word, the most usual first, and who shares each.

Owns no words. WordNet read from disk is one (`providers.wordnet`), a dictionary in a test another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

Pos: TypeAlias = Literal["n", "v", "a", "r"]
POS: tuple[Pos, ...] = ("n", "v", "a", "r")


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a sense.

    Attributes:
        lemma: Base form in its own spelling; parts of a phrase are joined by spaces.
        count: How often it was met in this sense, in texts tagged by hand; None where nobody counted.
        frames: Numbers of the sentence patterns a verb fits ("somebody ----s something"); empty for other words.
    """

    lemma: str
    count: int | None = None
    frames: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Sense:
    """One meaning and every word for it.

    Attributes:
        id: Names the meaning: the same for all words that share it.
        words: All of them, the one asked for among them.
        topic: A rough field of meaning, such as `noun.possession`.
    """

    id: str
    words: tuple[Word, ...]
    topic: str = ""

    def count_of(self, lemma: str) -> int:
        """How often `lemma` was met in this sense; 0 where nobody counted."""
        folded = lemma.casefold()
        return next((word.count or 0 for word in self.words if word.lemma.casefold() == folded), 0)


def phrase_start(phrase: str) -> str:
    """Its first two words."""
    return " ".join(phrase.split(" ", 2)[:2])


class Thesaurus(Protocol):
    """Senses by base form and part of speech."""

    @property
    def name(self) -> str:
        """Which data, for people and the journal: `wordnet-3.0`."""
        ...

    @property
    def phrase_starts(self) -> frozenset[str]:
        """First two words of all phrases it knows: what does not begin with such a pair need not be looked up."""
        ...

    def knows(self, lemma: str, pos: Pos) -> bool:
        """Whether it has meanings of a base form, found without looking at them."""
        ...

    def senses(self, lemma: str, pos: Pos) -> Sequence[Sense]:
        """Meanings of a base form in lower case, the most usual first; empty where it is not known.

        Phrases are spelled with spaces. Looked at several times for each word, so it should remember.
        """
        ...


class WordList:
    """A thesaurus of one's own: `{"v": [["purchase", "buy"]]}` gives both verbs one shared sense.

    The order of a word's groups is the order of its senses.

    Args:
        groups: By part of speech, groups of words with one meaning.
        name: What it is called.
    """

    def __init__(self, groups: Mapping[Pos, Sequence[Sequence[str]]], *, name: str = "word-list") -> None:
        self._name = name
        self._senses: dict[tuple[str, Pos], list[Sense]] = {}
        every = (word.casefold() for meanings in groups.values() for words in meanings for word in words)
        self._starts = frozenset(phrase_start(word) for word in every if " " in word)
        for pos, meanings in groups.items():
            for number, words in enumerate(meanings):
                sense = Sense(f"{pos}{number}", tuple(Word(word) for word in words))
                for word in words:
                    self._senses.setdefault((word.casefold(), pos), []).append(sense)

    @property
    def name(self) -> str:
        return self._name

    @property
    def phrase_starts(self) -> frozenset[str]:
        return self._starts

    def knows(self, lemma: str, pos: Pos) -> bool:
        return (lemma, pos) in self._senses

    def senses(self, lemma: str, pos: Pos) -> Sequence[Sense]:
        return self._senses.get((lemma, pos), ())
