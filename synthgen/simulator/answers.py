"""The simulated model: an answer as a pure function of the seed, the prompt and the request's own `seed`.

Malformed, refusing, truncated, filtered and repeating answers are part of the answer, so the same request always gets
the same one, at any concurrency and after any restart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from synthgen.simulator import words
from synthgen.simulator.asked import Asked, read_request
from synthgen.simulator.dice import Dice, key_of
from synthgen.simulator.schema import SchemaWriter
from synthgen.simulator.sentences import write_message
from synthgen.simulator.settings import SimulatorSettings

CHARS_PER_TOKEN = 4
_POOL_SIZE = 8
_JSON_SHAPES = ("schema", "json")
_TEXT_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "items": {"type": "array", "items": {"type": "object", "properties": {"text": {"type": "string"}}}},
    },
}


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """What the model said."""

    text: str
    finish_reason: str
    input_tokens: int
    output_tokens: int


def request_key(seed: int, body: Mapping[str, Any], *, is_chat: bool) -> bytes:
    """Identity of a request's content: its messages or prompt and its own seed, nothing else."""
    content = body.get("messages") if is_chat else body.get("prompt")
    return key_of(seed, b"request", orjson.dumps(content), orjson.dumps(body.get("seed")))


def write_answer(settings: SimulatorSettings, body: Mapping[str, Any], key: bytes, *, is_chat: bool) -> ModelAnswer:
    """The answer to one request.

    Args:
        settings: Shares of spoilt answers, and the default number of items.
        body: The parsed request.
        key: Its `request_key`.
        is_chat: Whether it came to the chat endpoint.
    """
    asked = read_request(body, is_chat=is_chat)
    dice = Dice(key_of(settings.seed, b"answer", key))
    fault = _draw_fault(settings, dice)
    if fault == "refusal":
        text = dice.pick(words.REFUSALS)
    elif fault == "filtered":
        text = ""
    else:
        text = _write_text(settings, asked, dice)
    if fault == "malformed" and asked.shape in _JSON_SHAPES:
        text = _spoil(text, dice)
    return _finish(text, body, fault, dice)


def _draw_fault(settings: SimulatorSettings, dice: Dice) -> str:
    drawn = dice.share()
    for ratio, fault in zip(settings.answer_ratios, ("malformed", "refusal", "truncated", "filtered"), strict=True):
        if drawn < ratio:
            return fault
        drawn -= ratio
    return ""


def _write_text(settings: SimulatorSettings, asked: Asked, dice: Dice) -> str:
    author = _Author(settings, asked.class_key, dice)
    count = asked.count or settings.items
    if asked.shape in _JSON_SHAPES:
        value = SchemaWriter(asked.schema or _TEXT_SCHEMA, dice, count, author.write).write()
        return orjson.dumps(value).decode()
    if asked.shape == "lines":
        return "\n".join(author.write() for _ in range(count))
    return author.write() + ("\n" if asked.shape == "line" else "")


class _Author:
    """Writes the sentences of one answer, some of them repeats.

    "Earlier" cannot mean what this server said before, or answers would depend on their order. A repeat is either a
    sentence of the same answer, or one of the eight that every prompt of the class repeats.
    """

    def __init__(self, settings: SimulatorSettings, class_key: str, dice: Dice) -> None:
        self._settings = settings
        self._class_key = class_key
        self._dice = dice
        self._written: list[str] = []

    def write(self) -> str:
        is_repeat = self._dice.happens(self._settings.duplicate_ratio)
        text = self._repeat() if is_repeat else write_message(self._dice)
        self._written.append(text)
        return text

    def _repeat(self) -> str:
        if self._written and self._dice.below(2):
            return self._dice.pick(self._written)
        place = self._dice.below(_POOL_SIZE)
        return write_message(Dice(key_of(self._settings.seed, b"pool", self._class_key.encode(), bytes([place]))))


def _spoil(text: str, dice: Dice) -> str:
    """Breaks JSON in one of the ways models do: some can be salvaged, some cannot."""
    way = dice.below(5)
    if way == 0:
        return text[: -dice.between(1, 2)]
    if way == 1:
        return text.replace('"', "'")
    if way == 2:
        return text.replace('":', '"', 2)
    if way == 3:
        return "```json\n" + text[:-1] + ",\n```"
    return "items follow\n- " + " / ".join(text.split('"')[5:8:2])


def _finish(text: str, body: Mapping[str, Any], fault: str, dice: Dice) -> ModelAnswer:
    finish = "stop"
    if fault == "truncated":
        text, finish = text[: len(text) * dice.between(30, 85) // 100], "length"
    elif fault == "filtered":
        finish = "content_filter"
    text = _cut_at_stop(text, body.get("stop"))
    room = body.get("max_completion_tokens") or body.get("max_tokens")
    if isinstance(room, int) and len(text) > room * CHARS_PER_TOKEN:
        text, finish = text[: room * CHARS_PER_TOKEN], "length"
    return ModelAnswer(text, finish, _input_tokens(body), -(-len(text) // CHARS_PER_TOKEN))


def _cut_at_stop(text: str, stop: Any) -> str:
    for end in [stop] if isinstance(stop, str) else stop if isinstance(stop, list) else ():
        if isinstance(end, str) and end:
            text = text.partition(end)[0]
    return text


def _input_tokens(body: Mapping[str, Any]) -> int:
    messages = body.get("messages")
    if isinstance(messages, list):
        return sum(4 + len(str(m.get("content") or "")) // CHARS_PER_TOKEN for m in messages) + 3
    return 1 + len(str(body.get("prompt") or "")) // CHARS_PER_TOKEN
