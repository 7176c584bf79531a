"""English inflection both ways: a word to its possible base forms, a base form to the form that is wanted.

Analysis is synthesis turned round: a base form is a possible one where its own inflection gives the word back. So both
ways agree, and what cannot be made is never claimed to be understood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from synthgen.augment.synonyms.irregular import COMPARED, DOUBLING, NOT_DOUBLING, PLURALS, VERBS
from synthgen.augment.synonyms.thesaurus import POS, Pos

_VOWELS = frozenset("aeiou")
_SIBILANT = ("s", "x", "z", "ch", "sh")
# vowel letters that sound like a consonant at the start of a word, and the other way round
_SOUNDS_CONSONANT = ("uni", "use", "usu", "uti", "eu", "one", "once", "ubi", "ura")
_SOUNDS_VOWEL = ("hour", "honest", "honour", "honor", "heir")
_VOWEL_AFTER_ALL = ("unim", "unin", "unid", "unus")  # un-: unimportant, uninstalled, unusual


class Form(StrEnum):
    """Which form of its base a word is."""

    BASE = "base"
    PLURAL = "plural"
    THIRD = "third"  # she pays
    PAST = "past"
    PARTICIPLE = "participle"  # has paid
    GERUND = "gerund"  # paying
    COMPARATIVE = "comparative"
    SUPERLATIVE = "superlative"


FORMS: dict[Pos, tuple[Form, ...]] = {
    "n": (Form.PLURAL,),
    "v": (Form.THIRD, Form.PAST, Form.PARTICIPLE, Form.GERUND),
    "a": (Form.COMPARATIVE, Form.SUPERLATIVE),
    "r": (Form.COMPARATIVE, Form.SUPERLATIVE),
}
Knows = Callable[[str, Pos], bool]


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to understand a word."""

    lemma: str
    pos: Pos
    form: Form


def inflect(lemma: str, form: Form) -> str:
    """`lemma` in `form`. A phrase is inflected where English does: a verb at its first word, anything else at its last.

    A long adjective takes `more` or `most` before it.
    """
    return _spellings(lemma, form)[0]


def analyse(word: str, knows: Knows, parts: Sequence[Pos] = POS) -> list[Reading]:
    """Every reading of a word in lower case whose base form is known.

    Args:
        word: In lower case.
        knows: Whether the thesaurus has a base form as that part of speech.
        parts: Parts of speech to look at.
    """
    found = [Reading(word, pos, Form.BASE) for pos in parts if knows(word, pos)]
    for pos in parts:
        for form in FORMS[pos]:
            bases = (base for base in _bases(word, form) if base != word and word in _spellings(base, form))
            found += [Reading(base, pos, form) for base in bases if knows(base, pos)]
    if "v" in parts:
        found += _unchanged_past(word, knows)
    return list(dict.fromkeys(found))


def article_for(word: str) -> str:
    """`a` or `an`, by how the word starts to sound (a guess from its spelling)."""
    word = word.casefold()
    if word.startswith(_SOUNDS_VOWEL) or word.startswith(_VOWEL_AFTER_ALL):
        return "an"
    return "an" if word[:1] in _VOWELS and not word.startswith(_SOUNDS_CONSONANT) else "a"


@lru_cache(maxsize=16_384)
def _spellings(lemma: str, form: Form) -> tuple[str, ...]:
    """How `form` may be spelled, the usual one first."""
    if form is Form.BASE:
        return (lemma,)
    head, _, tail = lemma.partition(" ")
    if tail and form in FORMS["v"]:
        return tuple(f"{made} {tail}" for made in _spellings(head, form))
    if " of " in lemma:
        head, _, tail = lemma.partition(" of ")
        return tuple(f"{made} of {tail}" for made in _spellings(head, form))
    before, _, last = lemma.rpartition(" ")
    made = _one_word(last, form)
    return tuple(f"{before} {word}" for word in made) if before else made


def _one_word(lemma: str, form: Form) -> tuple[str, ...]:
    if form is Form.PLURAL:
        return tuple(PLURALS[lemma][0]) if lemma in PLURALS else (_add_s(lemma),)
    if form is Form.THIRD:
        return (_THIRD[lemma],) if lemma in _THIRD else (_add_s(lemma),)
    if form in (Form.PAST, Form.PARTICIPLE):
        if lemma in VERBS:
            return tuple(VERBS[lemma][0 if form is Form.PAST else 1])
        return _add_ed(lemma)
    if form is Form.GERUND:
        return _add_ing(lemma)
    return _compare(lemma, form)


_THIRD = {"be": "is", "have": "has", "do": "does", "go": "goes", "undergo": "undergoes", "outdo": "outdoes"}


def _add_s(word: str) -> str:
    if word.endswith("y") and word[-2:-1] not in _VOWELS:
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(_SIBILANT) else "s")


def _add_ed(word: str) -> tuple[str, ...]:
    if word.endswith("e"):
        return (word + "d",)
    if word.endswith("y") and word[-2:-1] not in _VOWELS:
        return (word[:-1] + "ied",)
    return _doubled_or_not(word, "ed")


