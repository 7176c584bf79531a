"""Clients to compare the engine with, each in a process of its own: they ask, read, parse, and keep nothing.

    python -m bench.clients KIND BASE_URL REQUESTS IN_FLIGHT

KIND is `bare` (aiohttp and orjson), `sdk` (`AsyncOpenAI` as it comes) or `sdk-aiohttp` (`AsyncOpenAI` on its aiohttp
transport). Prints one JSON object: wall and processor seconds of the requests alone, imports left out.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable

import aiohttp
import orjson
import uvloop

Ask = Callable[[int], Awaitable[str]]
Keep = Callable[[int, str], None]
Body = Callable[[int], dict[str, object]]
PROMPT = "Write 1 messages of class late, as JSON.\n" + "- my parcel about the card number 3 is late\n" * 2


def _body(number: int) -> dict[str, object]:
    return {"model": "sim", "seed": number, "messages": [{"role": "user", "content": PROMPT}]}


def _drop(number: int, text: str) -> None:
    """Keeps nothing."""


async def _keep_asking(ask: Ask, requests: int, in_flight: int, keep: Keep) -> tuple[float, float]:
    """Wall and processor seconds of `requests` calls by `in_flight` workers."""
    numbers = iter(range(requests))

    async def worker() -> None:
        for number in numbers:
            keep(number, await ask(number))

    began, cpu_began = time.perf_counter(), time.process_time()
    await asyncio.gather(*(worker() for _ in range(in_flight)))
    return time.perf_counter() - began, time.process_time() - cpu_began


async def bare(
    base_url: str, requests: int, in_flight: int, *, body: Body = _body, keep: Keep = _drop
) -> tuple[float, float]:
    """Post, read, parse: the floor of what a Python client can do with aiohttp."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def ask(number: int) -> str:
            async with session.post(f"{base_url}/chat/completions", data=orjson.dumps(body(number))) as response:
                return str(orjson.loads(await response.read())["choices"][0]["message"]["content"])

        return await _keep_asking(ask, requests, in_flight, keep)


async def sdk(
    base_url: str,
    requests: int,
    in_flight: int,
    *,
    with_aiohttp: bool = False,
    max_retries: int = 0,
    timeout_s: float = 600.0,
    body: Body = _body,
    keep: Keep = _drop,
) -> tuple[float, float]:
    """The openai package, without retries unless told otherwise."""
    from openai import AsyncOpenAI, DefaultAioHttpClient

    http_client = DefaultAioHttpClient() if with_aiohttp else None
    async with AsyncOpenAI(
        base_url=base_url, api_key="none", max_retries=max_retries, timeout=timeout_s, http_client=http_client
    ) as client:

        async def ask(number: int) -> str:
            answer = await client.chat.completions.create(**body(number))  # type: ignore[call-overload]
            return str(answer.choices[0].message.content)

        return await _keep_asking(ask, requests, in_flight, keep)


def main(kind: str, base_url: str, requests: int, in_flight: int) -> None:
    if kind == "bare":
        wall_s, cpu_s = uvloop.run(bare(base_url, requests, in_flight))
    else:
        wall_s, cpu_s = uvloop.run(sdk(base_url, requests, in_flight, with_aiohttp=kind == "sdk-aiohttp"))
    print(json.dumps({"wall_s": wall_s, "cpu_s": cpu_s}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
