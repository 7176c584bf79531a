"""What the machine leaves in a row and no real row holds: escapes, entities, list marks, the class's own name, marks of
chat templates, lost characters.

Undone where there is one way to undo it, else the row is rejected with what it holds. Everything is measured against
the real rows first: where they have list marks or entities of their own, these are the data's and stay.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

_ESCAPE = re.compile(r'\\u([0-9a-fA-F]{4})|\\([nrt"\\/])')
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "/": "/"}
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,31});")
# A German date begins as a list does: "3. Oktober".
_MONTH = r"(?:Jan|Feb|Mär|Mrz|Apr|Mai|Jun|Jul|Aug|Sep|Okt|Nov|Dez)"
_LIST_MARK = re.compile(rf"\s*(?:\(?\d{{1,3}}[.):](?!\d|\s*{_MONTH})|[-*•–—·](?=\s))\s*(?=\S)")
_TEMPLATE_MARK = re.compile(
    r"<\|[a-zA-Z_]{2,24}\|>|</?s>|</?(?:start|end)_of_turn>|\[/?INST\]|<\uff5c[^<>\uff5c]{1,30}\uff5c>"
)
# Zero-width characters, soft hyphens, byte order marks and direction marks; the joiners of emoji and Persian stay.
_UNSEEN = re.compile("[\u00ad\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
_LOST = "\ufffd"
_MIN_REAL_RATIO = 0.01  # one real row in a hundred with such a mark makes it the data's own; less is an accident


class Leftovers:
    """Cleans the text of a row.

    Args:
        real: Texts of the real rows; may be empty.
        labels: Names of the classes.
    """

    def __init__(self, real: Sequence[str], labels: Iterable[str]) -> None:
        self._has_escapes = _is_usual(real, _ESCAPE.search)
        self._has_entities = _is_usual(real, _ENTITY.search)
        self._has_unseen = _is_usual(real, _UNSEEN.search)
        self._has_list_marks = _is_usual(real, _LIST_MARK.match)
        self._has_template_marks = any(map(_TEMPLATE_MARK.search, real))
        self._has_lost = any(_LOST in text for text in real)
        names = sorted({_spelling(label) for label in labels if label}, key=len, reverse=True)
        found = re.compile(rf"\s*[\"'*\[(]*(?:{'|'.join(names)})[\"'*\])]*\s*[:\-–—]\s*(?=\S)", re.IGNORECASE)
        self._label = found if names and not _is_usual(real, found.match) else None

    def clean(self, text: str) -> tuple[str, str]:
        """The text without what can be taken away, and why it is no row where something is left (else empty)."""
        if not self._has_escapes and "\\" in text:
            text = _ESCAPE.sub(_unescaped, text)
        if not self._has_entities and "&" in text:
            text = _ENTITY.sub(lambda found: html.unescape(found[0]), text)
        if not self._has_unseen and not text.isascii():
            text = _UNSEEN.sub("", text)
        if not self._has_list_marks and (mark := _LIST_MARK.match(text)):
            text = text[mark.end() :]
        if self._label is not None and (name := self._label.match(text)):
            text = text[name.end() :]
        text = text.strip()
        if not self._has_lost and _LOST in text:
            return text, "holds U+FFFD, which stands for a character that was lost on the way"
        if not self._has_template_marks and ("<" in text or "[" in text) and (mark := _TEMPLATE_MARK.search(text)):
            return text, f"holds '{mark[0]}', a mark of the chat template"
        return text, "" if text else "is empty but for a list mark or the class's name"


def _is_usual(real: Sequence[str], finds: object) -> bool:
    assert callable(finds)
    return sum(finds(text) is not None for text in real) > _MIN_REAL_RATIO * len(real)


def _unescaped(found: re.Match[str]) -> str:
    if found[1] is None:
        return _ESCAPED[found[2]]
    character = chr(int(found[1], 16))
    return found[0] if "\ud800" <= character <= "\udfff" or character == "\0" else character


def _spelling(label: str) -> str:
    """A pattern of a class's name, with any of space, dash and underscore where it has one of them."""
    return r"[\s_-]+".join(map(re.escape, re.split(r"[\s_-]+", label.strip())))
