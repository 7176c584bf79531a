"""The HTTP client over loopback, against servers that say exactly the bytes a test wants."""

from __future__ import annotations

import asyncio
import gzip
import shutil
import ssl
import subprocess
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from synthgen.providers import http_client
from synthgen.providers.http_client import ConnectError, HttpClient

pytestmark = pytest.mark.anyio

Reply = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@dataclass
class Server:
    """What a scripted server saw."""

    url: str
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    ended: list[bool] = field(default_factory=list)


@asynccontextmanager
async def serving(*replies: bytes | Reply, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """A server that gives each request, over all connections, the next reply; the last one again and again. Bytes are
    sent as they are; an empty reply closes the connection."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        try:
            while request := await _read_request(reader):
                server.requests.append(request)
                reply = replies[min(len(server.requests), len(replies)) - 1]
                if not reply:
                    break
                if callable(reply):
                    await reply(request, writer)
                else:
                    writer.write(reply)
                    await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            server.ended.append(True)
            writer.close()

    listening = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    server = Server(f"http{'s' if tls else ''}://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1")
    try:
        yield server
    finally:
        listening.close()
        await listening.wait_closed()


async def _read_request(reader: asyncio.StreamReader) -> bytes:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    return head + await reader.readexactly(length)


@asynccontextmanager
async def client_of(url: str, **headers: str) -> AsyncIterator[HttpClient]:
    client = HttpClient(url, {"content-type": "application/json", **headers})
    try:
        yield client
    finally:
        await client.close()


async def test_request_is_said_in_full_and_the_connection_kept() -> None:
    """One write holds head and body; the second request goes over the same connection."""
    async with serving(OK) as server, client_of(server.url, authorization="Bearer k") as client:
        for body in (b"one", b"two"):
            answer = await client.post("/chat/completions", body, timeout_s=5)
            assert (answer.status, answer.body) == (200, b"ok")
    assert server.connections == 1
    head, _, body = server.requests[1].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:")
    assert b"authorization: Bearer k\r\n" in head
    assert (b"content-length: 3" in head, body) == (True, b"two")


@pytest.mark.parametrize(
    ("reply", "body"),
    [
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\nX-After: 1\r\n\r\n",
            b"abcde",
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes", b"yes"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    ],
    ids=["chunked", "continue", "empty", "no content"],
)
async def test_answers_of_every_framing_are_read_whole(reply: bytes, body: bytes) -> None:
    """Chunks, an interim answer before the real one, none at all; the connection can be used again."""
    async with serving(reply) as server, client_of(server.url) as client:
        for _ in range(2):
            assert (await client.post("/x", b"{}", timeout_s=5)).body == body
    assert server.connections == 1


async def test_answer_without_a_length_ends_with_the_connection() -> None:
    """As HTTP/1.0 servers do it; the next request takes a new connection."""

    async def until_close(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nall of ")
        await writer.drain()
        await asyncio.sleep(0.01)
        writer.write(b"it")
        writer.close()

    async with serving(until_close) as server, client_of(server.url) as client:
        for _ in range(2):
            assert (await client.post("/x", b"{}", timeout_s=5)).body == b"all of it"
    assert server.connections == 2


async def test_server_that_closes_is_left_in_peace() -> None:
    """`Connection: close` is kept to, and a connection that the server closed while it was idle is not asked on."""
    async with (
        serving(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n1") as server,
        client_of(server.url) as client,
    ):
        for _ in range(3):
            assert (await client.post("/x", b"{}", timeout_s=5)).body == b"1"
    assert server.connections == 3

    async def then_close(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        writer.close()

    async with serving(then_close) as server, client_of(server.url) as client:
        await client.post("/x", b"{}", timeout_s=5)
        await asyncio.sleep(0.05)
        assert server.ended
        assert (await client.post("/x", b"{}", timeout_s=5)).body == b"ok"


@pytest.mark.parametrize(
    ("encoding", "sent"),
    [
        ("gzip", gzip.compress(b"plain")),
        ("deflate", zlib.compress(b"plain")),
        ("Deflate", zlib.compress(b"plain")[2:-4]),
        ("identity", b"plain"),
    ],
)
async def test_compression_that_nobody_asked_for_is_undone(encoding: str, sent: bytes) -> None:
    """gzip, zlib and raw deflate."""
    reply = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(sent)}\r\n\r\n".encode() + sent
    async with serving(reply) as server, client_of(server.url) as client:
        assert (await client.post("/x", b"{}", timeout_s=5)).body == b"plain"


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (b"", "before any answer"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx", "content-encoding br"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx", "decompressed"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 300_000 + b"\r\n\r\n", "headers"),
        (b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", "another protocol"),
    ],
    ids=["nothing", "ssh", "brotli", "no gzip", "headers", "upgrade"],
)
async def test_what_is_no_answer_is_a_broken_connection(reply: bytes, said: str) -> None:
    """With what was wrong in words; the next request takes another connection and is answered."""
    async with serving(reply, OK) as server, client_of(server.url) as client:
        with pytest.raises(ConnectionError, match=said):
            await client.post("/x", b"{}", timeout_s=5)
        assert (await client.post("/x", b"{}", timeout_s=5)).body == b"ok"


async def test_cut_answer_says_how_much_of_it_came() -> None:
    """A body shorter than its length is none."""

    async def cut(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        writer.close()

    async with serving(cut) as server, client_of(server.url) as client:
        with pytest.raises(ConnectionResetError, match="after 44 bytes"):
            await client.post("/x", b"{}", timeout_s=5)


async def test_answer_that_nobody_asked_for_is_given_to_nobody() -> None:
    """Two answers to one request: the second must not become the answer to the next."""
    second = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong"
    for stray in (OK + second, OK + b"rubbish"):
        async with serving(stray, OK) as server, client_of(server.url) as client:
            for _ in range(2):
                assert (await client.post("/x", b"{}", timeout_s=5)).body == b"ok"
        assert server.connections == 2

    async def late(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        await writer.drain()
        await asyncio.sleep(0.02)
        writer.write(second)

    async with serving(late, OK) as server, client_of(server.url) as client:
        await client.post("/x", b"{}", timeout_s=5)
        await asyncio.sleep(0.05)
        assert (await client.post("/x", b"{}", timeout_s=5)).body == b"ok"


async def test_time_is_for_the_whole_answer_and_its_connection_goes() -> None:
    """A body that drips ends with the timeout; what would still have come cannot reach the next request."""

    async def drip(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(100):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with serving(drip, OK) as server, client_of(server.url) as client:
        with pytest.raises(TimeoutError):
            await client.post("/x", b"{}", timeout_s=0.1)
        assert (await client.post("/x", b"{}", timeout_s=5)).body == b"ok"
    assert server.connections == 2


async def test_cancelled_request_takes_its_connection_along() -> None:
    """Nobody waits for the answer any more, so nobody else may get it."""

    async def never(_: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.3)

    async with serving(never, OK) as server, client_of(server.url) as client:
        task = asyncio.create_task(client.post("/x", b"{}", timeout_s=60))
        await asyncio.sleep(0.05)
        assert server.requests
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await client.post("/x", b"{}", timeout_s=5)).body == b"ok"


async def test_many_at_once_have_a_connection_each_and_share_them_after() -> None:
    """As many connections as were in flight together, and no more."""

    async def slow(request: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.02)
        body = request.rpartition(b"\r\n\r\n")[2]
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    async with serving(slow) as server, client_of(server.url) as client:
        for _ in range(3):
            asked = [b"%d" % number for number in range(20)]
            answers = await asyncio.gather(*(client.post("/x", body, timeout_s=5) for body in asked))
            assert [answer.body for answer in answers] == asked
    assert server.connections == 20


async def test_idle_connection_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that lay idle for too long may be dead without a word, so it is not asked on."""
    monkeypatch.setattr(http_client, "KEEP_IDLE_S", 0.0)
    async with serving(OK) as server, client_of(server.url) as client:
        for _ in range(2):
            await client.post("/x", b"{}", timeout_s=5)
    assert server.connections == 2


async def test_nothing_was_sent_where_nobody_listens() -> None:
    """Refused, unknown and unreachable within the time: told apart from a connection that broke."""
    async with serving(OK) as server:
        gone = server.url
    async with client_of(gone) as client:
        with pytest.raises(ConnectError, match="refused"):
            await client.post("/x", b"{}", timeout_s=5)
    async with client_of("http://nowhere.invalid/v1") as client:
        with pytest.raises(ConnectError):
            await client.post("/x", b"{}", timeout_s=5)


async def test_plain_server_behind_https_is_an_error_of_tls() -> None:
    """So that the message can speak of http and https."""
    async with (
        serving(b"HTTP/1.1 400 Bad Request\r\n\r\n") as server,
        client_of(server.url.replace("http:", "https:")) as client,
    ):
        with pytest.raises((ssl.SSLError, ConnectError)) as caught:
            await client.post("/x", b"{}", timeout_s=1)
    assert isinstance(caught.value, ssl.SSLError | ConnectError)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://127.0.0.1/v1", "web server: ftp"),
        ("127.0.0.1:8000/v1", "address of a web server"),
        ("http:///v1", "address"),
    ],
)
def test_what_is_no_address_is_told(url: str, said: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ValueError, match=said):
        HttpClient(url, {})


