"""Reading one value that may be sloppy JSON: exactly where it is valid, repaired where it is not.

A repair may move quotes, commas and brackets and nothing else: one that loses or adds a letter or a digit is
refused, since a half-sentence that looks whole is worse than a rejection.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import orjson

# json-repair is quadratic in quotes and worse in brackets (2,000 characters of `{1}` took 2.5 s, 2026-11-21); within
# these bounds the worst that 700 random hostile values reached was about a second for each 8,000 characters.
_MAX_CHARS = 8_000
_MAX_BRACKETS = 32
_MAX_QUOTES = 128
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})|\\([bfnrt])|\\(.)", re.DOTALL)
_TO_ESCAPE = re.compile(r'\\u[0-9a-fA-F]{4}|\\.|["\x00-\x1f]', re.DOTALL)
_NOTHING = re.compile(r"\b(?:None|undefined)\b")


class Unreadable(ValueError):
    """The text is no value, and no repair that keeps every word makes it one. Never leaves this room."""


def read_value(text: str) -> Any:
    """The value `text` stands for where it is valid JSON, else None."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def requote(text: str, strings: Sequence[tuple[int, int]]) -> str:
    """`text` with each of its strings written as JSON wants it: double quotes, everything inside them escaped."""
    parts, done = [], 0
    for start, end in strings:
        inside = _TO_ESCAPE.sub(_escaped, text[start + 1 : end - 1])
        parts += [text[done:start], '"', inside, '"']
        done = end
    return "".join([*parts, text[done:]])


def _escaped(found: re.Match[str]) -> str:
    mark = found[0]
    if mark in ('"', "\\'"):
        return '\\"' if mark == '"' else "'"
    if mark[0] != "\\":
        return f"\\u{ord(mark):04x}"
    return mark if len(mark) == 6 or mark[1] in '"\\/bfnrt' else "\\" + mark


def repair_value(text: str) -> Any:
    """The value `text` stands for after the least repair: commas, brackets, bare words.

    Raises:
        Unreadable: No repair keeps every word, or the text is too large or too nested to try in bounded time.
    """
    from json_repair import repair_json  # only sloppy answers pay for the import

    if not _is_repairable(text):
        raise Unreadable("not valid JSON, and too large or too nested to repair")
    try:
        value = repair_json(text, return_objects=True, skip_json_loads=True)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not valid JSON: {error}") from None
    if not isinstance(value, dict | list | str) or _characters(_unescaped(text)) != _characters(_told(value)):
        raise Unreadable("not valid JSON, and a repair would lose words")
    return value


def _is_repairable(text: str) -> bool:
    brackets = text.count("{") + text.count("[")
    return len(text) <= _MAX_CHARS and brackets <= _MAX_BRACKETS and sum(map(text.count, "\"'“”‘’")) <= _MAX_QUOTES


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else (m[3] or " "), text)


def _characters(text: str) -> Counter[str]:
    return Counter(filter(str.isalnum, _NOTHING.sub("null", text).casefold()))


def _told(value: Any) -> str:
    """Every key, string, number and literal of `value`."""
    if isinstance(value, dict):
        return " ".join(f"{key} {_told(member)}" for key, member in value.items())
    if isinstance(value, list):
        return " ".join(map(_told, value))
    return "null" if value is None else str(value)