def _add_ing(word: str) -> tuple[str, ...]:
    if word.endswith("ie"):
        return (word[:-2] + "ying",)
    if word.endswith("e") and not word.endswith(("ee", "oe", "ye")) and len(word) > 2:
        return (word[:-1] + "ing",)
    return _doubled_or_not(word, "ing")


def _doubled_or_not(word: str, ending: str) -> tuple[str, ...]:
    if word.endswith("c") and word[-2:-1] in _VOWELS:
        return (word + "k" + ending,)  # panicked
    plain = word + ending
    if not _ends_cvc(word):
        return (plain,)
    doubled = word + word[-1] + ending
    if _doubles(word):
        return (doubled, plain) if word.endswith("l") else (doubled,)
    return (plain, doubled) if word.endswith(("l", "s")) else (plain,)


def _compare(word: str, form: Form) -> tuple[str, ...]:
    if word in COMPARED:
        return tuple(COMPARED[word][0 if form is Form.COMPARATIVE else 1])
    ending, adverb = ("er", "more") if form is Form.COMPARATIVE else ("est", "most")
    if word.endswith("y") and _syllables(word) <= 2 and not word.endswith("ly"):
        return (word[:-1] + "i" + ending,)
    if word in ("early", "likely", "friendly", "lonely", "lively", "ugly", "easy"):
        return (word[:-1] + "i" + ending,)
    if _syllables(word) > 1 and not word.endswith(("le", "ow")):
        return (f"{adverb} {word}",)
    if word.endswith("e"):
        return (word + ending[1:],)
    return (word + word[-1] + ending,) if _ends_cvc(word) and word[-1] not in "wxy" else (word + ending,)


def _doubles(word: str) -> bool:
    if word in NOT_DOUBLING:
        return False
    return word in DOUBLING or _syllables(word) == 1


def _ends_cvc(word: str) -> bool:
    if len(word) < 3 or word[-1] in _VOWELS or word[-1] in "wxyh" or word[-2] not in _VOWELS:
        return False
    return word[-3] not in _VOWELS or (word[-3:-1] in ("ui", "ua") and word[-4:-3] == "q")


def _syllables(word: str) -> int:
    """Groups of vowels, a silent e at the end not counted: a guess that is right for most words."""
    stem = word[:-1] if word.endswith("e") and not word.endswith("le") else word
    groups, was_vowel = 0, False
    for number, letter in enumerate(stem):
        is_vowel = letter in _VOWELS or (letter == "y" and number > 0)
        groups += is_vowel and not was_vowel
        was_vowel = is_vowel
    return max(1, groups)


def _bases(word: str, form: Form) -> Iterator[str]:
    """What `word` may be `form` of, right and wrong ones."""
    yield from _IRREGULAR.get((word, form), ())
    if form in (Form.PLURAL, Form.THIRD) and word.endswith("s"):
        yield word[:-1]
        if word.endswith("es"):
            yield word[:-2]
        if word.endswith("ies"):
            yield word[:-3] + "y"
    elif form in (Form.PAST, Form.PARTICIPLE) and word.endswith("ed"):
        yield word[:-1]
        if word.endswith("ied"):
            yield word[:-3] + "y"
        yield from _stems(word[:-2])
    elif form is Form.GERUND and word.endswith("ing"):
        yield word[:-3] + "e"
        if word.endswith("ying"):
            yield word[:-4] + "ie"
        yield from _stems(word[:-3])
    elif form in (Form.COMPARATIVE, Form.SUPERLATIVE) and word.endswith(("er", "est")):
        stem = word.removesuffix("er" if form is Form.COMPARATIVE else "est")
        yield from (stem, stem + "e", stem[:-1] + "y" if stem.endswith("i") else stem)
        yield from _stems(stem)


def _stems(stem: str) -> Iterator[str]:
    yield stem
    if len(stem) > 2 and (stem[-1] == stem[-2] or stem.endswith("ck")):
        yield stem[:-1]


def _unchanged_past(word: str, knows: Knows) -> Iterator[Reading]:
    """`put`, `cost`: the past looks like the base."""
    if word in VERBS and knows(word, "v"):
        for form, spelled in zip((Form.PAST, Form.PARTICIPLE), VERBS[word], strict=True):
            if word in spelled:
                yield Reading(word, "v", form)


def _reversed() -> dict[tuple[str, Form], tuple[str, ...]]:
    made: dict[tuple[str, Form], list[str]] = {}
    tables = (
        (VERBS, (Form.PAST, Form.PARTICIPLE)),
        (PLURALS, (Form.PLURAL,)),
        (COMPARED, (Form.COMPARATIVE, Form.SUPERLATIVE)),
    )
    for table, forms in tables:
        for base, spelled in table.items():
            for form, words in zip(forms, spelled, strict=True):
                for word in words:
                    made.setdefault((word, form), []).append(base)
    for base, word in _THIRD.items():
        made.setdefault((word, Form.THIRD), []).append(base)
    return {key: tuple(bases) for key, bases in made.items()}


_IRREGULAR = _reversed()
