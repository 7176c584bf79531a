"""How a request is said to an OpenAI-compatible endpoint, and how its answer is read.

Endpoints differ in what they take: a JSON schema, only a JSON mode, or neither; `max_tokens` or
`max_completion_tokens`; a seed or none. `Dialect` is what has been found out about one endpoint.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeGuard

import orjson

from synthgen.providers.openai_errors import MAX_KEPT_BYTES, BadBody, EndpointError, Filtered
from synthgen.records import Answer, Request, Usage

Structured = Literal["json_schema", "plain_schema", "json_object", "none"]
_NEXT: dict[Structured, Structured] = {
    "json_schema": "json_object",
    "plain_schema": "json_object",
    "json_object": "none",
}
_CHARS_A_TOKEN = 4
_MAX_TOKENS = 2**31
_ABOUT_FORMAT = re.compile(
    r"response_?format|response_?schema|json_schema|json_object|guided|grammar|structured|additionalProperties", re.I
)
_ABOUT_KEYS = re.compile(r"additionalProperties|\bstrict\b", re.I)
_ABOUT_MAX_TOKENS = re.compile(r"max_completion_tokens", re.I)
_ABOUT_LENGTH = re.compile(r"context.{0,20}length|too long|maximum context|reduce the length", re.I)
_ABOUT_SYSTEM = re.compile(r"system.{0,12}(?:role|message|prompt)|roles? must alternate|role.{0,12}system", re.I)
_UNSUPPORTED = re.compile(
    r"unsupported|not support|unrecogni[sz]ed|unknown|does not|isn't|not permitted|extra inputs|deprecated"
    r"|only.{0,30}(?:allowed|supported|default)",
    re.I,
)
_DROPPABLE = ("seed", "temperature", "top_p", "min_p", "top_k", "presence_penalty", "frequency_penalty")


@dataclass(slots=True)
class Dialect:
    """What one endpoint takes, as far as it has been found out."""

    structured: Structured = "json_schema"
    renames_max_tokens: bool = False
    joins_system: bool = False
    dropped: set[str] = field(default_factory=set)

    def body(self, request: Request, model: str) -> dict[str, Any]:
        """The request as this endpoint takes it."""
        prompt = request.prompt
        params = {k: v for k, v in request.params.items() if v is not None and k not in self.dropped}
        if self.renames_max_tokens and "max_tokens" in params:
            params["max_completion_tokens"] = params.pop("max_tokens")
        body: dict[str, Any] = {"model": model, **params}
        if prompt.messages:
            messages = [{"role": m.role, "content": m.content} for m in prompt.messages]
            body["messages"] = _joined(messages) if self.joins_system else messages
        else:
            body["prompt"] = prompt.text
        if prompt.stop:
            body["stop"] = list(prompt.stop)
        if request.schema is not None and prompt.output == "json" and self.structured != "none":
            body["response_format"] = _response_format(self.structured, request.schema)
        return body

    def learn(self, error: EndpointError, sent: Mapping[str, Any]) -> str | None:
        """Learn from a refusal what this endpoint does not take.

        Args:
            error: What it answered.
            sent: The body that was refused.

        Returns:
            What was learned, in words, where the same request should go again in the new dialect; the empty string
            where another request has learned it already; else None.
        """
        said = error.words
        is_about_format = "response_format" in sent and _ABOUT_FORMAT.search(said) is not None
        if error.status not in (400, 404, 422, 501) and not (error.status == 500 and is_about_format):
            return None
        if is_about_format:
            return self._learn_format(said, sent["response_format"])
        if _ABOUT_SYSTEM.search(said) and any(m["role"] == "system" for m in sent.get("messages", ())):
            is_news, self.joins_system = not self.joins_system, True
            return "takes no system role: its text stands before the user's" if is_news else ""
        is_too_long = _ABOUT_LENGTH.search(said) is not None  # names the parameter, and means the prompt
        if error.status == 400 and "max_tokens" in sent and _ABOUT_MAX_TOKENS.search(said) and not is_too_long:
            is_news, self.renames_max_tokens = not self.renames_max_tokens, True
            return "wants max_completion_tokens" if is_news else ""
        if error.status in (400, 422) and _UNSUPPORTED.search(said):
            for name in _DROPPABLE:
                if name in sent and re.search(rf"\b{name}\b", said):
                    is_news = name not in self.dropped
                    self.dropped.add(name)
                    return f"takes no {name}" if is_news else ""
        return None

    def _learn_format(self, said: str, sent: Mapping[str, Any]) -> str:
        """Go one step down from the way of asking for JSON that was refused."""
        refused: Structured = sent["type"]
        if refused == "json_schema" and "strict" not in sent["json_schema"]:
            refused = "plain_schema"
        if self.structured != refused:
            return ""
        is_about_keys = refused == "json_schema" and _ABOUT_KEYS.search(said)
        self.structured = "plain_schema" if is_about_keys else _NEXT[refused]
        return "takes no additionalProperties" if is_about_keys else f"takes no {sent['type']}"


def _joined(messages: list[dict[str, str]]) -> list[dict[str, str]]:
    """With the system's text at the beginning of the first user's."""
    system = "\n\n".join(m["content"] for m in messages if m["role"] == "system")
    others = [m for m in messages if m["role"] != "system"]
    if not system or not others:
        return others or [{"role": "user", "content": system}]
    first = next((i for i, m in enumerate(others) if m["role"] == "user"), 0)
    others[first] = {**others[first], "content": f"{system}\n\n{others[first]['content']}"}
    return others


def _response_format(structured: Structured, schema: Mapping[str, Any]) -> dict[str, Any]:
    if structured == "json_object":
        return {"type": "json_object"}
    if structured == "plain_schema":
        return {"type": "json_schema", "json_schema": {"name": "answer", "schema": _without_closing(schema)}}
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}


def _without_closing(schema: Any) -> Any:
    """A schema without `additionalProperties`, which some servers do not know."""
    if isinstance(schema, Mapping):
        return {key: _without_closing(value) for key, value in schema.items() if key != "additionalProperties"}
    return [_without_closing(value) for value in schema] if isinstance(schema, list) else schema


def parse_body(raw: bytes) -> Any:
    """The JSON of an answer's body.

    Raises:
        BadBody: It is not JSON.
    """
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadBody(str(error), body=raw[:MAX_KEPT_BYTES].decode("utf-8", "replace")) from None


def read_answer(body: Any, *, headers: Mapping[str, str], request: Request, model: str) -> Answer:
    """The answer in a response body.

    Raises:
        EndpointError: It holds an error object (some gateways send one with a 200).
        Filtered: A content filter withheld it.
        BadBody: It holds no answer.
    """
    if not isinstance(body, Mapping):
        raise BadBody(f"expected a JSON object, found {type(body).__name__}", body=body)
    if body.get("error"):
        raise EndpointError(_status_in(body["error"]), body, headers)
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
        raise BadBody("no choices in it", body=body, usage=_told_usage(body))
    choice = choices[0]
    text = _text(choice)
    finish = str(choice.get("finish_reason") or "stop")
    if not text and finish == "content_filter":
        raise Filtered("withheld by the endpoint's content filter", body=body, usage=_told_usage(body))
    usage = _usage(body.get("usage"), request, text)
    return Answer(text, finish, usage, str(body.get("model") or model), _limit_headers(headers))


_STATUS_OF = {
    "insufficient_quota": 402,
    "rate_limit_exceeded": 429,
    "invalid_api_key": 401,
    "model_not_found": 404,
    "context_length_exceeded": 400,
    "content_filter": 400,
}


def _status_in(error: Any) -> int:
    """The status that an error inside a 200 stands for."""
    code = error.get("code") if isinstance(error, Mapping) else None
    if isinstance(code, str):
        code = int(code) if code.isascii() and code.isdigit() else _STATUS_OF.get(code)
    return code if isinstance(code, int) and 400 <= code < 600 else 502


def _text(choice: Mapping[str, Any]) -> str:
    message = choice.get("message")
    content = message.get("content") if isinstance(message, Mapping) else choice.get("text")
    if isinstance(content, list):  # parts, as some servers send them
        content = "".join(str(p.get("text", "")) for p in content if isinstance(p, Mapping))
    if not content and isinstance(message, Mapping):
        content = message.get("refusal")  # the check for refusals should see its words
    return content if isinstance(content, str) else ""


def _usage(usage: Any, request: Request, text: str) -> Usage:
    found = usage if isinstance(usage, Mapping) else {}
    asked, answered = found.get("prompt_tokens"), found.get("completion_tokens")
    input_tokens = asked if _is_count(asked) and asked > 0 else request.prompt.char_count() // _CHARS_A_TOKEN + 1
    output_tokens = answered if _is_count(answered) and answered > 0 else len(text) // _CHARS_A_TOKEN + 1
    return Usage(input_tokens, max(output_tokens, _beyond(found, input_tokens)))


def _beyond(usage: Mapping[str, Any], input_tokens: int) -> int:
    """Tokens of output by the total: some servers count thoughts there and nowhere else, and bill them."""
    total = usage.get("total_tokens")
    return total - input_tokens if _is_count(total) else 0


def _is_count(value: Any) -> TypeGuard[int]:
    """Whether it can be a number of tokens: some servers write -1 without its sign, which no journal can hold."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MAX_TOKENS


def _told_usage(body: Mapping[str, Any]) -> Usage | None:
    """What a body without an answer says it cost; None where it does not say."""
    usage = body.get("usage")
    found = usage if isinstance(usage, Mapping) else {}
    asked, answered = found.get("prompt_tokens"), found.get("completion_tokens")
    if _is_count(asked) and _is_count(answered):
        return Usage(asked, max(answered, _beyond(found, asked)))
    return None


def _limit_headers(headers: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in headers.items() if k.startswith(("x-ratelimit-", "retry-after"))}
