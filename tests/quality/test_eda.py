"""Changed copies of real rows, the control that costs nothing."""

from __future__ import annotations

import numpy as np
import pytest

from synthgen.errors import JobError
from synthgen.quality import eda
from synthgen.quality.eda import Copier, open_copier
from tests.augment.thesauri import LEXICON

TEXTS = ["I bought the wrong card", "die Karte fehlt noch"]


def copies(copier: Copier, count: int = 6) -> list[str]:
    return copier.copies(TEXTS, count, np.random.default_rng(3))


def test_copies_with_a_thesaurus_are_synonyms_and_say_so() -> None:
    """Synonyms where there are any, scrambled where there are none; the description counts both."""
    copier = Copier(LEXICON)
    made = copies(copier)
    assert {"purchased", "incorrect"} & set(" ".join(made[::2]).split())
    assert all(set(text.split()) <= set(TEXTS[1].split()) for text in made[1::2])
    assert "word-list" in copier.description
    assert "3 of 6 scrambled" in copier.description
    assert made == copies(Copier(LEXICON))


def test_copies_without_a_thesaurus_are_scrambled_and_say_so() -> None:
    """The words of the row in another order, number or without one."""
    copier = Copier(None)
    for made, text in zip(copies(copier), TEXTS * 3, strict=True):
        assert set(made.split()) <= set(text.split())
    assert "no synonyms" in copier.description
    assert copier.copies([], 3, np.random.default_rng(0)) == []


def test_copier_opens_without_wordnet_or_with_damaged_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """No data, or data that cannot be read, is no reason to fail."""
    monkeypatch.setattr(eda, "has_wordnet", lambda: False)
    assert "no synonyms" in open_copier().description

    def fail() -> None:
        raise JobError("damaged")

    monkeypatch.setattr(eda, "has_wordnet", lambda: True)
    monkeypatch.setattr(eda, "open_wordnet", fail)
    assert "no synonyms" in open_copier().description
