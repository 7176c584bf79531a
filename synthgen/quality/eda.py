"""Rows made without a model, as a control: synonyms where WordNet is there, else words swapped, deleted and doubled.

After Wei and Zou 2019 (EDA). A row in which no word can be replaced (another language, nothing but names) is scrambled.
Scrambling works on words between spaces, in scripts without spaces on characters.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from synthgen.augment.synonyms import Lexicon, Settings, rewrite
from synthgen.augment.synonyms.wordnet import has_wordnet, open_wordnet
from synthgen.errors import JobError

SYNONYMS_RATIO = 0.2
CHANGED_RATIO = 0.1
OPERATIONS = ("swap", "delete", "double")


def scramble(text: str, rng: np.random.Generator) -> str:
    """One changed copy: one word in ten, at least one, is swapped with another, deleted or said twice elsewhere."""
    glue = " " if len(text.split()) > 1 else ""
    parts = text.split() if glue else list(text)
    if len(parts) < 2:
        return text
    operation = OPERATIONS[rng.integers(len(OPERATIONS))]
    for _ in range(max(1, round(CHANGED_RATIO * len(parts)))):
        _change(parts, operation, rng)
    return glue.join(parts)


def _change(parts: list[str], operation: str, rng: np.random.Generator) -> None:
    one, other = (int(place) for place in rng.permutation(len(parts))[:2]) if len(parts) > 1 else (0, 0)
    if operation == "swap":
        parts[one], parts[other] = parts[other], parts[one]
    elif operation == "double":
        parts.insert(other, parts[one])
    elif len(parts) > 1:
        del parts[one]


class Copier:
    """Makes changed copies of rows and can say how.

    Args:
        lexicon: Knows the synonyms; None scrambles every row.
    """

    def __init__(self, lexicon: Lexicon | None) -> None:
        self._lexicon = lexicon
        self._made = self._reworded = 0

    def copies(self, texts: Sequence[str], count: int, rng: np.random.Generator) -> list[str]:
        """`count` changed copies, every text used equally often; none where there is no text."""
        return [self._copy(texts[i % len(texts)], rng) for i in range(count)] if texts else []

    @property
    def description(self) -> str:
        """What the copies are, for the reader of the figures."""
        if self._lexicon is None or not self._reworded:
            return "scrambled copies of real rows (words swapped, deleted, doubled; no synonyms), as many"
        words = f"copies of real rows with a fifth of the words replaced by synonyms ({self._lexicon.thesaurus.name})"
        left = self._made - self._reworded
        return f"{words}, as many" + (f"; {left:,} of {self._made:,} scrambled, having none" if left else "")

    def _copy(self, text: str, rng: np.random.Generator) -> str:
        self._made += 1
        seed = int(rng.integers(2**31))
        made = rewrite(text, self._lexicon, Settings(ratio=SYNONYMS_RATIO), seed) if self._lexicon else None
        if made is None:
            return scramble(text, rng)
        self._reworded += 1
        return made.text


def open_copier() -> Copier:
    """One with synonyms where WordNet can be read, which takes seconds the first time; else one without."""
    try:
        return Copier(Lexicon(open_wordnet()) if has_wordnet() else None)
    except JobError:  # damaged data is no reason to have no control
        return Copier(None)
