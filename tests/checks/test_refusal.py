"""What a model says when it refuses, and what real people say that sounds like it."""

from __future__ import annotations

import pytest

from synthgen.checks.refusal import Refusal
from synthgen.records import Reason
from tests.checks.conftest import MakeRow

REFUSALS = [
    "As an AI language model, I cannot have a bank card.",
    "as a large language model i don't use cards",
    "I'm just an AI and do not own a card.",
    "I’m sorry, but I can’t assist with that request.",
    "I'm sorry, but I cannot fulfill this request.",
    "I'm unable to assist with changing your card.",
    "Sorry, I can't help you with that.",
    "I won't engage in creating harmful content.",
    "I am not able to generate messages that contain personal data.",
    "I cannot provide you with any such information.",
    "That would go against my programming.",
    "My knowledge cutoff is 2023.",
    "I don't have personal opinions or feelings.",
    "Como modelo de lenguaje, no tengo tarjetas.",
    "Lo siento, pero no puedo ayudarte con eso.",
    "En tant qu'IA, je ne possède pas de carte.",
    "Je suis désolé, mais je ne peux pas répondre à cette demande.",
    "Als KI habe ich keine Karte.",
    "Es tut mir leid, aber ich kann Ihnen dabei leider nicht helfen.",
]
PEOPLE = [
    "I'm sorry, but I can't find my card.",
    "Sorry, I can't help you on this.",
    "I cannot provide my passport, it was stolen.",
    "I can't write down the number, the line was bad.",
    "I am unable to create an account.",
    "Can your assistant help me?",
    "As a customer I expect more.",
    "I can't do that in the app, why?",
    "I won't pay this fee.",
    "Lo siento, no puedo encontrar mi tarjeta.",
    "Je suis désolé, je ne peux pas payer avec ma carte.",
    "Als Kunde kann ich die Karte nicht finden.",
    "Ich kann meine Karte leider nicht finden.",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_refusal_finds_the_models_own_words(row: MakeRow, text: str) -> None:
    """The phrase in the evidence stands in the text, where it says."""
    rejection = Refusal().judge(row(text))
    assert rejection is not None
    assert rejection.reason is Reason.REFUSAL
    phrase, at = rejection.evidence["phrase"], rejection.evidence["at"]
    assert text[at : at + len(phrase)] == phrase


@pytest.mark.parametrize("text", PEOPLE)
def test_refusal_leaves_people_alone(row: MakeRow, text: str) -> None:
    """A sorry or helpless customer is what the data is about."""
    assert Refusal().judge(row(text)) is None
