"""HTTP/1.1 on one connection: just what an API client sends, so that the simulator is never what is measured.

Keep-alive, one request at a time, bodies by Content-Length. Chunked requests are answered 411, oversized ones 431 and
413, and a second request that arrives early waits for its turn. Expect is ignored.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import cast

from synthgen.simulator.api import Api
from synthgen.simulator.replies import Refusal, Reply

MAX_HEAD_BYTES = 32 * 1024
MAX_BODY_BYTES = 16 * 1024 * 1024
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_END = b"\r\n\r\n"


class Connection(asyncio.Protocol):
    """One client's connection.

    Args:
        api: Answers its requests.
        open_connections: Where it registers itself while it is open.
    """

    def __init__(self, api: Api, open_connections: set[Connection]) -> None:
        self._api = api
        self._open = open_connections
        self._buffer = b""
        self._working: Reply | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_last = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports derive from none of asyncio's classes
        self._transport = cast(asyncio.Transport, transport)
        self._loop = asyncio.get_running_loop()
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._working is not None:
            self._api.abandoned(self._working)
            self._working = None

    def abort(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        if self._working is None:
            self._read_requests()
        elif len(self._buffer) > MAX_HEAD_BYTES + MAX_BODY_BYTES:
            self._transport.abort()

    def _read_requests(self) -> None:
        """Answers what the buffer holds whole, one after the other, until one has to wait."""
        while self._working is None and self._buffer and not self._transport.is_closing():
            end = self._buffer.find(_END)
            if end < 0:
                if len(self._buffer) > MAX_HEAD_BYTES:
                    self._give_up(431, "The request's head is too large.")
                return
            head = self._buffer[:end]
            lowered = head.lower()
            length = _content_length(head, lowered)
            if isinstance(length, Refusal):
                self._give_up(length.status, length.message)
                return
            start = end + len(_END)
            if len(self._buffer) < start + length:
                return
            body = self._buffer[start : start + length]
            self._buffer = self._buffer[start + length :]
            self._answer(head, lowered, body)

    def _answer(self, head: bytes, lowered: bytes, body: bytes) -> None:
        words = head.partition(b"\r\n")[0].decode("latin-1").split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            self._give_up(400, "This is not HTTP/1.1.")
            return
        connection = header(head, lowered, b"connection").lower()
        self._is_last = "close" in connection or (words[2] == "HTTP/1.0" and "keep-alive" not in connection)
        reply = self._api.answer(words[0], words[1], header(head, lowered, b"authorization"), body)
        if reply.delay_s > 0:
            self._working = reply
            self._timer = self._loop.call_later(reply.delay_s, self._send_late)
        else:
            self._send(reply)

    def _send_late(self) -> None:
        reply, self._working, self._timer = self._working, None, None
        assert reply is not None
        self._send(reply)
        self._read_requests()

    def _send(self, reply: Reply) -> None:
        if self._transport.is_closing():
            self._api.abandoned(reply)
            return
        is_whole = reply.sent_ratio >= 1
        body = reply.body if is_whole else reply.body[: int(len(reply.body) * reply.sent_ratio)]
        self._transport.write(self._head(reply) + body)
        if reply.is_work:
            self._api.sent(reply)
        if self._is_last or not is_whole:
            self._transport.close()

    def _head(self, reply: Reply) -> bytes:
        lines = [
            f"HTTP/1.1 {reply.status} {_PHRASES.get(reply.status, 'Unknown')}",
            "content-type: application/json",
            f"content-length: {len(reply.body)}",
        ]
        lines += [f"{name}: {value}" for name, value in reply.headers.items()]
        if self._is_last:
            lines.append("connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _give_up(self, status: int, message: str) -> None:
        """Answers what cannot be read and closes: where the next request would begin is unknown."""
        self._is_last = True
        self._send(Reply(status, Refusal(status, message).as_body()))


def header(head: bytes, lowered: bytes, name: bytes) -> str:
    """Value of a header by its lower-case name, or the empty string; `lowered` is the head in lower case."""
    at = lowered.find(b"\r\n" + name + b":")
    if at < 0:
        return ""
    start = at + len(name) + 3
    end = head.find(b"\r\n", start)
    return head[start : end if end >= 0 else len(head)].strip().decode("latin-1")


def _content_length(head: bytes, lowered: bytes) -> int | Refusal:
    if header(head, lowered, b"transfer-encoding"):
        return Refusal(411, "Send the body with a Content-Length.")
    text = header(head, lowered, b"content-length") or "0"
    if not (text.isascii() and text.isdigit()):
        return Refusal(400, "Content-Length is not a number.")
    if len(text) > 12 or int(text) > MAX_BODY_BYTES:
        return Refusal(413, f"The body is larger than {MAX_BODY_BYTES} bytes.")
    return int(text)
