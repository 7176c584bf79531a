"""What servers leave around an answer that is no part of it: drafts of thought, chat-template marks, an invented turn.

Owns the lists. Everything here only takes text away from the ends of an answer or cuts it; what stands inside a row is
the row's own and is judged elsewhere.
"""

from __future__ import annotations

import re

# gpt-oss ("harmony" format, openai/harmony on GitHub): only the message of the last `final` channel is the answer.
_CHANNEL = re.compile(r"<\|channel\|>\s{0,9}(\w{1,20})[^\n]{0,60}?<\|message\|>")
_CHANNEL_END = re.compile(r"<\|(?:end|return|call|start)\|>")

# Thoughts in pairs of marks, by family: Qwen and DeepSeek `<think>`, Mistral `[THINK]`, Kimi `◁think▷`, Seed
# `<seed:think>`, Cohere `<|START_THINKING|>`, Sky-T1 `<|begin_of_thought|>`, and the tags that prompts ask for.
_NAME = r"(?:seed:)?(?:think|thinking|thought|thoughts|reasoning|reflection|scratchpad|analysis)"
_OPEN = re.compile(
    rf"\s*(?:<{_NAME}(?:\s[^<>]*)?>|\[think\]|◁think▷|<\|start_thinking\|>|<\|begin_of_thought\|>)", re.IGNORECASE
)
_CLOSE = re.compile(rf"(?:</{_NAME}\s*>|\[/think\]|◁/think▷|<\|end_thinking\|>|<\|end_of_thought\|>)", re.IGNORECASE)

# The ends of turns, as chat templates write them.
_END_MARK = (
    r"(?:<\|(?:im_end|eot_id|eom_id|endoftext|end_of_text|end|return|assistant|user|end_of_turn|END_OF_TURN_TOKEN)\|>"
    r"|<(?:end_of_turn|start_of_turn|eos|/s|s|EOS|bos)>|\[/INST\]|\[INST\]|<\uff5cend\u2581of\u2581sentence\uff5c>)"
)
_AT_END = re.compile(rf"{_END_MARK}\Z")
_AT_START = re.compile(rf"\A(?:{_END_MARK}\s*)+")
_MAX_MARK_CHARS = 32

# A new turn after the answer: by a template's mark anywhere, or by a role that stands alone in its line.
_TURN_MARK = re.compile(
    r"<\|im_start\|>|<\|start_header_id\|>|<start_of_turn>|<\|(?:user|assistant)\|>|\[INST\]|<\uff5c(?:User|Assistant)\uff5c>"
)
_TURN_LINE = re.compile(
    r"\n[ \t]*(?:#{1,3}[ \t]*)?(?:user|human|assistant|system|instruction)\s*:?[ \t]*(?=\n)", re.IGNORECASE
)


def without_thoughts(text: str) -> str:
    """`text` less the drafts before the answer, however they are marked; empty where there is nothing but drafts.

    Marks inside the answer are the answer's own and stay.
    """
    channels = list(_CHANNEL.finditer(text))
    if channels:
        final = [c for c in channels if c[1].casefold() == "final"]
        if not final:
            return ""
        text = text[final[-1].end() :]
        end = _CHANNEL_END.search(text)
        text = text if end is None else text[: end.start()]
    start = 0
    while opened := _OPEN.match(text, start):
        closed = _CLOSE.search(text, opened.end())
        if closed is None:
            return ""
        start = closed.end()
    text = text[start:].lstrip()
    # Some servers open the thoughts in the prompt, so that only their end stands in the answer.
    orphan = None if text.startswith(("{", "[", "```")) else _CLOSE.search(text)
    return text if orphan is None else text[orphan.end() :].lstrip()


def without_end_marks(text: str) -> str:
    """`text` less a chat template's own marks at its two ends, and less the white space around them."""
    if "<" not in text and "[" not in text:
        return text
    found = _AT_START.match(text)
    start, end = found.end() if found else 0, len(text)
    while start < end:
        if text[end - 1].isspace():
            end -= 1
        elif found := _AT_END.search(text, max(start, end - _MAX_MARK_CHARS), end):
            end = found.start()
        else:
            break
    return text[start:end]


def first_turn(text: str) -> str:
    """`text` up to where the model goes on with a turn of its own invention, by a template's mark."""
    found = _TURN_MARK.search(text)
    return text if found is None or not text[: found.start()].strip() else text[: found.start()]


def turn_after(text: str, start: int) -> int | None:
    """Offset at which, from `start` on, a new turn begins (a mark, or a role alone in its line); None where there is
    none."""
    found = [m.start() for m in (_TURN_MARK.search(text, start), _TURN_LINE.search(text, start)) if m]
    return min(found, default=None)
