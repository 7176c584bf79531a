"""The assistant's own words around or instead of the data, and the agent's voice where a customer's was asked for.

Of 30,889 real rows two are hit, copies of one message that begins "Message:some text missing"
(tests/checks/test_real_rows.py holds it). Of 40 answers of SmolLM2-135M to "Write 5 different messages about ...",
each taken as one text, 36 are (2026-11-21).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Literal

from synthgen.checks.phrase import Phrases
from synthgen.checks.protocol import Setting
from synthgen.job.checks import TextCheck
from synthgen.records import Candidate, Reason, Rejection
from synthgen.text import straighten

_YES = r"(?:sure(?: thing)?|certainly|of course|absolutely|definitely|ok(?:ay)?|alright|great|understood|got it)"
_COUNT = r"(?:\d+|two|three|four|five|six|seven|eight|nine|ten|some|a few|several|more|additional)"
_THING = (
    r"(?:examples?|messages?|sentences?|questions?|quer(?:y|ies)|texts?|items?|rows?|samples?|variations?|versions?"
    r"|paraphrases?|rewrit\w+|responses?|answers?|utterances?|list|output|inquir(?:y|ies)|enquir(?:y|ies)|prompts?"
    r"|instructions?|alternatives?|options|reviews?|e-?mails?|translations?|dialogues?|conversations?)"
)
_SPEAKER = (
    r"(?:user|customer|client|assistant|agent|bot|chatbot|human|system|support|representative|subject|body|response"
    r"|answer|question|output|input|label|intent|category|class|text|message|query|example|sentence|prompt|title"
    r"|instruction|rewritten|paraphrased?|translation|ai)"
)
_WE_WILL = r"(?:i|we)(?:'d| would|'ll| will|'m| am|'re| are)"
_THANKS = r"thank(?:s| you) (?:so much |very much )?for"
_IF_YOU = r"let (?:me|us) know if you(?:'d| would)? (?:like|need|want|have)"
_THE_CUSTOMER = r"\A\W*(?:the|an?|this) (?:\w+ )?(?:customer|user|client)"
_TELLS = r"(?:are|is|reflects?|shows?|demonstrates?|captures?|covers?|expresses|conveys)"

_RULES = {
    "announcement": [
        rf"\A\W*{_YES}[!,.:]* (?:here(?:'s| is| are| you go)|below|let me)\b",
        rf"\A\W*{_YES}[!,.:]* i(?:'d| would) be (?:happy|glad)\b",
        rf"\A\W*{_YES}[!,.:]* i(?:'ll| will| can) (?:generate|create|write|provide|help|assist|rewrite)\b",
        r"\A\W*certainly!",
    ],
    "here_is": [
        rf"\A\W*(?:here(?:'s| is| are)|below (?:is|are)|the following (?:is|are)) [^.!?\n]{{0,80}}?\b{_THING}\b"
        r"[^.!?\n]{0,60}:",
        rf"\A\W*(?:here are|below are|these are|the) {_COUNT} (?:[\w-]+ ){{0,3}}{_THING}\b",
        rf"\b{_THING} (?:\w+ )?like (?:this|these|the following)?\W{{0,2}}:",
    ],
    "speaker_label": [
        rf"^\W{{0,4}}(?:(?:new|real|sample|possible|{_SPEAKER}) )?{_SPEAKER}(?:'s)?\s*(?:#?\d{{1,3}}\s*)?"
        r"\W{0,2}:(?!//)",
        rf"\A\W{{0,4}}(?:{_SPEAKER}|item|variation|version|option|review|turn) #?\d{{1,3}}\b",
    ],
    "markdown": [
        r"^#{1,6}[^\S\n]\S",
        r"^```",
        r"^(?:-{3,}|={3,}|\*{3,})\s*$",
        r"^\*\*[^*\n]{1,60}(?:\*\*\s*(?::|$)|:\*\*)",
    ],
    "list": [
        r"^\W{0,3}1[.):]\s[\s\S]{0,2000}?^\W{0,3}2[.):]\s",
        r"(?:^[^\S\n]*[-*•][^\S\n]\S.*\n+){2}[^\S\n]*[-*•][^\S\n]\S",
    ],
    "dear_customer": [r"\bdear (?:valued |loyal |esteemed )?(?:customer|client|user|cardholder|account holder)s?\b"],
    "thank_you_for_contacting": [
        rf"\b{_THANKS} (?:contacting|reaching out|getting in touch|choosing|banking with|bringing this)\b",
        rf"\b{_THANKS} your (?:inquiry|enquiry|patience|understanding|feedback|interest)\b",
    ],
    "offer_of_help": [
        r"\bhow (?:can|may|could) (?:i|we) (?:help|assist|be of)\b",
        rf"\b{_WE_WILL} (?:be )?(?:more than )?(?:happy|glad|pleased|here) to (?:help|assist)\b",
        r"\b(?:i|we)\b[^.!?\n]{0,30}\bassist(?:ing)? you\b",
        r"\banything else (?:i|we) (?:can|could|may) (?:help|assist|do for)\b",
    ],
    "courtesy": [
        r"\bapologi[sz]e for (?:the|any|this) (?:\w+ )?(?:inconvenience|confusion|delay|trouble|misunderstanding)",
        r"\b(?:i'm|i am|we're|we are) (?:so |very )?sorry to hear\b",
        r"\b(?:do not|don't) hesitate to (?:contact|reach|ask|call|let)\b",
        r"\bfeel free to (?:contact us|reach out|ask (?:me|us|if))\b",
        rf"\b{_IF_YOU} (?:me to|more|another|further|additional)\b",
        rf"\b{_IF_YOU} any (?:more|further|other|additional|questions|changes)\b",
        r"\bour (?:customer )?(?:service|support|care) (?:team|representatives?|department) (?:will|is|can|are)\b",
    ],
    "about_the_text": [
        rf"\b(?:these|the above|this) {_THING} {_TELLS}\b[^.\n]{{0,60}}"
        r"\b(?:customer|user|label|intent|class|category|tone|style)\b",
        rf"{_THE_CUSTOMER} (?:also )?(?:could|might|can|may|would|wants?|asks?)\b",
        rf"{_THE_CUSTOMER} (?:is (?:asking|trying|looking|requesting)|says|states)\b",
        r"^\W{0,3}note:",
        rf"\bi hope (?:this|these|that) (?:(?:will )?helps?|{_THING})\b",
    ],
}


class ChatterCheck(TextCheck):
    """ "Sure, here is ...": the assistant's own words instead of the data."""

    check: Literal["chatter"]

    def build(self, setting: Setting) -> Chatter:
        return Chatter()