async def test_name_and_password_in_the_address_become_a_header() -> None:
    """As every client does it; a header of the caller's own goes before."""
    async with serving(OK) as server:
        with_user = server.url.replace("//", "//me:s%3Acret@")
        async with client_of(with_user) as client:
            await client.post("/x", b"{}", timeout_s=5)
        async with client_of(with_user, authorization="Bearer k") as client:
            await client.post("/x", b"{}", timeout_s=5)
    assert b"authorization: Basic bWU6czpjcmV0\r\n" in server.requests[0]
    assert b"Basic" not in server.requests[1]


async def test_header_with_a_line_break_is_refused() -> None:
    """It would let whoever wrote it say a request of their own."""
    async with serving(OK) as server, client_of(server.url, x="a\r\ny: b") as client:
        with pytest.raises(ValueError, match="line break"):
            await client.post("/x", b"{}", timeout_s=5)


def make_certificate(folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "cert.pem", folder / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=loopback"]
    made += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True)
    return certificate, key


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate with openssl")
async def test_https_is_spoken_with_whom_it_trusts_and_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate that the system trusts is good for many requests on one connection; an unknown one ends it."""
    certificate, key = make_certificate(tmp_path)
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate, key)
    async with serving(OK, tls=server_side) as server:
        with pytest.raises(ssl.SSLError):
            async with client_of(server.url) as client:
                await client.post("/x", b"{}", timeout_s=5)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        async with client_of(server.url) as client:
            for _ in range(3):
                assert (await client.post("/x", b"{}", timeout_s=5)).body == b"ok"
    assert len(server.requests) == 3
