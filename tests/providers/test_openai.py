"""The OpenAI-compatible provider against the simulator, over loopback, on both transports."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Literal

import pytest

from synthgen.job import ModelConfig
from synthgen.providers.openai import OpenAIProvider
from synthgen.records import FailureKind, Message, Prompt, Request
from synthgen.simulator import Simulator, SimulatorSettings
from synthgen.testing import check_provider

pytestmark = pytest.mark.anyio

KEY = "sk-loopback-0123456789"
SCHEMA = {
    "type": "object",
    "properties": {
        "items": {"type": "array", "items": {"type": "object", "properties": {"text": {"type": "string"}}}},
    },
    "required": ["items"],
}
CHAT = Request(Prompt((Message("user", "Write 2 messages as JSON."),)), {"max_tokens": 400, "seed": 7}, SCHEMA)
TEXT = Request(Prompt(text="- one\n-", output="text", stop=("\n",)), {"seed": None, "temperature": 0.9})
TRANSPORTS: Sequence[Literal["http", "sdk"]] = ("http", "sdk")


def provider_of(
    simulator: Simulator, *, key: str | None = None, transport: Literal["http", "sdk"] = "http", **config: Any
) -> OpenAIProvider:
    told = {"model": "m", "base_url": simulator.base_url, "transport": transport, "api_key_env": "A_KEY", **config}
    return OpenAIProvider(ModelConfig(**told), api_key=key)


async def failure_of(provider: OpenAIProvider, request: Request = CHAT, timeout_s: float = 5.0) -> Any:
    """What the provider makes of the error that a request meets."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - which one is the provider's own affair
        await provider.complete(request, timeout_s=timeout_s)
    return provider.classify(caught.value)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("request_", [CHAT, TEXT], ids=["chat", "completions"])
async def test_openai_keeps_the_contract(transport: Literal["http", "sdk"], request_: Request) -> None:
    """Both transports and both endpoints pass the shipped contract check."""
    settings = SimulatorSettings(api_key=KEY, latency_s=0.01)
    async with Simulator(settings) as simulator, provider_of(simulator, key=KEY, transport=transport) as provider:
        answer = await check_provider(provider, request_, timeout_s=5.0, secrets=[KEY])
        assert answer.model == "m"
        assert provider.endpoint == simulator.url.removeprefix("http://") + "/m"
        assert provider.default_concurrency == 512


@pytest.mark.parametrize("request_", [CHAT, TEXT], ids=["chat", "completions"])
async def test_openai_transports_say_and_read_the_same(request_: Request) -> None:
    """The answer does not depend on the transport."""
    answers = []
    async with Simulator() as simulator:
        for transport in TRANSPORTS:
            async with provider_of(simulator, transport=transport) as provider:
                answers.append(await provider.complete(request_, timeout_s=5.0))
    assert answers[0] == answers[1]


async def test_openai_hands_on_limit_headers_only() -> None:
    """Limits travel with the answer, other headers do not."""
    async with Simulator(SimulatorSettings(requests_per_min=100)) as simulator, provider_of(simulator) as provider:
        headers = (await provider.complete(CHAT, timeout_s=5.0)).headers
    assert headers["x-ratelimit-remaining-requests"] == "99"
    assert all(name.startswith("x-ratelimit-") for name in headers)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    ("settings", "kind", "code"),
    [
        ({"api_key": "another"}, FailureKind.FATAL, "http_401"),
        ({"models": ("other",)}, FailureKind.FATAL, "http_404"),
        ({"quota_requests": 0}, FailureKind.FATAL, "quota"),
        ({"throttle_ratio": 1.0}, FailureKind.THROTTLED, "http_429"),
        ({"error_ratio": 1.0}, FailureKind.TRANSIENT, "http_500"),
        ({"error_ratio": 1.0, "error_status": 503}, FailureKind.TRANSIENT, "http_503"),
        ({"refuse_params": ("max_tokens", "max_completion_tokens")}, FailureKind.REFUSED, "http_400"),
        ({"cut_ratio": 1.0}, FailureKind.TRANSIENT, "cut"),
        ({"filtered_ratio": 1.0}, FailureKind.REFUSED, "content_filter"),
    ],
)
async def test_openai_judges_what_the_server_does(
    transport: Literal["http", "sdk"], settings: dict[str, Any], kind: FailureKind, code: str
) -> None:
    """Every failure of the server has the same kind and code on both transports."""
    async with (
        Simulator(SimulatorSettings(**settings)) as simulator,
        provider_of(simulator, key=KEY, transport=transport) as provider,
    ):
        failure = await failure_of(provider)
    assert (failure.kind, failure.code) == (kind, code)
    assert failure.is_sent
    assert KEY not in failure.message


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_openai_times_out_and_stays_usable(transport: Literal["http", "sdk"]) -> None:
    """A hang ends after the timeout as a transient failure; the next call is answered."""
    settings = SimulatorSettings(hang_ratio=1.0, hang_s=30.0)
    async with Simulator(settings) as simulator, provider_of(simulator, transport=transport) as provider:
        failure = await failure_of(provider, timeout_s=0.1)
        assert (failure.kind, failure.code) == (FailureKind.TRANSIENT, "timeout")
        simulator.control(hang_ratio=0.0)
        assert (await provider.complete(CHAT, timeout_s=5.0)).text


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_openai_knows_that_nothing_was_sent(transport: Literal["http", "sdk"]) -> None:
    """A refused connection is transient, and certainly not billed."""
    async with Simulator() as simulator:
        gone = provider_of(simulator, transport=transport)
    async with gone as provider:
        failure = await failure_of(provider)
    assert (failure.kind, failure.code, failure.is_sent) == (FailureKind.TRANSIENT, "connect", False)


