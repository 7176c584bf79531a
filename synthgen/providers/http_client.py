"""HTTP/1.1 to one endpoint: POST a body, read the whole answer, keep the connection.

Owns connections: made as needed, reused last in first out, one request on each at a time. httptools parses,
aiohappyeyeballs connects, ssl secures. Refuses what an API endpoint does not need: redirects, cookies, proxies,
streaming, pipelining.
"""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import ssl
import zlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast
from urllib.parse import unquote

import httptools
from aiohappyeyeballs import AddrInfoType, start_connection
from yarl import URL

CONNECT_TIMEOUT_S = 15.0
KEEP_IDLE_S = 60.0
KEEP_ADDRESSES_S = 300.0
SECOND_ADDRESS_AFTER_S = 0.25
MAX_HEADER_BYTES = 262_144
MAX_BODY_BYTES = 268_435_456
_BODILESS = frozenset({*range(100, 200), 204, 304})
_GZIP_OR_ZLIB = 47
_RAW_DEFLATE = -15


class ConnectError(OSError):
    """No connection could be made; nothing was sent."""


class HttpAnswer(NamedTuple):
    """A whole response.

    Attributes:
        status: HTTP status.
        headers: By lower-cased name; of a name that comes twice, the last.
        body: Decompressed.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpClient:
    """A pool of connections to the server of one base URL.

    Args:
        base_url: http or https, with everything that paths are added to.
        headers: Sent with every request.

    Raises:
        ValueError: Not an address, or a header that cannot be sent.
    """

    def __init__(self, base_url: str, headers: Mapping[str, str]) -> None:
        url = URL(base_url)
        if url.scheme not in ("http", "https") or not url.raw_host or url.port is None:
            raise ValueError(f"not the address of a web server: {base_url.rpartition('@')[2]}")
        self._base_url, self._url = base_url, url
        self._host, self._port = url.raw_host, url.port
        self._headers = {**_basic_auth(url), **headers}
        self._heads: dict[str, bytes] = {}
        self._tls: ssl.SSLContext | None = None
        self._idle: list[_Connection] = []
        self._all: set[_Connection] = set()
        self._addresses: Sequence[AddrInfoType] = ()
        self._addresses_until = 0.0
        self._resolving = asyncio.Lock()

    async def post(self, path: str, body: bytes, *, timeout_s: float) -> HttpAnswer:
        """Send a body and wait for the answer.

        Raises:
            ConnectError: No connection.
            TimeoutError: No whole answer within `timeout_s`.
            ssl.SSLError: No secure connection.
            ConnectionError: The connection broke, or what came is not HTTP.
        """
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + timeout_s
        connection = self._take_idle(loop.time()) or await self._connect(timeout_s)
        head = self._heads.get(path) or self._prepare_head(path)
        timer = loop.call_at(ends_at, connection.expire)
        try:
            return await connection.ask(b"%b%d\r\n\r\n%b" % (head, len(body), body))
        except BaseException:
            connection.abort()
            raise
        finally:
            timer.cancel()

    async def close(self) -> None:
        """Close every connection, and wait until they are."""
        closing = list(self._all)
        for connection in closing:
            connection.abort()
        await asyncio.gather(*(connection.closed for connection in closing))

    # --- connections -------------------------------------------------------------------------------------------

    def _take_idle(self, now: float) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_open:
                continue
            if now - connection.idle_since < KEEP_IDLE_S:
                return connection
            connection.abort()
        return None

    async def _connect(self, timeout_s: float) -> _Connection:
        limit_s = min(timeout_s, CONNECT_TIMEOUT_S)
        try:
            async with asyncio.timeout(limit_s):
                return await self._open_connection()
        except ssl.SSLError:
            raise
        except TimeoutError:
            raise ConnectError(f"no connection within {limit_s:g} s") from None
        except OSError as error:
            raise ConnectError(_reason(error)) from None

    async def _open_connection(self) -> _Connection:
        loop = asyncio.get_running_loop()
        found = await start_connection(
            await self._resolve(loop), happy_eyeballs_delay=SECOND_ADDRESS_AFTER_S, interleave=1, loop=loop
        )
        try:
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            tls = self._context() if self._url.scheme == "https" else None
            name = self._host.rstrip(".") if tls is not None else None
            _, connection = await loop.create_connection(
                lambda: _Connection(self._idle, self._all), sock=found, ssl=tls, server_hostname=name
            )
        except BaseException:
            found.close()
            raise
        return connection

    async def _resolve(self, loop: asyncio.AbstractEventLoop) -> Sequence[AddrInfoType]:
        async with self._resolving:
            if loop.time() >= self._addresses_until:
                found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
                self._addresses, self._addresses_until = found, loop.time() + KEEP_ADDRESSES_S
            return self._addresses

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls

    def _prepare_head(self, path: str) -> bytes:
        """What is the same for every request to a path, up to the length of its body."""
        url = URL(self._base_url + path)
        host = f"[{self._host}]" if ":" in self._host else self._host
        address = host if url.is_default_port() else f"{host}:{self._port}"
        lines = [f"POST {url.raw_path_qs} HTTP/1.1", f"host: {address}", "accept: application/json"]
        lines += ["accept-encoding: identity", *(f"{name}: {value}" for name, value in self._headers.items())]
        head = "\r\n".join([*lines, "content-length: "])
        if head.count("\n") != len(lines):
            raise ValueError("a header that holds a line break")
        return self._heads.setdefault(path, head.encode("latin-1"))


class _Connection(asyncio.Protocol):
    """One connection, and the answer that is being read from it.

    Args:
        idle: Where it puts itself when it can take another request.
        everyone: Where it is for as long as it is open.
    """

    def __init__(self, idle: list[_Connection], everyone: set[_Connection]) -> None:
        self._idle, self._everyone = idle, everyone
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[HttpAnswer] | None = None
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self.idle_since = 0.0
        self._begin()

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def _begin(self) -> None:
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._bytes_read, self._header_bytes, self._body_bytes = 0, 0, 0
        self._is_read_to_the_end = False

    def ask(self, request: bytes) -> asyncio.Future[HttpAnswer]:
        """Send a request; the answer, or what went wrong, is the future's."""
        self._answer = self._loop.create_future()
        if self._transport is None or self._transport.is_closing():
            self._answer.set_exception(ConnectionResetError("the server closed the connection"))
        else:
            self._transport.write(request)
        return self._answer

    def expire(self) -> None:
        """Time is up."""
        self._fail(TimeoutError("no answer in time"))

    def abort(self) -> None:
        """Close at once; an answer that is still awaited is lost."""
        self._answer = None
        if self._transport is not None:
            self._transport.abort()

    def _fail(self, error: Exception) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_exception(error)
        if self._transport is not None:
            self._transport.abort()

    # --- asyncio calls these -----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        self._everyone.add(self)

    def data_received(self, data: bytes) -> None:
        if self._answer is None:  # nobody asked: it is of no use any more
            self.abort()
            return
        self._bytes_read += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(ConnectionError("the server wants another protocol"))
        except httptools.HttpParserError as error:
            # Where the answer was complete, only what follows it is at fault; the connection is of no use either way.
            self._fail(ConnectionError(f"the answer is not HTTP: {error.__context__ or error}"))

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._everyone.discard(self)
        if self._answer is not None:
            if error is None and self._is_read_to_the_end:
                self._complete()
            else:
                self._fail(self._broken(error))
        if not self.closed.done():
            self.closed.set_result(None)

    def _broken(self, error: Exception | None) -> Exception:
        if isinstance(error, ssl.SSLError):
            return error
        when = f"after {self._bytes_read:,} bytes of the answer" if self._bytes_read else "before any answer"
        return ConnectionResetError(f"the server closed the connection {when}" + (f": {error}" if error else ""))

    # --- httptools calls these ---------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._answer is None:
            raise ValueError("an answer that nobody asked for")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > MAX_HEADER_BYTES:
            raise ValueError(f"more than {MAX_HEADER_BYTES:,} bytes of headers")

    def on_headers_complete(self) -> None:
        names = {name.lower() for name, _ in self._headers}
        has_end = b"content-length" in names or b"transfer-encoding" in names
        self._is_read_to_the_end = not has_end and self._parser.get_status_code() not in _BODILESS

    def on_body(self, part: bytes) -> None:
        self._body.append(part)
        self._body_bytes += len(part)
        if self._body_bytes > MAX_BODY_BYTES:
            raise ValueError(f"more than {MAX_BODY_BYTES:,} bytes")

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() < 200:  # "continue", and the like: the answer is still to come
            self._begin()
            return
        self._complete()

    def _complete(self) -> None:
        answer, self._answer = self._answer, None
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in self._headers}
        status, body = self._parser.get_status_code(), b"".join(self._body)
        is_reusable = self.is_open and self._parser.should_keep_alive() and not self._is_read_to_the_end
        self._begin()
        if is_reusable:
            self.idle_since = self._loop.time()
            self._idle.append(self)
        elif self._transport is not None:
            self._transport.close()
        if answer is None or answer.done():
            return
        try:
            answer.set_result(HttpAnswer(status, headers, _decompressed(body, headers.get("content-encoding", ""))))
        except (zlib.error, ValueError) as error:
            answer.set_exception(ConnectionError(f"the answer cannot be decompressed: {error}"))


