"""Servers that are compatible only nearly: what they say in odd places is understood all the same."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from synthgen.errors import JobError
from synthgen.job import ModelConfig
from synthgen.providers.openai import OpenAIProvider
from synthgen.providers.openai_errors import EndpointError, classify, retry_after_s
from synthgen.records import Answer, FailureKind, Message, Prompt, Request, Usage
from synthgen.simulator import Simulator, SimulatorSettings

KEY = "sk-loopback-0123456789"
ASK = Request(Prompt((Message("user", "Write 2 as JSON."),)), {"max_tokens": 400, "seed": 1}, {"type": "object"})
OK = {"choices": [{"message": {"content": "fine"}}]}
Handler = Callable[[web.Request, int], Awaitable[web.StreamResponse]]
both = pytest.mark.parametrize("transport", ["http", "sdk"])


def provider_at(base_url: str, transport: Any = "http") -> OpenAIProvider:
    return OpenAIProvider(ModelConfig(model="m", base_url=base_url, transport=transport), api_key=KEY)


@asynccontextmanager
async def serving(handler: Handler, transport: Any) -> AsyncIterator[OpenAIProvider]:
    count = 0

    async def handle(request: web.Request) -> web.StreamResponse:
        nonlocal count
        count += 1
        return await handler(request, count)

    runner = web.ServerRunner(web.Server(handle), shutdown_timeout=0.1)  # type: ignore[arg-type]
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with provider_at(f"http://127.0.0.1:{runner.addresses[0][1]}/v1", transport) as provider:
            yield provider
    finally:
        await runner.cleanup()


def always(body: Any, status: int = 200) -> Handler:
    async def reply(request: web.Request, count: int) -> web.StreamResponse:
        return web.json_response(body, status=status)

    return reply


async def failure_of(handler: Handler, transport: Any) -> tuple[Any, Exception]:
    async with serving(handler, transport) as provider:
        with pytest.raises(Exception) as caught:  # noqa: PT011 - which one is the provider's own affair
            await provider.complete(ASK, timeout_s=0.3)
        return provider.classify(caught.value), caught.value


async def answer_of(handler: Handler, transport: Any) -> Answer:
    async with serving(handler, transport) as provider:
        return await provider.complete(ASK, timeout_s=5.0)


@both
@pytest.mark.anyio
@pytest.mark.parametrize(
    ("code", "kind", "name"),
    [
        ("insufficient_quota", FailureKind.FATAL, "quota"),
        ("rate_limit_exceeded", FailureKind.THROTTLED, "http_429"),
        (429, FailureKind.THROTTLED, "http_429"),
        ("429", FailureKind.THROTTLED, "http_429"),
        ("strange", FailureKind.TRANSIENT, "http_502"),
    ],
)
async def test_error_inside_a_200_counts_by_its_code(transport: Any, code: Any, kind: FailureKind, name: str) -> None:
    """A number, a number in quotes or a word."""
    failure, _ = await failure_of(always({"error": {"code": code, "message": "no"}}), transport)
    assert (failure.kind, failure.code) == (kind, name)


@both
@pytest.mark.anyio
async def test_quota_is_known_by_its_code_alone(transport: Any) -> None:
    """The openai package unwraps the error object; its code must survive that."""
    failure, _ = await failure_of(always({"error": {"code": "insufficient_quota", "message": "no"}}, 429), transport)
    assert failure.code == "quota"


@both
@pytest.mark.anyio
async def test_key_stands_in_no_exception(transport: Any) -> None:
    """Not in the exception's own text either, nor as the piece that is left when a long message is cut."""
    failure, error = await failure_of(always({"error": {"message": "x" * 285 + KEY}}, 400), transport)
    assert KEY not in f"{error} {error!r}"
    assert KEY[:6] not in failure.message


