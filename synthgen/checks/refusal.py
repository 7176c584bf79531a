"""The model refuses, or speaks of itself as a model, where a row was asked for.

A real customer is sorry, too ("I'm sorry, but I can't find my card", "Sorry, I can't help you on this"), so an
apology alone never counts: what counts is what the speaker cannot do. No hit on 30,889 real rows (banking77,
sms_spam, msbot_lu in four languages; tests/checks/test_real_rows.py holds it).
"""

from __future__ import annotations

from typing import Literal

from synthgen.checks.phrase import Phrases
from synthgen.checks.protocol import Setting
from synthgen.job.checks import TextCheck
from synthgen.records import Candidate, Reason, Rejection

_MODEL = r"(?:ai|a\.i\.|artificial intelligence|(?:large )?language model|chat ?bot|virtual assistant|llm)"
_CANNOT = (
    r"(?:i (?:can(?:no|')?t|can not|am unable to|am not able to|won't|will not|must decline to|have to decline to"
    r"|need to decline to)|i'm (?:unable|not able) to)"
)
_PRODUCT = r"(?:contents?|texts?|messages?|examples?|sentences?|requests?|responses?|outputs?|materials?|advice)"
_MODEL_ES = r"(?:ia|inteligencia artificial|modelo de lenguaje|asistente (?:virtual|de ia))"
_MODEL_FR = r"(?:ia|intelligence artificielle|mod[eè]le (?:de langage|linguistique)|assistant (?:virtuel|ia))"
_MODEL_DE = r"(?:ki|ki-\w+|k[uü]nstliche intelligenz|(?:gro(?:ß|ss)es )?sprachmodell|virtueller assistent)"
_CANNOT_FR = r"je ne (?:peux|suis) pas (?:en mesure de )?"

_RULES = {
    "as_a_model": [rf"\b(?:as|being) an? (?:\w+ )?{_MODEL}\b"],
    "i_am_a_model": [rf"\bi(?:'m| am) (?:only |just |simply )?an? (?:\w+ )?{_MODEL}\b"],
    "cannot_do_the_task": [
        rf"\b{_CANNOT} (?:assist|comply)\b",
        rf"\b{_CANNOT} help (?:you )?with (?:that|this|your request)\b",
        rf"\b{_CANNOT} fulfil+ (?:that|this|your|the)\b",
        rf"\b{_CANNOT} (?:engage|participate) in\b",
        rf"\b{_CANNOT} (?:discuss|support|condone|promote) that\b",
        rf"\b{_CANNOT} (?:provide|share|give) (?:you )?(?:with )?(?:that|this|any|any such|such) (?:info|kind)",
        rf"\b{_CANNOT} (?:create|write|produce|provide|generate|share|offer) [^.!?\n]{{0,40}}?\b{_PRODUCT}\b",
    ],
    "against_my_rules": [
        r"\b(?:against|violates?|outside|not within) (?:my|our|openai's) (?:\w+ )?"
        r"(?:programming|guidelines|content polic(?:y|ies)|usage polic(?:y|ies)|ethic(?:s|al)|capabilities as)",
    ],
    "my_training": [r"\bmy (?:training data|knowledge cut-?off|programming|last (?:knowledge )?update)\b"],
    "no_feelings": [r"\bi (?:do not|don't) have (?:personal |any )?(?:opinions|feelings|emotions|beliefs|real-time)\b"],
    "es": [
        rf"\bcomo (?:una? )?{_MODEL_ES}\b",
        rf"\bsoy (?:solo )?una? {_MODEL_ES}\b",
        r"\bno puedo (?:ayudar|asistir)(?:te|le)? con (?:es[aeo]|est[aeo])\b",
        r"\bno puedo cumplir con (?:es[aeo]|est[aeo]|tu|su)\b",
        r"\bno puedo (?:proporcionar|generar|crear|escribir) (?:es[aeo] |ese tipo de )?(?:contenido|mensajes|ejemplos)",
    ],
    "fr": [
        rf"\ben tant qu(?:'|e )(?:une? )?{_MODEL_FR}\b",
        rf"\bje suis une? {_MODEL_FR}\b",
        rf"\b{_CANNOT_FR}(?:vous |t')?aider (?:avec|dans|sur) (?:cela|[cç]a|ce|cette)\b",
        rf"\b{_CANNOT_FR}(?:r[eé]pondre|acc[eé]der) [aà] (?:cette|votre|ta) (?:demande|requ[eê]te)",
        rf"\b{_CANNOT_FR}(?:g[eé]n[eé]rer|fournir|cr[eé]er|produire) (?:de|ce|du|des|cette?)\b",
    ],
    "de": [
        rf"\bals (?:eine? )?{_MODEL_DE}\b",
        rf"\bich bin (?:nur )?eine? {_MODEL_DE}\b",
        r"\bich kann (?:ihnen|dir) (?:dabei|damit|hierbei|bei dieser anfrage) (?:leider )?nicht (?:weiter)?helfen\b",
        r"\bich kann (?:diese|ihre|deine) (?:anfrage|bitte) (?:leider )?nicht (?:erf[uü]llen|bearbeiten|beantworten)\b",
        r"\bich kann (?:leider )?(?:keine|solche) (?:\w+ ){0,3}(?:erstellen|generieren|verfassen|bereitstellen)\b",
    ],
}


class RefusalCheck(TextCheck):
    """ "As an AI language model, I cannot ..." """

    check: Literal["refusal"]

    def build(self, setting: Setting) -> Refusal:
        return Refusal()


class Refusal:
    """Rejects texts in which the assistant refuses, names its rules, or says what it is."""

    name = "refusal"
    cost = 50

    def __init__(self) -> None:
        self._phrases = Phrases(_RULES)

    def judge(self, candidate: Candidate) -> Rejection | None:
        evidence = self._phrases.find(candidate.text)
        return None if evidence is None else Rejection(Reason.REFUSAL, evidence)
