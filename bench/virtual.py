"""The whole engine in virtual time: an hour passes as fast as its work can be done.

The loop's clock jumps to the next timer whenever nothing else is to do. Work that the engine gives to its threads (the
journal, the encoder) is done on the spot, at one instant of virtual time, so nothing depends on real time. The server
is the simulator's own `Api`, asked without a socket by the real provider: its limits and faults run on the same clock.
"""

from __future__ import annotations

import asyncio
import selectors
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor
from typing import Any, TypeVar

import aiohttp
import anyio
import orjson

from synthgen.job import ModelConfig
from synthgen.providers.openai import OpenAIProvider
from synthgen.providers.openai_errors import EndpointError
from synthgen.simulator.api import Api

T = TypeVar("T")
TICK_S = 1e-7  # a real clock moves while code runs; aiolimiter counts on it


class _Jumping(selectors.DefaultSelector):
    """Never waits: time passes by as much as it was asked to wait."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("deadlock: nothing is due, and nothing will come")
        if not ready and timeout:
            self.now += timeout
        self.now += TICK_S
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An asyncio loop on virtual time, without threads and sockets."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Done here and now; its outcome comes as it would from a thread."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future


def run_virtually(work: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine function to its end in virtual time."""
    return anyio.run(work, backend="asyncio", backend_options={"loop_factory": VirtualLoop})


class VirtualTransport:
    """Hands each body to the simulator's `Api` and waits as long as it says, in the loop's time.

    Args:
        api: The server; its clock must be the loop's.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self.refused: Counter[str] = Counter()

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def post(self, path: str, body: Mapping[str, Any], *, timeout_s: float) -> tuple[Any, Mapping[str, str]]:
        """As `Transport.post`.

        Raises:
            EndpointError: Any status but 200.
            TimeoutError: The answer takes longer than `timeout_s`.
            aiohttp.ClientPayloadError: The body was cut.
        """
        reply = self._api.answer("POST", path, "", orjson.dumps(body))
        try:
            await asyncio.wait_for(asyncio.sleep(reply.delay_s), timeout_s)
        except (TimeoutError, asyncio.CancelledError):
            self._api.abandoned(reply)
            raise
        if reply.is_work:
            self._api.sent(reply)
        parsed = orjson.loads(reply.body)
        if reply.status != 200:
            self.refused[parsed["error"]["message"]] += 1
            raise EndpointError(reply.status, parsed, reply.headers)
        if reply.sent_ratio < 1:
            raise aiohttp.ClientPayloadError("the body ended early")
        return parsed, reply.headers


class VirtualProvider(OpenAIProvider):
    """The real provider on a virtual wire."""

    def __init__(self, config: ModelConfig, transport: VirtualTransport) -> None:
        super().__init__(config, api_key=None)
        self._transport = transport
