"""One text to another with the same meaning: synonyms, and on demand the other three operations of EDA.

After Wei and Zou 2019 (easy data augmentation): replacement, random insertion, swap and deletion, each for a share of
the words. What differs: a replacement has to clear a bar (`choosing`) and is inflected like the word it stands for;
negations, numbers, names and what the caller keeps are never deleted, moved or replaced.

A pure function of text, lexicon, settings and seed; the only chance in it is hashed from the seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from synthgen.augment.synonyms.choosing import BARS, RELAXED, STRICT
from synthgen.augment.synonyms.inflection import article_for
from synthgen.augment.synonyms.lexicon import Lexicon
from synthgen.augment.synonyms.noise import delete_words, insert_words, swap_words
from synthgen.augment.synonyms.places import Outlook, Place
from synthgen.augment.synonyms.sentence import Sentence, dress_like, take_apart
from synthgen.identity import derive_seed
from synthgen.text import normalise

DEFAULT_RATIO = 0.2
Meaning = Callable[[str, Sequence[str]], Sequence[float]]


@dataclass(frozen=True, slots=True)
class Settings:
    """How much is changed.

    Attributes:
        ratio: Share of the words to replace by synonyms, at least one; 0 for none.
        count: How many words to replace; overrides `ratio` where it is not None.
        insert: Share of the words to add as synonyms of other words, at random places.
        swap: Share of the words to swap with another.
        delete: Share of the words to delete.
        keep: Words and phrases to leave alone.
        phrases: Whether everyday phrases may be said in another way too ("how do I", "how can I"), and contractions be
            written out where nothing else can be changed.
        min_similarity: Least similarity of the sentence with the new word to the one before; needs `meaning`.
    """

    ratio: float = DEFAULT_RATIO
    count: int | None = None
    insert: float = 0.0
    swap: float = 0.0
    delete: float = 0.0
    keep: tuple[str, ...] = ()
    phrases: bool = True
    min_similarity: float | None = None

    def replacements(self, words: int) -> int:
        """Words to replace in a text of that many."""
        return self.count if self.count is not None else share(self.ratio, words)


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A changed text.

    Attributes:
        text: All of it.
        replaced: Each word that went and what came for it.
    """

    text: str
    replaced: tuple[tuple[str, str], ...]


def share(ratio: float, words: int) -> int:
    """`ratio` of the words, at least one; none at 0."""
    return max(1, round(ratio * words)) if ratio > 0 else 0


def rewrite(
    text: str, lexicon: Lexicon, settings: Settings, seed: int, *, meaning: Meaning | None = None
) -> Rewritten | None:
    """A changed copy, or None where nothing can be changed that would not break the rules.

    Args:
        text: One row.
        lexicon: Who knows its words.
        settings: How much is changed.
        seed: The only source of chance: another seed, another copy, as far as the text allows.
        meaning: Similarity, -1 to 1, of a text to each of several others; None does without the guard.
    """
    sentence = take_apart(text, settings.keep)
    words = len(sentence.words)
    outlook = Outlook(sentence, lexicon)
    made, replaced = _replace(sentence, outlook, settings, seed, meaning)
    if settings.insert:
        made = insert_words(made, _insertions(outlook), share(settings.insert, words), seed)
    if settings.swap:
        made = swap_words(made, share(settings.swap, words), seed)
    if settings.delete:
        made = delete_words(made, share(settings.delete, words), seed)
    changed = made.text()
    return None if normalise(changed) == normalise(text) else Rewritten(changed, tuple(replaced))


def _replace(
    sentence: Sentence, outlook: Outlook, settings: Settings, seed: int, meaning: Meaning | None
) -> tuple[Sentence, list[tuple[str, str]]]:
    """What is sure first; contractions for what is left; what is less sure only where the text would stay as it is."""
    wanted = settings.replacements(len(sentence.words))
    taken: list[tuple[Place, str]] = []
    for look, is_last_resort in _looks(outlook, settings):
        if len(taken) < wanted and not (taken and is_last_resort):
            for place in sorted(look(), key=lambda p: derive_seed("place", seed, p.start)):
                if len(taken) == wanted:
                    break
                if any(_overlap(place, other) for other, _ in taken):
                    continue
                option = _pick(sentence, place, settings, seed, meaning)
                if option is not None:
                    taken.append((place, option))
    if settings.count is None and len(taken) < wanted:
        taken = taken[: _some_of(len(taken), seed)]
    return _with_all(sentence, taken), [(_written(sentence, place), option) for place, option in taken]


def _looks(outlook: Outlook, settings: Settings) -> list[tuple[Callable[[], list[Place]], bool]]:
    """Where to look, one after the other, and whether only where nothing was found before."""
    sure, less_sure = partial(outlook.places, STRICT), partial(outlook.places, RELAXED)
    if not settings.phrases:
        return [(sure, False), (less_sure, True)]
    plain = (lambda: [*sure(), *outlook.everyday()], False)
    return [plain, (less_sure, True), (outlook.contractions, False), (outlook.stiff, True)]


def _some_of(count: int, seed: int) -> int:
    """How many of all that can be replaced are: from half to all of them, so that the copies of one text differ."""
    least = math.ceil(count / 2)
    return least + derive_seed("some", seed) % (count - least + 1)


def _overlap(one: Place, other: Place) -> bool:
    return one.start < other.start + other.length and other.start < one.start + one.length


def _pick(sentence: Sentence, place: Place, settings: Settings, seed: int, meaning: Meaning | None) -> str | None:
    """One option by chance, the usual ones more often; of those that keep the meaning where that is asked for."""
    options = sorted(range(len(place.options)), key=lambda n: _lateness(place, n, seed))
    if meaning is None or settings.min_similarity is None:
        return place.options[options[0]]
    trials = [_with_all(sentence, [(place, place.options[n])]).text() for n in options]
    found = meaning(sentence.text(), trials)
    return next((place.options[n] for n, s in zip(options, found, strict=True) if s >= settings.min_similarity), None)


def _lateness(place: Place, option: int, seed: int) -> float:
    """Smallest first draws options in proportion to their weights (Efraimidis and Spirakis 2006)."""
    chance = (derive_seed("option", seed, place.start, place.options[option]) + 1) / (2**31 + 1)
    return -math.log(chance) / math.sqrt(1 + place.weights[option])


def _with_all(sentence: Sentence, taken: Sequence[tuple[Place, str]]) -> Sentence:
    made = sentence.copy()
    for place, option in sorted(taken, key=lambda pair: -pair[0].start):
        made.words[place.start : place.start + place.length] = [option]
        del made.gaps[place.start + 1 : place.start + place.length]
        del made.locked[place.start + 1 : place.start + place.length]
        _mend_article(made, place.start, option)
    return made


def _mend_article(sentence: Sentence, start: int, option: str) -> None:
    before = sentence.words[start - 1] if start else ""
    if before.lower() in ("a", "an") and not sentence.is_cut_before(start):
        sentence.words[start - 1] = dress_like(article_for(option), before)


def _written(sentence: Sentence, place: Place) -> str:
    return " ".join(sentence.words[place.start : place.start + place.length])


def _insertions(outlook: Outlook) -> list[str]:
    """Words to add: synonyms of the text's own, in their places' forms."""
    for bar in BARS:
        found = [option.lower() for place in outlook.places(bar) for option in place.options]
        if found:
            return found
    return []