@both
@pytest.mark.anyio
@pytest.mark.parametrize("param", ["response_format", "seed"])
async def test_refused_parameter_may_be_named_beside_the_message(transport: Any, param: str) -> None:
    """`param` of the error object counts as much as its words."""

    async def reply(request: web.Request, count: int) -> web.StreamResponse:
        refusal = {"error": {"message": "Unsupported parameter.", "param": param}}
        return web.json_response(OK) if count > 1 else web.json_response(refusal, status=400)

    assert (await answer_of(reply, transport)).text == "fine"


@both
@pytest.mark.anyio
async def test_refusal_field_is_the_text(transport: Any) -> None:
    """A refusal beside an empty content is what the model said."""
    body = {"choices": [{"message": {"content": None, "refusal": "I cannot."}}]}
    assert (await answer_of(always(body), transport)).text == "I cannot."


@both
@pytest.mark.anyio
async def test_usage_that_means_nothing_is_estimated(transport: Any) -> None:
    """A server that counts nothing sends zeros, or nonsense: a token budget must not take them for free, and the journal
    must be able to hold them."""
    usage = (await answer_of(always(OK | {"usage": {"prompt_tokens": 0, "completion_tokens": 0}}), transport)).usage
    assert usage.input_tokens > 0
    assert usage.output_tokens > 0
    absurd = {"prompt_tokens": 2**64 - 1, "completion_tokens": 2**63}
    assert (await answer_of(always(OK | {"usage": absurd}), transport)).usage == usage, "-1 without its sign"


@both
@pytest.mark.anyio
async def test_dripping_body_ends_with_the_timeout(transport: Any) -> None:
    """The timeout is for the whole call, not for each read."""

    async def reply(request: web.Request, count: int) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(12):
            await response.write(b" ")
            await asyncio.sleep(0.1)
        return response

    failure, _ = await failure_of(reply, transport)
    assert failure.code == "timeout"


@both
@pytest.mark.anyio
async def test_redirect_is_fatal_and_not_followed(transport: Any) -> None:
    """The key does not go elsewhere, and base_url is blamed."""

    async def reply(request: web.Request, count: int) -> web.StreamResponse:
        assert count == 1
        return web.Response(status=308, headers={"Location": "/elsewhere"})

    failure, _ = await failure_of(reply, transport)
    assert failure.kind is FailureKind.FATAL
    assert "base_url" in failure.hint


