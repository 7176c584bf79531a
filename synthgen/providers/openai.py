"""Any OpenAI-compatible server: OpenAI, vLLM, Ollama, llama.cpp, OpenRouter, ...

The fast road: one pool of connections an endpoint (`http_client`) and orjson both ways; the answer is parsed once and
never becomes a model of the whole response. `transport: sdk` goes through the openai package instead
(`openai_sdk`), `transport: aiohttp` through a proxy or with a client certificate (`openai_aiohttp`).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import TracebackType
from typing import Any, ClassVar, Protocol, Self
from urllib.parse import urlsplit

import orjson

from synthgen.errors import JobError
from synthgen.job import ModelConfig
from synthgen.job.model import OPENAI_BASE_URL
from synthgen.providers import openai_errors
from synthgen.providers.http_client import HttpClient
from synthgen.providers.openai_errors import EndpointError, Unencodable, parsed_or_text
from synthgen.providers.openai_wire import Dialect, parse_body, read_answer
from synthgen.providers.proxy import proxy_of
from synthgen.records import Answer, Failure, Request

DEFAULT_CONCURRENCY = 512
MAX_DIALECT_CHANGES = 6
_log = logging.getLogger(__name__)


class Transport(Protocol):
    """How one body gets there and back."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def post(self, path: str, body: Mapping[str, Any], *, timeout_s: float) -> tuple[Any, Mapping[str, str]]:
        """The parsed response body and its lower-cased headers.

        Raises:
            EndpointError: Any status but 200.
        """
        ...


class OpenAIProvider:
    """One endpoint and key.

    Args:
        config: Address, model, parameters.
        api_key: The key, or None where the server needs none. It appears in no message.

    Raises:
        JobError: OpenAI is asked without a key, or the key cannot stand in a header.
    """

    is_metered: ClassVar[bool] = True
    may_adapt: ClassVar[bool] = True

    def __init__(self, config: ModelConfig, *, api_key: str | None = None) -> None:
        if not api_key and config.base_url == OPENAI_BASE_URL:
            raise JobError(
                f"models: '{config.model}' at {config.base_url} needs a key",
                hint="add `api_key_env: OPENAI_API_KEY` to its entry and set that variable, "
                "or `base_url:` of a server that needs none",
            )
        if api_key and not (api_key.isascii() and api_key.isprintable()):
            raise JobError(f"the key in {config.api_key_env} holds characters that cannot be sent")
        self._config, self._api_key = config, api_key
        self._dialect = Dialect()
        self._transport = _transport(config, api_key)
        self.endpoint = f"{urlsplit(config.base_url).netloc.rpartition('@')[2]}/{config.model}"
        self.default_concurrency = DEFAULT_CONCURRENCY

    async def __aenter__(self) -> Self:
        await self._transport.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.close()

    async def complete(self, request: Request, *, timeout_s: float) -> Answer:
        """Ask once; and again at once where the refusal teaches what the endpoint does not take."""
        path = "/chat/completions" if request.prompt.messages else "/completions"
        for _ in range(MAX_DIALECT_CHANGES):
            body = self._dialect.body(request, self._config.model)
            try:
                parsed, headers = await self._transport.post(path, body, timeout_s=timeout_s)
                return read_answer(parsed, headers=headers, request=request, model=self._config.model)
            except EndpointError as error:
                learned = self._dialect.learn(error, body)
                if learned is None:
                    raise (error.without(self._api_key) if self._api_key else error) from None
                if learned:
                    _log.warning("%s %s", self.endpoint, learned)
        raise EndpointError(400, "refuses every way of asking that is known", {})

    def classify(self, error: Exception) -> Failure:
        failure = openai_errors.classify(error)
        return _redacted(failure, self._api_key) if self._api_key else failure


def _redacted(failure: Failure, key: str) -> Failure:
    import dataclasses

    answer = failure.answer
    for spelling in (key, orjson.dumps(key)[1:-1].decode()):
        answer = answer.replace(spelling, "[key]") if answer else answer
    return dataclasses.replace(failure, message=failure.message.replace(key, "[key]"), answer=answer)


def _transport(config: ModelConfig, api_key: str | None) -> Transport:
    if config.transport == "sdk":
        from synthgen.providers.openai_sdk import SdkTransport

        return SdkTransport(config.base_url, api_key)
    if config.transport == "aiohttp" or config.client_cert is not None or proxy_of(config.base_url) is not None:
        from synthgen.providers.openai_aiohttp import AiohttpTransport

        return AiohttpTransport(config, api_key, proxy_of(config.base_url))
    return HttpTransport(config.base_url, api_key)


class HttpTransport:
    """Our own small HTTP client and orjson. What is the same for every request is made once."""

    def __init__(self, base_url: str, api_key: str | None) -> None:
        self._base_url = base_url
        self._headers = {"content-type": "application/json", "user-agent": "synthgen"}
        if api_key:
            self._headers["authorization"] = f"Bearer {api_key}"
        self._client: HttpClient

    async def open(self) -> None:
        try:
            self._client = HttpClient(self._base_url, self._headers)
        except ValueError as error:
            raise JobError(f"base_url: {error}", hint="it looks like http://127.0.0.1:8000/v1") from None

    async def close(self) -> None:
        await self._client.close()

    async def post(self, path: str, body: Mapping[str, Any], *, timeout_s: float) -> tuple[Any, Mapping[str, str]]:
        try:
            data = orjson.dumps(body)
        except TypeError as error:  # orjson's encoding error is one
            raise Unencodable(str(error)) from None
        answer = await self._client.post(path, data, timeout_s=timeout_s)
        if answer.status != 200:
            raise EndpointError(answer.status, parsed_or_text(answer.body), answer.headers)
        return parse_body(answer.body), answer.headers
