"""What is sent back, in OpenAI's shapes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from synthgen.simulator.answers import ModelAnswer
from synthgen.simulator.stats import Purchase


@dataclass(frozen=True, slots=True)
class Reply:
    """One response, and what must be counted when it is sent.

    Attributes:
        status: HTTP status.
        body: JSON.
        headers: Sent besides content type and length.
        delay_s: Seconds before it is sent.
        sent_ratio: Share of the body that is sent before the connection closes; 1 sends all and keeps it open.
        paid: The purchase it completes, or None.
        is_work: Whether it counts as a completion request in flight until it is sent.
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    sent_ratio: float = 1.0
    paid: Purchase | None = None
    is_work: bool = False


@dataclass(eq=False)
class Refusal(Exception):
    """An error answer in OpenAI's shape."""

    status: int
    message: str
    kind: str = "invalid_request_error"
    code: str | None = None
    param: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def as_body(self) -> bytes:
        error = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return orjson.dumps({"error": error})


def completion_body(answer: ModelAnswer, model: Any, key: bytes, *, is_chat: bool) -> bytes:
    """A chat.completion or text_completion object."""
    name = key[:12].hex()
    choice: dict[str, Any] = {"index": 0, "logprobs": None, "finish_reason": answer.finish_reason}
    if is_chat:
        choice["message"] = {"role": "assistant", "content": answer.text, "refusal": None}
    else:
        choice["text"] = answer.text
    return orjson.dumps(
        {
            "id": f"chatcmpl-{name}" if is_chat else f"cmpl-{name}",
            "object": "chat.completion" if is_chat else "text_completion",
            "created": int(time.time()),
            "model": model,
            "choices": [choice],
            "usage": {
                "prompt_tokens": answer.input_tokens,
                "completion_tokens": answer.output_tokens,
                "total_tokens": answer.input_tokens + answer.output_tokens,
            },
        }
    )


def models_body(names: tuple[str, ...]) -> bytes:
    """The list of models; one stands for any where none is set."""
    data = [{"id": n, "object": "model", "created": 0, "owned_by": "synthgen"} for n in names or ("simulated",)]
    return orjson.dumps({"object": "list", "data": data})
