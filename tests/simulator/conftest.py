"""A client for the simulator that hides nothing: status, headers and parsed body."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
import pytest

from synthgen.simulator import Simulator, SimulatorSettings

ITEMS_SCHEMA = {
    "type": "object",
    "properties": {
        "items": {
            "type": "array",
            "items": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
        }
    },
    "required": ["items"],
}


@dataclass(frozen=True)
class Response:
    status: int
    headers: dict[str, str]
    body: Any

    @property
    def text(self) -> str:
        return str(self.body["choices"][0]["message"]["content"])

    @property
    def finish(self) -> str:
        return str(self.body["choices"][0]["finish_reason"])

    @property
    def texts(self) -> list[str]:
        return [item["text"] for item in orjson.loads(self.text)["items"]]


class Client:
    """Talks to one simulator."""

    def __init__(self, simulator: Simulator, session: aiohttp.ClientSession) -> None:
        self.simulator = simulator
        self._session = session

    async def call(self, method: str, path: str, *, body: Any = None, key: str | None = None) -> Response:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        data = None if body is None else orjson.dumps(body)
        async with self._session.request(method, self.simulator.url + path, data=data, headers=headers) as response:
            raw = await response.read()
            told = {name.lower(): value for name, value in response.headers.items()}
            return Response(response.status, told, orjson.loads(raw))

    async def chat(
        self, prompt: str = "Write 2 messages.", *, schema: Any = ITEMS_SCHEMA, key: str | None = None, **more: Any
    ) -> Response:
        body = {"model": "m", "messages": [{"role": "user", "content": prompt}], **more}
        if schema is not None:
            body["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
        return await self.call("POST", "/v1/chat/completions", body=body, key=key)


Connect = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture
def connect() -> Connect:
    """`async with connect(**settings) as client`: a running simulator and a client for it."""

    @asynccontextmanager
    async def start(**settings: Any) -> AsyncIterator[Client]:
        async with Simulator(SimulatorSettings(**settings)) as simulator, aiohttp.ClientSession() as session:
            yield Client(simulator, session)

    return start