@both
@pytest.mark.anyio
async def test_downgrade_is_told_once(transport: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Twenty requests refused together make one warning."""
    async with (
        Simulator(SimulatorSettings(refuse_formats=("json_schema",))) as simulator,
        provider_at(simulator.base_url, transport) as provider,
    ):
        with caplog.at_level(logging.WARNING, logger="synthgen"):
            await asyncio.gather(*(provider.complete(ASK, timeout_s=5.0) for _ in range(20)))
    assert len([r for r in caplog.records if r.name.startswith("synthgen")]) == 1


@pytest.mark.anyio
async def test_unencodable_parameter_is_refused_unsent() -> None:
    """What JSON cannot say is the request's fault, not a broken connection's."""
    async with provider_at("http://127.0.0.1:1/v1") as provider:
        with pytest.raises(Exception) as caught:  # noqa: PT011
            await provider.complete(Request(ASK.prompt, {"stop": {1}}), timeout_s=1.0)
        failure = provider.classify(caught.value)
    assert (failure.kind, failure.code, failure.is_sent) == (FailureKind.REFUSED, "unencodable", False)


@pytest.mark.parametrize("key", ["sk-a\nb", "sk-é"])
def test_key_that_cannot_be_sent_is_the_users_mistake(key: str) -> None:
    """Said before anything runs, and without the key."""
    with pytest.raises(JobError) as caught:
        OpenAIProvider(ModelConfig(model="m"), api_key=key)
    assert key not in str(caught.value)


def test_value_error_that_is_no_bad_body() -> None:
    """A certificate's error derives from ValueError, and asking again does not help."""
    failure = classify(ssl.SSLCertVerificationError("self-signed"))
    assert (failure.kind, failure.code) == (FailureKind.FATAL, "tls")


@pytest.mark.anyio
async def test_base_url_that_is_no_address_is_the_users_mistake() -> None:
    """Said before anything is sent."""
    with pytest.raises(JobError, match="base_url"):
        async with OpenAIProvider(ModelConfig(model="m", base_url="http://:80/v1"), api_key=None):
            pass


@pytest.mark.parametrize(
    ("status", "error", "headers", "kind"),
    [
        (429, {"message": "exceeded your current quota, check your billing"}, {"retry-after": "7"}, "throttled"),
        (429, {"message": "exceeded your current quota, check your billing"}, {}, "fatal"),
        (403, {"message": "flagged by moderation"}, {}, "refused"),
        (400, {"message": "no", "code": "model_not_found"}, {}, "fatal"),
        (405, {"message": "no"}, {}, "fatal"),
    ],
)
def test_words_decide_where_the_status_does_not(
    status: int, error: dict[str, str], headers: dict[str, str], kind: str
) -> None:
    """A limit per minute is not an empty account, a filtered prompt no wrong key, an unknown model no odd request."""
    assert classify(EndpointError(status, {"error": error}, headers)).kind == kind


def test_wait_in_the_past_or_in_words() -> None:
    """A date gone by is no wait at all; the message may hold what no header says."""
    assert retry_after_s({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0.0
    body = {"error": {"message": "Rate limit reached. Please try again in 1m1.5s."}}
    assert classify(EndpointError(429, body, {})).retry_after_s == 61.5


USAGE = {"prompt_tokens": 70, "completion_tokens": 9}
FILTERED = {"choices": [{"message": {"content": ""}, "finish_reason": "content_filter"}], "usage": USAGE}


@both
@pytest.mark.parametrize(
    ("body", "status", "code", "kept", "usage"),
    [
        (FILTERED, 200, "content_filter", '"finish_reason":"content_filter"', Usage(70, 9)),
        ({"choices": [], "usage": USAGE}, 200, "bad_body", '"choices":[]', Usage(70, 9)),
        ({"choices": []}, 200, "bad_body", '"choices":[]', None),
        ({"choices": [], "usage": {"prompt_tokens": "7"}}, 200, "bad_body", '"prompt_tokens":"7"', None),
        ([1, 2], 200, "bad_body", "[1,2]", None),
        ({"error": {"message": f"no, {KEY}"}}, 400, "http_400", "no, [key]", None),
    ],
)
@pytest.mark.anyio
async def test_failure_keeps_the_text_and_the_cost_behind_it(
    transport: Any, body: Any, status: int, code: str, kept: str, usage: Usage | None
) -> None:
    """A withheld answer, a body without one and a refusal: what came stands in the failure, the key struck out, with
    what the server said it cost."""
    failure, _ = await failure_of(always(body, status), transport)
    assert failure.code == code
    assert kept in failure.answer
    assert KEY not in failure.answer
    assert failure.usage == usage


@both
@pytest.mark.anyio
async def test_failure_keeps_a_body_that_is_no_json(transport: Any) -> None:
    """The first 64 KiB of it."""

    async def reply(request: web.Request, count: int) -> web.StreamResponse:
        return web.Response(text=f"<html>{KEY}" + "x" * 100_000, content_type="application/json")

    failure, _ = await failure_of(reply, transport)
    assert failure.code == "bad_body"
    assert failure.answer.startswith("<html>[key]xxx")
    assert 65_000 < len(failure.answer) <= 65_536


def test_failure_without_a_body_keeps_none() -> None:
    """A timeout has nothing behind it; a long error body is cut, and never within a character."""
    assert classify(TimeoutError()).answer is None
    assert classify(EndpointError(500, "é" * 60_000, {})).answer == "é" * 32_768
