"""Pairs of texts whose only difference is a negation or a number: near by every measure, and not the same.

Works on normal forms, word by word. A difference that it does not know is a difference: when in doubt, a pair is none.
"""

from __future__ import annotations

import re

# In normal forms apostrophes are gone: "can't" is "cant".
_NEGATED = re.compile(
    r"(?:do|does|did|is|are|was|were|has|have|had|would|should|could|must|need)nt|cant|cannot|wont|aint"
)
_POSITIVE = {"cant": "can", "cannot": "can", "wont": "will", "aint": "is"}
_NEGATING = (  # English, Spanish, French, German
    "not no never without none nobody nothing neither nor"
    " nunca sin jamás tampoco nada ni ne pas jamais sans rien aucun aucune non"
    " nicht kein keine keinen keinem keiner nie niemals ohne nichts"
)
_NEGATIONS = frozenset(_NEGATING.split())
_AUXILIARIES = frozenset(["do", "does", "did"])
_COUNTING = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million first second"
    " third fourth fifth once twice"
)
_NUMBER_WORDS = frozenset(_COUNTING.split())
_DIGIT = re.compile(r"\d")


def is_contrast(one: str, other: str) -> bool:
    """Whether two texts in normal form say the same but for negations or numbers, and differ in these."""
    bare, said = _taken_apart(one)
    other_bare, other_said = _taken_apart(other)
    return bare == other_bare and said != other_said


def _taken_apart(normalised_text: str) -> tuple[list[str], list[str]]:
    """The words with numbers blanked and negations left out, and what was blanked and left out."""
    bare: list[str] = []
    said: list[str] = []
    for word in normalised_text.split():
        if _NEGATED.fullmatch(word):
            said.append("not")
            verb = _POSITIVE.get(word, word.removesuffix("nt"))
            bare += [] if verb in _AUXILIARIES else [verb]
        elif word in _NEGATIONS:
            said.append("not")
            if bare and bare[-1] in _AUXILIARIES:
                bare.pop()
        elif word in _NUMBER_WORDS or _DIGIT.search(word):
            said.append(word)
            bare.append("#")
        else:
            bare.append(word)
    return bare, said
