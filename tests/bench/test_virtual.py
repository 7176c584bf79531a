"""The engine's threads have no part in virtual time."""

from __future__ import annotations

import asyncio
import threading

import aiohttp
import pytest

from bench.virtual import VirtualTransport, run_virtually
from synthgen.providers.openai_errors import EndpointError
from synthgen.simulator.api import Api
from synthgen.simulator.settings import SimulatorSettings

BODY = {"model": "m", "messages": [{"role": "user", "content": "Write 1 message of class late, as JSON."}]}


def test_an_hour_passes_at_once_and_work_for_a_thread_is_done_on_the_spot() -> None:
    """Sleeping moves the clock; what goes to an executor takes no time, raises as it should, and starts no thread."""

    async def work() -> tuple[float, str]:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(3600)
        name = await loop.run_in_executor(None, lambda: threading.current_thread().name)
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(None, lambda: 1 / 0)
        return loop.time(), name

    lasted_s, name = run_virtually(work)
    assert 3600 <= lasted_s < 3601
    assert name == threading.current_thread().name


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"throttle_ratio": 1.0}, EndpointError),
        ({"error_ratio": 1.0}, EndpointError),
        ({"cut_ratio": 1.0}, aiohttp.ClientPayloadError),
        ({"hang_ratio": 1.0}, TimeoutError),
    ],
)
def test_virtual_wire_breaks_as_the_real_one_does(settings: dict[str, float], error: type[Exception]) -> None:
    """Each fault of the server is the exception that the real transport raises, and leaves nothing in flight."""

    async def work() -> Api:
        api = Api(SimulatorSettings(**settings), asyncio.get_running_loop().time)  # type: ignore[arg-type]
        with pytest.raises(error):
            await VirtualTransport(api).post("/chat/completions", BODY, timeout_s=5.0)
        return api

    assert run_virtually(work).statistics().in_flight == 0


def test_virtual_wire_takes_as_long_as_the_server_says() -> None:
    """An answer comes after its latency, with its usage."""

    async def work() -> tuple[float, dict[str, int]]:
        loop = asyncio.get_running_loop()
        transport = VirtualTransport(Api(SimulatorSettings(latency_s=2.0), loop.time))
        parsed, _ = await transport.post("/chat/completions", BODY, timeout_s=5.0)
        return loop.time(), parsed["usage"]

    lasted_s, usage = run_virtually(work)
    assert 2.0 <= lasted_s < 2.1
    assert usage["completion_tokens"] > 0
