"""What a server does not take is left out, said once, and asked without; a limit that speaks of billing is waited for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import web

from synthgen.providers.openai_errors import EndpointError, classify
from synthgen.records import FailureKind, Message, Prompt, Request
from tests.providers.test_openai_strange import OK, serving

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"items": {"type": "array", "items": {"type": "object", "additionalProperties": False}}},
}
ASK = Request(
    Prompt((Message("system", "You write rows."), Message("user", "Write one."))),
    {"temperature": 0.9, "max_tokens": 100},
    SCHEMA,
)


def has_system(body: Mapping[str, Any]) -> bool:
    return any(message["role"] == "system" for message in body["messages"])


def schema_of(body: Mapping[str, Any]) -> Any:
    return body.get("response_format", {}).get("json_schema")


REFUSALS: dict[str, Any] = {
    "keys of the schema": (
        lambda body: schema_of(body) and "additionalProperties" in str(schema_of(body)),
        400,
        "Unknown name \"additionalProperties\" at 'generation_config.response_schema': Cannot find field.",
    ),
    "every schema": (lambda body: schema_of(body), 400, "response_schema is not supported by this model"),
    "the grammar, as its own fault": (lambda body: schema_of(body), 500, "failed to parse grammar"),
    "another temperature": (lambda body: "temperature" in body, 400, "invalid temperature: only 1 is allowed"),
    "a system role": (has_system, 400, "System role not supported"),
    "a system role, by a template": (has_system, 400, "Conversation roles must alternate user/assistant/user/..."),
    "max_tokens": (lambda body: "max_tokens" in body, 400, "Use 'max_completion_tokens' instead of 'max_tokens'."),
}


@pytest.mark.anyio
@pytest.mark.parametrize("what", REFUSALS)
async def test_what_is_refused_is_left_out_and_learned_once(what: str, caplog: pytest.LogCaptureFixture) -> None:
    """The first request goes again without it, the next ones never have it; one line says so."""
    is_refused, status, words = REFUSALS[what]
    bodies: list[dict[str, Any]] = []

    async def reply(request: web.Request, count: int) -> web.StreamResponse:
        bodies.append(await request.json())
        if is_refused(bodies[-1]):
            return web.json_response({"error": {"message": words}}, status=status)
        return web.json_response(OK)

    with caplog.at_level(logging.WARNING):
        async with serving(reply, "http") as provider:
            await asyncio.gather(*(provider.complete(ASK, timeout_s=5.0) for _ in range(3)))
            before = len(bodies)
            await provider.complete(ASK, timeout_s=5.0)
    assert len(bodies) == before + 1
    assert "You write rows." in str(bodies[-1]["messages"])
    assert "Write one." in str(bodies[-1]["messages"][-1])
    said = [record.getMessage() for record in caplog.records]
    assert said
    assert len(said) == len(set(said))


@pytest.mark.anyio
async def test_a_prompt_that_is_too_long_teaches_nothing() -> None:
    """Its message names parameters of the request; the next request keeps them."""
    bodies: list[dict[str, Any]] = []

    async def reply(request: web.Request, count: int) -> web.StreamResponse:
        bodies.append(await request.json())
        words = "This model's maximum context length is 4096 tokens: reduce the prompt or max_completion_tokens."
        return web.json_response(OK) if count > 1 else web.json_response({"error": {"message": words}}, status=400)

    async with serving(reply, "http") as provider:
        with pytest.raises(EndpointError):
            await provider.complete(ASK, timeout_s=5.0)
        await provider.complete(ASK, timeout_s=5.0)
    assert bodies[-1]["max_tokens"] == 100


@pytest.mark.parametrize("is_wrapped", [True, False])
def test_a_limit_that_speaks_of_billing_and_names_seconds_is_waited_for(is_wrapped: bool) -> None:
    """However long the message is, and wrapped in a list; without a wait it is a quota."""
    words = "You exceeded your current quota, please check your plan and billing details. " + "More. " * 80
    for tail, kind in (("Please retry in 2.2s.", FailureKind.THROTTLED), ("", FailureKind.FATAL)):
        body: Any = {"error": {"code": 429, "message": words + tail}}
        failure = classify(EndpointError(429, [body] if is_wrapped else body, {}))
        assert failure.kind is kind
        assert failure.retry_after_s == (2.2 if tail else None)


@pytest.mark.anyio
async def test_thoughts_that_stand_only_in_the_total_are_counted() -> None:
    """What is billed is counted, so that a budget holds."""
    body = {**OK, "usage": {"prompt_tokens": 50, "completion_tokens": 20, "total_tokens": 1070}}

    async def reply(request: web.Request, count: int) -> web.StreamResponse:
        return web.json_response(body)

    async with serving(reply, "http") as provider:
        usage = (await provider.complete(ASK, timeout_s=5.0)).usage
    assert (usage.input_tokens, usage.output_tokens) == (50, 1020)


def test_an_error_body_of_any_depth_is_kept_as_words() -> None:
    """A server's error object is a stranger's too."""
    deep: Any = "x"
    for _ in range(5000):
        deep = [deep]
    assert classify(EndpointError(400, {"error": {"message": "no", "more": deep}}, {})).answer
