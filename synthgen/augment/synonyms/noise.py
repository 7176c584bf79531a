"""Random insertion, swap and deletion of words (after Wei and Zou 2019). Locked words and negations stay."""

from __future__ import annotations

from collections.abc import Sequence

from synthgen.augment.synonyms.function_words import NEGATIONS
from synthgen.augment.synonyms.sentence import Sentence, dress_like
from synthgen.identity import derive_seed


def insert_words(sentence: Sentence, offered: Sequence[str], count: int, seed: int) -> Sentence:
    """`count` of the offered words at places drawn by chance; unchanged where none is offered."""
    made = sentence.copy()
    for number in range(count if offered and sentence.words else 0):
        word = offered[derive_seed("inserted", seed, number) % len(offered)]
        place = 1 + derive_seed("at", seed, number) % len(made.words)
        made.words.insert(place, word)
        made.gaps.insert(place, " ")
        made.locked.insert(place, False)
    return made


def swap_words(sentence: Sentence, count: int, seed: int) -> Sentence:
    """`count` swaps of two words that differ; capitals and punctuation stay at their places."""
    made = sentence.copy()
    for number in range(count):
        free = _free(made)
        if len(free) < 2:
            break
        one = free[derive_seed("swapped", seed, number) % len(free)]
        others = [n for n in free if made.words[n].lower() != made.words[one].lower()]
        if not others:
            break
        other = others[derive_seed("with", seed, number) % len(others)]
        first, second = made.words[one], made.words[other]
        made.words[one], made.words[other] = _recast(second, first), _recast(first, second)
    return made


def delete_words(sentence: Sentence, count: int, seed: int) -> Sentence:
    """`count` words fewer, but never the last one left."""
    made = sentence.copy()
    for number in range(count):
        free = _free(made)
        if not free or len(made.words) < 2:
            break
        _delete(made, free[derive_seed("deleted", seed, number) % len(free)])
    return made


def _free(sentence: Sentence) -> list[int]:
    return [
        n
        for n, word in enumerate(sentence.words)
        if not sentence.locked[n] and word.lower().replace("’", "'") not in NEGATIONS
    ]


def _recast(word: str, model: str) -> str:
    """`I` stays `I`; any other word takes the capitals of the one whose place it takes."""
    if word == "I" or word.startswith(("I'", "I’")):
        return word
    return dress_like(word if word.isupper() and len(word) > 1 else word.lower(), "x" if model == "I" else model)


def _delete(sentence: Sentence, place: int) -> None:
    word, before, after = sentence.words[place], sentence.gaps[place], sentence.gaps[place + 1]
    starts = sentence.starts_sentence(place)
    joined = before + after.lstrip(" ") if before.endswith(" ") or not before else before.rstrip(" ") + after
    sentence.gaps[place : place + 2] = [joined]
    del sentence.words[place], sentence.locked[place]
    if starts and place < len(sentence.words):
        sentence.words[place] = dress_like(sentence.words[place], word)