def _reason(error: OSError) -> str:
    """Why, without the address in it."""
    if isinstance(error, ConnectionError) and error.errno is not None:
        return os.strerror(error.errno)
    return error.strerror or str(error)


def _decompressed(body: bytes, encoding: str) -> bytes:
    """A body as it was before a server compressed it, though nobody asked it to."""
    kind = encoding.strip().lower()
    if not body or kind in ("", "identity"):
        return body
    if kind not in ("gzip", "x-gzip", "deflate"):
        raise ValueError(f"content-encoding {kind}, which was not asked for")
    try:
        return _inflated(body, _GZIP_OR_ZLIB)
    except zlib.error:
        if kind != "deflate":
            raise
        return _inflated(body, _RAW_DEFLATE)


def _inflated(body: bytes, window_bits: int) -> bytes:
    inflater = zlib.decompressobj(window_bits)
    found = inflater.decompress(body, MAX_BODY_BYTES)
    if inflater.unconsumed_tail:
        raise ValueError(f"more than {MAX_BODY_BYTES:,} bytes")
    if not inflater.eof:
        raise ValueError("it ends too early")
    return found


def _basic_auth(url: URL) -> dict[str, str]:
    """The header that a name and password in an address stand for."""
    if not url.raw_user:
        return {}
    told = f"{unquote(url.raw_user)}:{unquote(url.raw_password or '')}"
    return {"authorization": f"Basic {base64.b64encode(told.encode()).decode()}"}
