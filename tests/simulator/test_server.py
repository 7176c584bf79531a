"""The running server, asked over loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from synthgen.simulator import Simulator, SimulatorSettings

pytestmark = pytest.mark.anyio


async def test_server_answers_alike_at_any_concurrency_and_after_a_restart(connect: Any) -> None:
    """The same requests get the same answers, together or alone, from one server or the next."""
    prompts = [f"Write 2 about {n}." for n in range(20)]
    faults = {"malformed_ratio": 0.2, "duplicate_ratio": 0.2, "seed": 5}
    async with connect(latency_s=0.01, latency_kind="jitter", **faults) as client:
        together = await asyncio.gather(*(client.chat(p) for p in prompts))
    async with connect(**faults) as client:
        alone = [await client.chat(p) for p in prompts]
    assert [r.text for r in together] == [r.text for r in alone]


async def test_server_speaks_completions_and_models(connect: Any) -> None:
    """A text to continue, the list of models, and usage in both answers."""
    async with connect(models=("small", "large")) as client:
        body = {"model": "small", "prompt": "- first\n-"}
        answer = await client.call("POST", "/v1/completions", body=body)
        assert answer.body["choices"][0]["text"].endswith("\n")
        assert answer.body["usage"]["completion_tokens"] > 4
        listed = await client.call("GET", "/v1/models")
        assert [m["id"] for m in listed.body["data"]] == ["small", "large"]


@pytest.mark.parametrize(
    ("settings", "body", "status", "code", "word"),
    [
        ({"api_key": "sk-1"}, {}, 401, None, "API key"),
        ({"models": ("known",)}, {}, 404, "model_not_found", "does not exist"),
        ({}, {"stream": True}, 400, "unsupported_value", "stream"),
        ({"refuse_formats": ("json_schema",)}, {}, 400, None, "response_format"),
        ({"refuse_params": ("max_tokens",)}, {"max_tokens": 9}, 400, "unsupported_parameter", "max_completion_tokens"),
        ({"refuse_params": ("temperature",)}, {"temperature": 0.5}, 400, "unsupported_value", "temperature"),
        ({"refuse_params": ("seed",)}, {"seed": 5}, 400, "unsupported_parameter", "'seed'"),
        ({"quota_requests": 0}, {}, 429, "insufficient_quota", "quota"),
        ({"error_ratio": 1.0, "error_status": 503}, {}, 503, None, "error"),
        ({}, {"messages": "hi"}, 400, "invalid_type", "messages"),
    ],
)
async def test_server_refuses_in_openai_shape(
    connect: Any, settings: Any, body: Any, status: int, code: str | None, word: str
) -> None:
    """Every refusal has its status, its code and a message that names the cause."""
    async with connect(**settings) as client:
        response = await client.chat(**body) if "messages" not in body else await _raw(client, body)
        assert (response.status, response.body["error"]["code"]) == (status, code)
        assert word in response.body["error"]["message"] + str(response.body["error"]["param"])
        assert client.simulator.stats().by_status == {status: 1}


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110 - what the server counts is seen only by looking
            await asyncio.sleep(0.002)


async def _raw(client: Any, body: Any) -> Any:
    return await client.call("POST", "/v1/chat/completions", body=body)


async def test_server_takes_the_right_key_only(connect: Any) -> None:
    """The key it was given opens it; another does not and is not echoed."""
    async with connect(api_key="sk-right") as client:
        assert (await client.chat(key="sk-right")).status == 200
        wrong = await client.chat(key="sk-wrong")
        assert (wrong.status, wrong.body["error"]["code"]) == (401, "invalid_api_key")
        assert "sk-wrong" not in str(wrong.body)


async def test_server_throttles_at_its_rate_and_a_retry_gets_through(connect: Any) -> None:
    """A 429 names its wait; asked again often enough, every request is answered."""
    async with connect(throttle_ratio=0.5, retry_after_s=0.25) as client:
        first = [await client.chat(f"Write 1 about {n}") for n in range(30)]
        refused = [r for r in first if r.status == 429]
        assert 5 < len(refused) < 25
        assert {r.headers["retry-after"] for r in refused} == {"0.25"}
        for n in range(30):
            while (await client.chat(f"Write 1 about {n}")).status != 200:
                pass


async def test_server_enforces_requests_per_second(connect: Any) -> None:
    """No more than the limit pass in a second, and the wait it names is enough."""
    async with connect(requests_per_s=5) as client:
        answers = await asyncio.gather(*(client.chat(f"Write 1 about {n}") for n in range(12)))
        statuses = [a.status for a in answers]
        assert (statuses.count(200), statuses.count(429)) == (5, 7)
        waits = [float(a.headers["retry-after"]) for a in answers if a.status == 429]
        assert all(0.5 < wait <= 1.001 for wait in waits)


async def test_server_enforces_requests_and_tokens_per_minute_and_says_so(connect: Any) -> None:
    """The headers tell limit, remainder and reset of both; tokens count as the usage says."""
    async with connect(requests_per_min=3, tokens_per_min=10_000) as client:
        answer = await client.chat()
        assert answer.headers["x-ratelimit-limit-requests"] == "3"
        assert answer.headers["x-ratelimit-remaining-requests"] == "2"
        assert answer.headers["x-ratelimit-reset-requests"] == "1m0s"
        used = answer.body["usage"]["total_tokens"]
        assert int(answer.headers["x-ratelimit-remaining-tokens"]) == 10_000 - used
        client.simulator.control(tokens_per_min=used)
        assert (await client.chat()).status == 200
        throttled = await client.chat()
        assert throttled.status == 429
        assert "tokens_per_min" in throttled.body["error"]["message"]
        assert throttled.headers["x-ratelimit-remaining-tokens"] == "0"


async def test_server_can_hide_its_limits(connect: Any) -> None:
    """With the headers off, a limit shows only in its 429."""
    async with connect(requests_per_min=1, has_limit_headers=False, retry_after_kind="none") as client:
        answers = [await client.chat(), await client.chat()]
        assert [a.status for a in answers] == [200, 429]
        assert not [name for a in answers for name in a.headers if "ratelimit" in name or "retry" in name]


async def test_server_enforces_concurrency(connect: Any) -> None:
    """What is above the concurrency is answered 429 at once."""
    async with connect(max_concurrency=3, latency_s=0.05) as client:
        answers = await asyncio.gather(*(client.chat(f"Write 1 about {n}") for n in range(8)))
        assert sorted(a.status for a in answers) == [200] * 3 + [429] * 5
        assert client.simulator.stats().max_in_flight == 3


async def test_server_quota_ends_for_good(connect: Any) -> None:
    """After so many requests every other one is told to check the billing."""
    async with connect(quota_requests=2) as client:
        assert [(await client.chat(f"Write 1: {n}")).status for n in range(4)] == [200, 200, 429, 429]


async def test_server_cuts_the_body(connect: Any) -> None:
    """A cut answer begins as a 200 and ends before its length; buying it again is no repeat."""
    async with connect(cut_ratio=1.0) as client:
        with pytest.raises(aiohttp.ClientPayloadError):
            await client.chat()
        client.simulator.control(cut_ratio=0.0)
        assert (await client.chat()).status == 200
        stats = client.simulator.stats()
        assert (stats.granted, stats.cut, stats.distinct, stats.repeats) == (2, 1, 1, 0)


async def test_server_hangs_and_forgets_a_client_that_left(connect: Any) -> None:
    """A hanging request counts in flight until its client gives up, and is never granted."""
    async with connect(hang_ratio=1.0, hang_s=30.0) as client:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.chat(), 0.05)
        await _until(lambda: client.simulator.stats().in_flight == 0)
        stats = client.simulator.stats()
        assert (stats.received, stats.granted, stats.abandoned, stats.max_in_flight) == (1, 0, 1, 1)


async def test_server_counts_what_it_sold(connect: Any) -> None:
    """Requests, grants, tokens, the histogram, distinct bodies, and bodies bought twice."""
    async with connect() as client:
        answers = [await client.chat(f"Write 1 about {n}") for n in (1, 2, 3, 1)]
        stats = (await client.call("GET", "/stats")).body
        assert (stats["received"], stats["granted"], stats["distinct"], stats["repeats"]) == (4, 4, 3, 1)
        assert stats["output_tokens"] == sum(a.body["usage"]["completion_tokens"] for a in answers)
        assert stats["by_status"] == {"200": 4}
        assert sum(stats["granted_per_s"].values()) == 4
        await client.call("POST", "/stats/reset")
        assert client.simulator.stats().received == 0


async def test_server_answers_anew_only_where_told(connect: Any) -> None:
    """A request that comes again gets its answer again, or with fresh answers another one; the first is the same."""
    async with connect() as client:
        same = {(await client.chat("Write 2 messages.")).text for _ in range(3)}
    async with connect(has_fresh_answers=True) as client:
        fresh = [(await client.chat("Write 2 messages.")).text for _ in range(3)]
    assert len(same) == 1
    assert fresh[0] in same
    assert len(set(fresh)) == 3


async def test_server_knows_when_it_was_first_asked_and_last_answered(connect: Any) -> None:
    """Both by its own clock; refusals are neither, and a reset forgets them."""
    async with connect(latency_s=0.05, throttle_ratio=1.0) as client:
        await client.chat()
        told = client.simulator.stats()
        assert (told.first_admitted_s, told.last_granted_s) == (None, None)
        client.simulator.control(throttle_ratio=0.0)
        await client.chat()
        await client.chat("Write 3 messages.")
        told = client.simulator.stats()
        assert told.last_granted_s - told.first_admitted_s >= 0.09
        assert told.last_granted_s <= told.elapsed_s + 0.001
        client.simulator.reset_stats()
        assert client.simulator.stats().first_admitted_s is None


async def test_server_is_controlled_while_it_runs(connect: Any) -> None:
    """/control changes settings by name, keeps the rest, and refuses what is wrong."""
    async with connect(seed=3) as client:
        told = await client.call("POST", "/control", body={"error_ratio": 1.0, "models": ["a"]})
        assert (told.body["error_ratio"], told.body["seed"], told.body["models"]) == (1.0, 3, ["a"])
        assert (await client.chat(model="a")).status == 500
        for wrong in ({"error_ration": 1}, {"error_ratio": 2}, {"port": 1}, [1]):
            assert (await client.call("POST", "/control", body=wrong)).status == 400
        assert client.simulator.settings.error_ratio == 1.0


async def test_server_knows_its_paths_and_methods(connect: Any) -> None:
    """Another path is 404 and another method 405, both with an error body."""
    async with connect() as client:
        assert (await client.call("POST", "/v2/chat/completions", body={})).status == 404
        assert (await client.call("GET", "/v1/chat/completions")).status == 405


async def _say(simulator: Simulator, *pieces: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(simulator.url.rpartition(":")[2]))
    for piece in pieces:
        writer.write(piece)
        await asyncio.sleep(0.002)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_http_survives_what_is_not_http() -> None:
    """Split heads are put together; oversized, chunked and senseless requests are answered and closed."""
    async with Simulator() as simulator:
        split = await _say(simulator, b"GET /stats HT", b"TP/1.1\r\nConnection: close\r\n", b"\r\n")
        assert split.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b" 400 " in await _say(simulator, b"hello\r\n\r\n")
        assert b" 400 " in await _say(simulator, b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n")
        assert b" 411 " in await _say(simulator, b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert b" 413 " in await _say(simulator, b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n")
        assert b" 431 " in await _say(simulator, b"GET / HTTP/1.1\r\nX: " + b"x" * 40_000)
        pipelined = b"GET /stats HTTP/1.1\r\n\r\nGET /stats HTTP/1.1\r\nConnection: close\r\n\r\n"
        assert (await _say(simulator, pipelined)).count(b"HTTP/1.1 200") == 2


async def test_server_leaves_nothing_open() -> None:
    """Leaving drops requests that still wait."""
    async with aiohttp.ClientSession() as session:
        async with Simulator(SimulatorSettings(latency_s=30)) as simulator:
            body = {"messages": [{"role": "user", "content": "x"}]}
            call = asyncio.ensure_future(session.post(f"{simulator.base_url}/chat/completions", json=body))
            await _until(lambda: simulator.stats().in_flight == 1)
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await call
