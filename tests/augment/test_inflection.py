"""Inflection both ways."""

from __future__ import annotations

import pytest

from synthgen.augment.synonyms.inflection import Form, Reading, analyse, article_for, inflect
from synthgen.augment.synonyms.thesaurus import Pos


@pytest.mark.parametrize(
    ("lemma", "form", "wanted"),
    [
        ("buy", Form.PAST, "bought"),
        ("take", Form.PARTICIPLE, "taken"),
        ("purchase", Form.GERUND, "purchasing"),
        ("transfer", Form.PAST, "transferred"),
        ("offer", Form.PAST, "offered"),
        ("visit", Form.GERUND, "visiting"),
        ("stop", Form.GERUND, "stopping"),
        ("cancel", Form.PAST, "cancelled"),
        ("see", Form.GERUND, "seeing"),
        ("die", Form.GERUND, "dying"),
        ("fix", Form.PAST, "fixed"),
        ("stay", Form.PAST, "stayed"),
        ("try", Form.THIRD, "tries"),
        ("go", Form.THIRD, "goes"),
        ("call off", Form.PAST, "called off"),
        ("company", Form.PLURAL, "companies"),
        ("tax", Form.PLURAL, "taxes"),
        ("child", Form.PLURAL, "children"),
        ("mobile phone", Form.PLURAL, "mobile phones"),
        ("rate of exchange", Form.PLURAL, "rates of exchange"),
        ("big", Form.COMPARATIVE, "bigger"),
        ("happy", Form.SUPERLATIVE, "happiest"),
        ("simple", Form.COMPARATIVE, "simpler"),
        ("expensive", Form.COMPARATIVE, "more expensive"),
        ("quickly", Form.SUPERLATIVE, "most quickly"),
    ],
)
def test_inflect_writes_the_usual_form(lemma: str, form: Form, wanted: str) -> None:
    """Regular and irregular forms, doubled letters, and phrases at the word that English changes."""
    assert inflect(lemma, form) == wanted


@pytest.mark.parametrize(
    ("word", "lemma", "pos", "form"),
    [
        ("bought", "buy", "v", Form.PAST),
        ("transferring", "transfer", "v", Form.GERUND),
        ("canceled", "cancel", "v", Form.PAST),
        ("cancelled", "cancel", "v", Form.PARTICIPLE),
        ("tries", "try", "v", Form.THIRD),
        ("making", "make", "v", Form.GERUND),
        ("cards", "card", "n", Form.PLURAL),
        ("boxes", "box", "n", Form.PLURAL),
        ("people", "person", "n", Form.PLURAL),
        ("cheaper", "cheap", "a", Form.COMPARATIVE),
        ("easiest", "easy", "a", Form.SUPERLATIVE),
        ("put", "put", "v", Form.PARTICIPLE),
    ],
)
def test_analyse_finds_the_base_form(word: str, lemma: str, pos: Pos, form: Form) -> None:
    """Each form leads back to its base, in either spelling."""
    assert Reading(lemma, pos, form) in analyse(word, lambda base, part: (base, part) == (lemma, pos))


@pytest.mark.parametrize("word", ["string", "bed", "thing", "red", "bus", "this", "number"])
def test_analyse_takes_no_ending_off_that_is_none(word: str) -> None:
    """A word that only looks inflected has no reading beyond itself."""
    every = analyse(word, lambda base, part: base == word)
    assert {reading.lemma for reading in every} <= {word}


@pytest.mark.parametrize("form", [f for f in Form if f is not Form.BASE])
@pytest.mark.parametrize(
    "lemma", ["pay", "buy", "cancel", "stop", "carry", "quick", "happy", "church", "wife", "agree"]
)
def test_analyse_undoes_inflect(lemma: str, form: Form) -> None:
    """What is written can be read again."""
    made = inflect(lemma, form)
    if " " not in made and made != lemma:
        assert lemma in {reading.lemma for reading in analyse(made, lambda base, part: base == lemma)}


@pytest.mark.parametrize(
    ("word", "article"),
    [
        ("hour", "an"),
        ("university", "a"),
        ("error", "an"),
        ("European", "a"),
        ("one-time", "a"),
        ("mistake", "a"),
        ("unusual", "an"),
    ],
)
def test_article_follows_the_sound(word: str, article: str) -> None:
    """`a` or `an` by sound, not by letter."""
    assert article_for(word) == article
