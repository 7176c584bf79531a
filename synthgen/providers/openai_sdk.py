"""The openai package as transport, for endpoints that want exactly its ways. Slower by a factor of ten."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from synthgen.providers.openai_errors import EndpointError
from synthgen.providers.openai_wire import parse_body

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
        client = openai.AsyncOpenAI(
            base_url=self._base_url, api_key=key, max_retries=0, timeout=None, http_client=_http_client()
        )
        # The package reads these from variables that the job does not name.
        client.organization = client.project = None
        self._client = client

    async def close(self) -> None:
        await self._client.close()

    async def post(self, path: str, body: Mapping[str, Any], *, timeout_s: float) -> tuple[Any, Mapping[str, str]]:
        import openai

        api = self._client.chat.completions if path == "/chat/completions" else self._client.completions
        known = {k: v for k, v in body.items() if k in _OWN}
        extra = {k: v for k, v in body.items() if k not in _OWN}
        try:
            # The package's own timeout is for each read: a body that drips would never end.
            async with asyncio.timeout(timeout_s):
                response = await api.with_raw_response.create(**known, extra_body=extra or None)
        except openai.APIStatusError as error:
            headers = {k.lower(): v for k, v in error.response.headers.items()}
            raise EndpointError(error.status_code, error.body or error.message, headers) from None
        except openai.APIConnectionError as error:
            raise _connection_error(error) from None
        headers = {k.lower(): v for k, v in response.headers.items()}
        return parse_body(response.content), headers


def _http_client() -> Any:
    """aiohttp below the package where it can: a third cheaper than its default, and no pool limit of its own."""
    import openai

    try:
        return openai.DefaultAioHttpClient(timeout=None, follow_redirects=False)
    except RuntimeError:  # a package without its aiohttp extra
        return openai.DefaultAsyncHttpxClient(timeout=None, follow_redirects=False)


_UNREACHED = {"ConnectError", "ClientConnectorError", "ConnectionRefusedError", "gaierror"}


def _connection_error(error: Exception) -> Exception:
    """Refused connections told apart from slow and broken ones, as the fast transport does.

    The names on the chain of causes decide: over aiohttp the package calls a refused connection a timeout.
    """
    names: set[str] = set()
    cause: BaseException | None = error
    while cause is not None:
        names |= {cls.__name__ for cls in type(cause).__mro__}
        last, cause = cause, cause.__cause__ or cause.__context__
    if names & _UNREACHED:
        return ConnectionRefusedError(str(last) or "connection refused")
    return TimeoutError() if "APITimeoutError" in names else ConnectionResetError(str(error))