@pytest.mark.parametrize(("spelling", "low", "high"), [("seconds", 2.5, 2.5), ("ms", 2.5, 2.5), ("date", 0.5, 4.5)])
async def test_openai_reads_the_wait_of_a_429(spelling: str, low: float, high: float) -> None:
    """Retry-After in every spelling becomes seconds."""
    settings = SimulatorSettings(throttle_ratio=1.0, retry_after_s=2.5, retry_after_kind=spelling)
    async with Simulator(settings) as simulator, provider_of(simulator) as provider:
        wait_s = (await failure_of(provider)).retry_after_s
    assert low <= wait_s <= high


async def test_openai_takes_the_reset_where_no_wait_is_named() -> None:
    """Without a Retry-After, the reset of the limit that is used up says how long."""
    settings = SimulatorSettings(requests_per_min=1, retry_after_kind="none")
    async with Simulator(settings) as simulator, provider_of(simulator) as provider:
        await provider.complete(CHAT, timeout_s=5.0)
        assert 55 < (await failure_of(provider)).retry_after_s <= 60


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_openai_settles_for_a_weaker_format(transport: Literal["http", "sdk"]) -> None:
    """A server that knows no schema, then no JSON mode, is asked without; found out once, not per request."""
    settings = SimulatorSettings(refuse_formats=("json_schema", "json_object"))
    async with Simulator(settings) as simulator, provider_of(simulator, transport=transport) as provider:
        first = await provider.complete(CHAT, timeout_s=5.0)
        assert first.text.startswith('{"items"')
        assert simulator.stats().by_status == {200: 1, 400: 2}
        await provider.complete(CHAT, timeout_s=5.0)
        assert simulator.stats().by_status == {200: 2, 400: 2}


async def test_openai_downgrades_once_for_many_first_requests() -> None:
    """Requests refused together for one reason downgrade the endpoint by one step, not by two."""
    settings = SimulatorSettings(refuse_formats=("json_schema",))
    async with Simulator(settings) as simulator, provider_of(simulator) as provider:
        await asyncio.gather(*(provider.complete(CHAT, timeout_s=5.0) for _ in range(20)))
        told = simulator.stats()
        simulator.control(refuse_formats=["json_schema", "json_object"])
        await provider.complete(CHAT, timeout_s=5.0)
        after = simulator.stats()
    assert told.by_status[200] == 20
    assert told.by_status[400] <= 20
    assert after.by_status[400] == told.by_status[400] + 1  # json_object was still what it asked for


async def test_openai_learns_the_dialect_of_reasoning_models(caplog: pytest.LogCaptureFixture) -> None:
    """max_tokens is renamed and temperature left out after one refusal each, with a warning each."""
    request = Request(CHAT.prompt, {"max_tokens": 300, "temperature": 0.5, "seed": 1}, SCHEMA)
    settings = SimulatorSettings(refuse_params=("max_tokens", "temperature", "seed"))
    async with Simulator(settings) as simulator, provider_of(simulator) as provider:
        with caplog.at_level(logging.WARNING, logger="synthgen"):
            for _ in range(3):
                await provider.complete(request, timeout_s=5.0)
        assert simulator.stats().by_status == {200: 3, 400: 3}
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 3


async def test_openai_names_the_key_variable_in_its_hint() -> None:
    """Who must act on a refused key is told where to look."""
    async with Simulator(SimulatorSettings(api_key="right")) as simulator, provider_of(simulator) as provider:
        failure = await failure_of(provider)
    assert "api_key_env" in failure.hint or "A_KEY" in failure.hint


async def test_openai_blames_a_wrong_address() -> None:
    """A path that serves nothing is fatal and points at base_url."""
    async with Simulator() as simulator, provider_of(simulator, base_url=f"{simulator.url}/wrong") as provider:
        failure = await failure_of(provider)
    assert failure.kind is FailureKind.FATAL
    assert "base_url" in failure.hint
