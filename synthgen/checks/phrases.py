"""The assistant speaking instead of the data: refusals and chatter.

The expressions were tried on real customers' texts, who also write "I'm sorry, but I can't find my card"; what they
find there is in `docs/log.md`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from synthgen.records import Candidate, Reason, Rejection

_CANNOT = r"(?:can(?:no|')?t|can ?not|am not able to|'m not able to|am unable to|'m unable to|won't|will not)"
_SERVE = (
    r"(?:assist|fulfil+|comply|generate|provide (?:you )?(?:with )?(?:that|this|such|any)"
    r"|create (?:that|this|such|content)|help (?:you )?with (?:that|this)|engage)"
)

REFUSALS: tuple[str, ...] = (
    r"\bas an? (?:AI|artificial intelligence|(?:large )?language model|virtual assistant|chat ?bot)\b",
    r"\bI(?: a|')m (?:just |only )?an? (?:AI|language model|virtual assistant|chat ?bot)\b",
    rf"\bI {_CANNOT} {_SERVE}\b",
    rf"\bI'm (?:not able|unable) to {_SERVE}\b",
    rf"^\W*(?:I'm |I am )?(?:very |so )?sorry,? (?:but )?I {_CANNOT} (?:{_SERVE}|do that)\b",
    r"\bagainst my (?:programming|guidelines|policy|policies)\b",
    r"\bmy (?:training data|knowledge cut-?off)\b",
    r"\bcomo (?:una )?(?:IA|inteligencia artificial|modelo de lenguaje)\b",
    r"\ben tant qu'?(?:e )?(?:IA|intelligence artificielle|modèle de langage)\b",
    r"\bals (?:KI|künstliche Intelligenz|(?:KI-)?Sprachmodell)\b",
)

CHATTER: tuple[str, ...] = (
    r"^\W*(?:sure|certainly|of course|absolutely|okay|ok|great)\b[\s!,.:]*(?:here(?:'s| is| are)\b|I(?:'d| would) be)",
    r"^\W*here(?:'s| is| are) (?:an?|the|some|your|my|\w+|\d+)\b[^.!?\n]{0,60}"
    r"\b(?:messages?|examples?|rows?|texts?|rewrites?|versions?|paraphrases?|sentences?|responses?|variations?)\b",
    r"^\W*(?:message|example|row|text|response|answer|output|customer|user|assistant|agent|query|intent|label)"
    r"(?: ?#?\d+)? ?:",
    r"^\W*subject ?:",
    r"^\s*(?:#{1,6} |```|\*\*[^*\n]{1,60}\*\* ?:?\s*$)",
    r"^\W*dear (?:valued )?(?:customer|client|user)\b",
    r"\bthank you for (?:contacting|reaching out|your (?:inquiry|enquiry|patience|understanding|message|email))\b",
    r"\b(?:we|I) (?:sincerely )?apologi[sz]e for (?:the|any|this) (?:inconvenience|delay|confusion|issue|trouble)\b",
    r"\bI(?:'m| am) here to (?:help|assist)\b",
    r"\bhow (?:can|may) I (?:help|assist) you\b",
    r"\blet me know if (?:you|there)(?:'d| would| need| have|'s| is)?\b.{0,40}\b(?:assist\w*|further|questions?)\b",
    r"\bI (?:hope|trust) (?:this|that) (?:helps|email|message finds)\b",
    r"\bis there anything else (?:I|we) can\b",
)


class _Phrases:
    """Looks for any of several expressions, case ignored."""

    def __init__(self, name: str, reason: Reason, patterns: Sequence[str]) -> None:
        self.name = name
        self._reason = reason
        self._patterns = [re.compile(p, re.IGNORECASE) for p in patterns]

    def judge(self, candidate: Candidate) -> Rejection | None:
        text = candidate.text[:4000].replace("’", "'")
        for pattern in self._patterns:
            if found := pattern.search(text):
                return Rejection(self._reason, {"found": found[0].strip()[:100]})
        return None


class Refusal(_Phrases):
    """The model declines: "As an AI language model, I cannot ..."."""

    def __init__(self) -> None:
        super().__init__("refusal", Reason.REFUSAL, REFUSALS)


class Chatter(_Phrases):
    """The model talks about its answer, or answers the customer, instead of being the customer."""

    def __init__(self) -> None:
        super().__init__("chatter", Reason.CHATTER, CHATTER)
