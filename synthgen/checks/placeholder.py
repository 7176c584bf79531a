"""Blanks that were never filled in.

A word in brackets is one, since a row to train on says "my order 5521" and not "my order [order number]". `[1]` is a
citation and `[...]` an ellipsis: brackets count only around a word. HTML tags are markup, `<3` is a heart, `XXXX` in
a text all in capitals is kisses. Of 30,889 real rows 18 are hit, and 17 of these are blanks, masked numbers or
grammar notation indeed (tests/checks/test_real_rows.py holds it).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import Field

from synthgen.checks.protocol import Setting
from synthgen.job.checks import TextCheck
from synthgen.records import Candidate, Reason, Rejection

_TAGS = (
    "a|abbr|article|aside|b|blockquote|body|br|button|code|div|em|footer|form|h[1-6]|head|header|hr|html|i|img|input"
    "|label|li|link|main|meta|nav|ol|option|p|pre|s|script|section|select|small|span|strong|style|sub|sup|table"
    "|tbody|td|th|thead|title|tr|u|ul"
)
_BLANK = r"(?:name|date|time|number|amount|address|e-?mail|phone|account|order|company|city|location|product)"
_PATTERNS = {
    "variable": re.compile(r"%\(\w+\)[sdf]|%[A-Z_]{3,}%|\$\{\w+\}|\$[A-Z]+_[A-Z_]+\b"),
    "square": re.compile(r"\[\s*(?!sic\])[^\W\d][\w ./,:'#&|-]{0,60}\]"),
    "curly": re.compile(r"(?<!\$)\{\{?\s*[^\W\d][^{}\n]{0,60}\}\}?"),
    "angle": re.compile(rf"<(?!/?(?:{_TAGS})\b)(?![^<>]*\d{{4}})[^\W\d][\w ./'-]{{0,40}}>", re.IGNORECASE),
    "insert": re.compile(r"\b[Ii]nsert\s+(?:your\s+\w+|(?:\w+\s+){1,3}here)\b|\bINSERT\s+[A-Z]{2,}\b"),
    "round": re.compile(rf"\((?:your|insert|customer|the)\s+(?:\w+\s+)?{_BLANK}\)", re.IGNORECASE),
    "crossed": re.compile(r"X{4,}|[$€£#]\s?X{2,}\b|\bX{2,}[-/.]X{2,}\b"),
    "underline": re.compile(r"_{3,}"),
    "filler": re.compile(r"\blorem ipsum\b", re.IGNORECASE),
}
# Every one of them holds one of these.
_SIGNS = re.compile(r"[%$\[{<(_]|XX")
_WORDS = ("insert", "lorem")


class PlaceholderCheck(TextCheck):
    """Unfilled blanks: `[Name]`, `{order_id}`, `<date>`. `allow` lists literal ones that the data really uses."""

    check: Literal["placeholder"]
    allow: list[str] = Field(default_factory=list)

    def build(self, setting: Setting) -> Placeholder:
        return Placeholder(self.allow)


class Placeholder:
    """Rejects blanks, less the literal ones that the data really uses.

    Args:
        allow: Blanks that are none, brackets included, case ignored.
    """

    name = "placeholder"
    cost = 40

    def __init__(self, allow: Sequence[str] = ()) -> None:
        self._allowed = frozenset(phrase.casefold() for phrase in allow)

    def judge(self, candidate: Candidate) -> Rejection | None:
        for rule, phrase, at in _placeholders(candidate.text):
            if phrase.casefold() not in self._allowed:
                return Rejection(Reason.PLACEHOLDER, {"rule": rule, "phrase": phrase, "at": at})
        return None


def _placeholders(text: str) -> Iterator[tuple[str, str, int]]:
    if not (_SIGNS.search(text) or any(word in text.lower() for word in _WORDS)):
        return
    for rule, pattern in _PATTERNS.items():
        if rule == "crossed" and text.isupper():  # in capitals, XXXX is kisses (sms_spam)
            continue
        for found in pattern.finditer(text):
            yield rule, found[0], found.start()
