"""aiohttp as transport: through a proxy that the environment names, and with a client certificate.

The proxy is looked up here and handed over, rather than by aiohttp's `trust_env`: that reads `~/.netrc` as well, whose
password would take the place of the job's key.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson
from yarl import URL

from synthgen.errors import JobError
from synthgen.job import ModelConfig
from synthgen.providers.http_client import CONNECT_TIMEOUT_S, ConnectError
from synthgen.providers.openai_errors import EndpointError, ProxyError, Unencodable, parsed_or_text
from synthgen.providers.openai_wire import parse_body


class AiohttpTransport:
    """One session of aiohttp.

    Args:
        config: `base_url`, `client_cert` and `client_key`.
        api_key: Sent as bearer token; None sends none.
        proxy: As `proxy_of`.
    """

    def __init__(self, config: ModelConfig, api_key: str | None, proxy: str | None) -> None:
        self._config = config
        url = URL(config.base_url)
        self._base_url = str(url.with_user(None))
        self._headers = {"content-type": "application/json", "user-agent": "synthgen", "accept-encoding": "identity"}
        self._headers |= _basic("authorization", url.user, url.password)
        if api_key:
            self._headers["authorization"] = f"Bearer {api_key}"
        self._proxy, self._proxy_headers = _read_proxy(proxy)
        if url.scheme == "http":  # no tunnel: the proxy reads the request itself
            self._headers |= self._proxy_headers
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Read the certificates.

        Raises:
            JobError: The client certificate or its key cannot be read.
        """
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=_tls(self._config)),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def post(self, path: str, body: Mapping[str, Any], *, timeout_s: float) -> tuple[Any, Mapping[str, str]]:
        """See `Transport.post`.

        Raises:
            ProxyError: The proxy refuses, hangs or cannot be reached.
            ConnectError: No connection; ssl.SSLError: no secure one; TimeoutError, ConnectionError: as they say.
        """
        try:
            data = orjson.dumps(body)
        except TypeError as error:
            raise Unencodable(str(error)) from None
        try:
            status, headers, raw = await self._post(path, data, timeout_s)
        except aiohttp.ClientHttpProxyError as error:
            raise self._refusal(error.status) from None
        except aiohttp.ClientProxyConnectionError as error:
            raise ProxyError(
                f"the proxy at {self._place()} cannot be reached: {error.os_error.strerror or 'no connection'}",
                hint="is HTTPS_PROXY (or HTTP_PROXY) right? NO_PROXY names hosts to reach without it",
            ) from None
        except aiohttp.ConnectionTimeoutError:
            raise self._no_connection(self._connect_s(timeout_s)) from None
        except TimeoutError:
            raise TimeoutError("no answer in time") from None
        except aiohttp.ClientConnectorCertificateError as error:
            raise error.certificate_error from None
        except aiohttp.ClientConnectorSSLError as error:
            raise error.os_error from None
        except aiohttp.ClientConnectorError as error:
            raise ConnectError(error.os_error.strerror or str(error.os_error)) from None
        except aiohttp.ClientError as error:
            raise ConnectionResetError(f"{type(error).__name__}: {error}") from None
        if status == 407 and self._proxy is not None:
            raise self._refusal(status)
        if status != 200:
            raise EndpointError(status, parsed_or_text(raw), headers)
        return parse_body(raw), headers

    async def _post(self, path: str, data: bytes, timeout_s: float) -> tuple[int, Mapping[str, str], bytes]:
        assert self._session is not None, "the transport is not open"
        limits = aiohttp.ClientTimeout(total=timeout_s, connect=self._connect_s(timeout_s))
        async with self._session.post(
            self._base_url + path,
            data=data,
            headers=self._headers,  # here, not as the session's: those go to the proxy too, the key as its password
            timeout=limits,
            allow_redirects=False,
            proxy=self._proxy,
            proxy_headers=self._proxy_headers if self._proxy else None,
        ) as response:
            raw = await response.read()
            return response.status, {name.lower(): value for name, value in response.headers.items()}, raw

    def _connect_s(self, timeout_s: float) -> float:
        """Behind a proxy a little less than the whole call, so that a proxy that hangs is told from a slow answer."""
        return CONNECT_TIMEOUT_S if self._proxy is None else min(0.9 * timeout_s, CONNECT_TIMEOUT_S)

    def _place(self) -> str:
        parts = urlsplit(self._proxy or "")
        return parts.netloc

    def _refusal(self, status: int) -> ProxyError:
        if status == 407:
            said = "refuses the name and password" if self._proxy_headers else "wants a name and password"
            hint = "write them into HTTPS_PROXY (or HTTP_PROXY): http://NAME:PASSWORD@HOST:PORT, %40 for an @"
            return ProxyError(f"the proxy at {self._place()} {said} (407)", hint=hint, is_lasting=True)
        host = urlsplit(self._base_url).hostname
        hint = f"ask who runs the proxy to let {host} through, or name it in NO_PROXY"
        message = f"the proxy at {self._place()} makes no connection to {host} (HTTP {status})"
        return ProxyError(message, hint=hint, is_lasting=status < 500)

    def _no_connection(self, limit_s: float) -> Exception:
        if self._proxy is None:
            return ConnectError(f"no connection within {limit_s:g} s")
        hint = "is HTTPS_PROXY (or HTTP_PROXY) right? NO_PROXY names hosts to reach without it"
        return ProxyError(f"the proxy at {self._place()} made no connection within {limit_s:g} s", hint=hint)


def _read_proxy(proxy: str | None) -> tuple[str | None, dict[str, str]]:
    """The proxy's address without its password, and the header that says it."""
    if proxy is None:
        return None, {}
    try:
        url = URL(proxy)
        if url.scheme not in ("http", "https") or not url.host:
            raise ValueError
    except ValueError:
        raise JobError(
            "HTTPS_PROXY (or HTTP_PROXY) is not the address of an HTTP proxy",
            hint="it looks like http://proxy.example:3128; socks proxies are not supported",
        ) from None
    return str(url.with_user(None)), _basic("proxy-authorization", url.user, url.password)


def _basic(header: str, user: str | None, password: str | None) -> dict[str, str]:
    if not user:
        return {}
    told = f"{user}:{password or ''}".encode()
    return {header: f"Basic {base64.b64encode(told).decode()}"}


def _tls(config: ModelConfig) -> ssl.SSLContext:
    """Trusts what the system and SSL_CERT_FILE hold; shows the client certificate where the job has one."""
    context = ssl.create_default_context()
    if config.client_cert is None:
        return context
    try:
        context.load_cert_chain(config.client_cert, config.client_key, password=lambda: "")
    except (OSError, ValueError) as error:
        files = " and ".join(filter(None, [config.client_cert, config.client_key]))
        raise JobError(
            f"models: the client certificate of '{config.model}' ({files}) cannot be read: {error}",
            hint="client_cert and client_key name PEM files, from the working directory; the key without a password",
        ) from None
    return context
