"""What a prompt asks for, read as a model would: how many items, of which class, in which shape."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Shape = Literal["schema", "json", "lines", "text", "line"]

MAX_ITEMS = 1000
_COUNT_WORDS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9, "ten": 10, "twelve": 12, "fifteen": 15, "twenty": 20,
}  # fmt: skip
_NUMBER = r"[^.\n\d]{0,40}?\b(\d{1,3}|" + "|".join(_COUNT_WORDS) + r")\b(?!\s*(?:to\s+\d+\s+)?(?:char|word|letter|%))"
_ASKING = r"(?:write|generate|create|produce|give|list|make|compose|provide|return|invent|draft)\b" + _NUMBER
_LEAD_IN = r"\s*(?:(?:now|please|then),?\s+)*"
# An order opens its line, else its sentence; only then does one in the middle count: seeds hold verbs and numbers too.
_COUNTS = tuple(
    re.compile(before + _ASKING, re.IGNORECASE | re.MULTILINE)
    for before in (r"^" + _LEAD_IN, r"[.:;!?]" + _LEAD_IN, r"\b")
)
_EXACTLY = re.compile(r"\bexactly (\d{1,3}) items?\b", re.IGNORECASE)
_CLASS = re.compile(
    r"\b(?:class|label|intent|category|topic)\b(?:\s+(?:is|of|named|called))?[\s:=\"'`*]{1,6}([\w-][\w .-]{0,60})", re.I
)
_JSON = re.compile(r"\bjson\b", re.IGNORECASE)
_LINES = re.compile(r"\b(?:per|a|each|own|separate|every)\s+(?:new\s+)?line", re.IGNORECASE)
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, as far as its answer depends on it.

    Attributes:
        shape: JSON by schema, JSON because the prompt says so, a text a line, one text, or one line to continue.
        count: Items asked for, or None.
        class_key: Names the class, so that prompts of one class share their duplicates.
        schema: The JSON schema, where the shape is `schema`.
    """

    shape: Shape
    count: int | None
    class_key: str
    schema: Mapping[str, Any] | None = None


def read_request(body: Mapping[str, Any], *, is_chat: bool) -> Asked:
    """What the request's words, response format and endpoint ask for."""
    if not is_chat:
        text = _flatten(body.get("prompt"))
        return Asked("line", 1, _class_of(text, text))
    turns = [_flatten(m.get("content")) for m in body["messages"]]
    text = "\n".join(turns)
    schema = _schema_of(body)
    shape: Shape = "text"
    if schema is not None:
        shape = "schema"
    elif _is_json_format(body) or _JSON.search(text):
        shape = "json"
    elif _LINES.search(text):
        shape = "lines"
    return Asked(shape, _count_of(turns), _class_of(text, turns[0]), schema)


def _flatten(content: Any) -> str:
    """Text of a content that may be a string or a list of typed parts."""
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) if isinstance(part, Mapping) else str(part) for part in content)
    return content if isinstance(content, str) else ""


def format_type(body: Mapping[str, Any]) -> str | None:
    """The type of its response_format, where it has one."""
    wanted = body.get("response_format")
    return str(wanted.get("type")) if isinstance(wanted, Mapping) else None


def _is_json_format(body: Mapping[str, Any]) -> bool:
    return format_type(body) == "json_object"


def _schema_of(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if format_type(body) != "json_schema":
        return None
    described = body["response_format"].get("json_schema")
    schema = described.get("schema") if isinstance(described, Mapping) else None
    return schema if isinstance(schema, Mapping) else {"type": "object"}


def _count_of(turns: list[str]) -> int | None:
    for pattern in (_EXACTLY, *_COUNTS):
        for turn in reversed(turns):
            found = pattern.search(turn)
            if found:
                word = found[1].lower()
                return max(1, min(MAX_ITEMS, _COUNT_WORDS[word] if word in _COUNT_WORDS else int(word)))
    return None


def _class_of(text: str, otherwise: str) -> str:
    found = _CLASS.search(text)
    return found[1].strip().lower() if found else _DIGITS.sub("", otherwise)
