"""What one example of a trainer's format must look like: OpenAI's chat fine-tuning, Alpaca, ShareGPT.

Pure: an example in, what is wrong with it out, in words that name the place inside it. OpenAI's rules are those of its
API reference (FineTuneChatRequestInput) and of its cookbook's data check; the other two are what trainers read
(Stanford Alpaca, FastChat, LLaMA-Factory), where further columns are ignored.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Example = Mapping[str, Any]
_CHAT_KEYS = ("messages", "tools", "parallel_tool_calls", "functions")
_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_MESSAGE_KEYS = (
    "role", "content", "name", "weight", "refusal", "audio", "tool_calls", "tool_call_id", "function_call",
)  # fmt: skip
_HUMAN, _MODEL = ("human", "user"), ("gpt", "assistant", "chatgpt", "model")
_OTHERS = ("system", "tool", "function", "function_call", "observation")


def chat_problems(example: Any) -> Iterator[str]:
    """What OpenAI's fine-tuning would refuse, or silently learn wrongly, in one example."""
    if not isinstance(example, Mapping):
        yield "is no JSON object"
        return
    yield from _unknown(example, _CHAT_KEYS, "")
    messages = example.get("messages")
    if not isinstance(messages, list) or not messages:
        yield "`messages` is missing, empty or no list"
        return
    for i, message in enumerate(messages):
        yield from _message_problems(message, f"messages[{i}]")
    roles = [message.get("role") if isinstance(message, Mapping) else None for message in messages]
    if "assistant" not in roles:
        yield "has no assistant message: there is nothing to learn"
    elif roles[-1] != "assistant":
        yield f"the last message is of role {_shown(roles[-1])}, not assistant: nothing is learnt from what follows it"
    elif roles.index("assistant") == 0:
        yield "begins with the assistant: no message is answered"


def _message_problems(message: Any, where: str) -> Iterator[str]:
    if not isinstance(message, Mapping):
        yield f"{where}: is no JSON object"
        return
    yield from _unknown(message, _MESSAGE_KEYS, f"{where}: ")
    role = message.get("role")
    if role not in _ROLES:
        yield f"{where}: role {_shown(role)} is none of {', '.join(_ROLES)}"
    is_call = role == "assistant" and bool(message.get("tool_calls") or message.get("function_call"))
    if "content" not in message and not is_call:
        yield f"{where}: has no `content`"
    elif not (is_call and message.get("content") is None):
        yield from _content_problems(message["content"], f"{where}: `content`")
    if "weight" in message and (role != "assistant" or message["weight"] not in (0, 1)):
        yield f"{where}: `weight` is 0 or 1, on an assistant message"


def _content_problems(content: Any, where: str) -> Iterator[str]:
    """Text, or a list of parts of which each says its type."""
    if isinstance(content, list) and content:
        if not all(isinstance(part, Mapping) and isinstance(part.get("type"), str) for part in content):
            yield f"{where}: every part needs a `type`"
        return
    yield from _text_problems(content, where)


def alpaca_problems(example: Any) -> Iterator[str]:
    """What keeps a row from being read as instruction, input and output."""
    if not isinstance(example, Mapping):
        yield "is no JSON object"
        return
    for name in ("instruction", "output"):
        if name not in example:
            yield f"has no `{name}`"
        else:
            yield from _text_problems(example[name], f"`{name}`")
    for name in ("input", "system"):
        if not isinstance(example.get(name), str | None):
            yield f"`{name}` is {_kind(example[name])}, not text"
    history = example.get("history")
    if history is not None and not _is_history(history):
        yield "`history` must be a list of pairs of texts, what was asked and what was answered"


def _is_history(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(t, str) and t.strip() for t in pair)
        for pair in value
    )


def sharegpt_problems(example: Any) -> Iterator[str]:
    """What keeps a row from being read as a conversation of human and gpt in turns."""
    if not isinstance(example, Mapping):
        yield "is no JSON object"
        return
    turns = example.get("conversations")
    if not isinstance(turns, list) or not turns:
        yield "`conversations` is missing, empty or no list"
        return
    speakers = []
    for i, turn in enumerate(turns):
        where = f"conversations[{i}]"
        if not isinstance(turn, Mapping):
            yield f"{where}: is no JSON object"
            return
        if "from" not in turn or "value" not in turn:
            yield f"{where}: needs `from` and `value` (it has {', '.join(map(str, turn)) or 'nothing'})"
            return
        yield from _text_problems(turn["value"], f"{where}: `value`")
        speaker = turn["from"]
        speakers.append(speaker)
        if speaker not in (*_HUMAN, *_MODEL, *_OTHERS):
            yield f"{where}: `from` is {_shown(speaker)}, none of {', '.join((*_HUMAN, *_MODEL, *_OTHERS))}"
    yield from _order_problems(speakers)


def _order_problems(speakers: Sequence[Any]) -> Iterator[str]:
    if "system" in speakers[1:]:
        yield f"conversations[{speakers.index('system', 1)}]: a system turn stands first or not at all"
    talk = ["human" if s in _HUMAN else "gpt" for s in speakers if s in _HUMAN or s in _MODEL]
    if "gpt" not in talk:
        yield "has no turn of gpt: there is nothing to learn"
        return
    if talk[0] != "human":
        yield "begins with gpt: no turn of human is answered"
    if speakers[-1] not in _MODEL:
        yield f"the last turn is from {_shown(speakers[-1])}, not gpt"
    if len(talk) == len([s for s in speakers if s != "system"]):  # with tools between, turns need not alternate
        twice = next((i for i, pair in enumerate(itertools.pairwise(talk)) if pair[0] == pair[1]), None)
        if twice is not None:
            yield f"human and gpt do not take turns: two of {talk[twice]} in a row"


def _unknown(value: Mapping[str, Any], known: Sequence[str], where: str) -> Iterator[str]:
    for key in value:
        if key not in known:
            yield f"{where}unknown key {_shown(key)} (known here: {', '.join(known)})"


def _text_problems(value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{where} is {_kind(value)}, not text"
    elif not value.strip():
        yield f"{where} is empty"


def _kind(value: Any) -> str:
    words = {list: "a list", dict: "an object", bool: "true or false", type(None): "null"}
    return words.get(type(value), "a number")


def _shown(value: Any) -> str:
    text = "none" if value is None else f"'{value}'"
    return text if len(text) <= 42 else text[:40] + "…'"


RULES: Mapping[str, Callable[[Any], Iterator[str]]] = {
    "openai-chat": chat_problems,
    "alpaca": alpaca_problems,
    "sharegpt": sharegpt_problems,
}


def told_format(example: Any) -> str | None:
    """The format that an example looks like, by its keys; None where it looks like none."""
    keys = set(example) if isinstance(example, Mapping) else set()
    signs = {"openai-chat": "messages", "sharegpt": "conversations", "alpaca": "instruction"}
    return next((name for name, sign in signs.items() if sign in keys), None)


def texts_of(example: Any) -> list[str]:
    """Every text that a model would read of an example, in order, however broken it is."""
    if not isinstance(example, Mapping):
        return []
    turns = example.get("messages") or example.get("conversations")
    if isinstance(turns, list):
        found = [turn.get("content", turn.get("value")) for turn in turns if isinstance(turn, Mapping)]
        return [text for text in found if isinstance(text, str)]
    history = example.get("history")
    earlier = [text for pair in history or () for text in pair] if _is_history(history) else []
    rest = [example.get(name) for name in ("system", "instruction", "input", "output")]
    return [text for text in (*earlier, *rest) if isinstance(text, str) and text]
