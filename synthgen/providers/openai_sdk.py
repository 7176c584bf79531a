"""The openai package as transport, for endpoints that want exactly its ways. Slower by a factor of ten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from synthgen.providers.openai_errors import EndpointError

_OWN = {"model", "messages", "prompt", "stop", "response_format", "temperature", "top_p", "max_tokens", "seed"}


class SdkTransport:
    """`AsyncOpenAI` without its own retries: retrying belongs to the engine."""

    def __init__(self, base_url: str, api_key: str | None) -> None:
        self._base_url, self._api_key = base_url, api_key
        self._client: Any = None

    async def open(self) -> None:
        import openai

        # The package refuses to start without a key; servers that need none ignore this word.
        key = self._api_key or "none"
        self._client = openai.AsyncOpenAI(base_url=self._base_url, api_key=key, max_retries=0)

    async def close(self) -> None:
        await self._client.close()

    async def post(self, path: str, body: Mapping[str, Any], *, timeout_s: float) -> tuple[Any, Mapping[str, str]]:
        import openai

        client = self._client.with_options(timeout=timeout_s)
        api = client.chat.completions if path == "/chat/completions" else client.completions
        known = {k: v for k, v in body.items() if k in _OWN}
        extra = {k: v for k, v in body.items() if k not in _OWN}
        try:
            response = await api.with_raw_response.create(**known, extra_body=extra or None)
        except openai.APITimeoutError:
            raise TimeoutError from None
        except openai.APIStatusError as error:
            headers = {k.lower(): v for k, v in error.response.headers.items()}
            raise EndpointError(error.status_code, error.body or error.message, headers) from None
        except openai.APIConnectionError as error:
            raise _connection_error(error) from None
        headers = {k.lower(): v for k, v in response.headers.items()}
        return orjson.loads(response.content), headers


def _connection_error(error: Exception) -> Exception:
    """Refused connections told apart from broken ones, as the fast transport does."""
    cause = error.__cause__ or error.__context__
    while cause is not None:
        if isinstance(cause, ConnectionRefusedError) or "ConnectError" in type(cause).__name__:
            return ConnectionRefusedError(str(cause) or "connection refused")
        cause = cause.__cause__ or cause.__context__
    return ConnectionResetError(str(error))