class Chatter:
    """Rejects announcements, speaker labels, markdown, lists, courtesies, and an echo of the class's name."""

    name = "chatter"
    cost = 60

    def __init__(self) -> None:
        self._phrases = Phrases(_RULES)

    def judge(self, candidate: Candidate) -> Rejection | None:
        evidence = self._phrases.find(candidate.text) or _label_echo(candidate)
        return None if evidence is None else Rejection(Reason.CHATTER, evidence)


def _label_echo(candidate: Candidate) -> dict[str, Any] | None:
    """The text begins with its own class as a heading: `card_arrival: ...`, `[Card arrival] ...`."""
    heading = _heading(candidate.label)
    found = heading.match(straighten(candidate.text)) if heading is not None else None
    return None if found is None else {"rule": "label_echo", "phrase": found[0], "at": 0}


@lru_cache(maxsize=1024)
def _heading(label: str) -> re.Pattern[str] | None:
    """A class's name as a heading; None where it has no words."""
    words = [re.escape(word) for word in re.split(r"[\W_]+", label) if word]
    if not words:
        return None
    name = r"[\W_]{1,2}".join(words)
    return re.compile(
        rf"\A\s*(?:[\[(*\"'#]{{1,3}}\s*{name}\s*[\])*\"']{{1,3}}\s*[:\-]?|{name}\s*(?:[:|]|\s-\s|\n))", re.IGNORECASE
    )
