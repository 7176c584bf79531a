"""`transport: aiohttp`: through a proxy, with a private CA and a client certificate, and a sentence for each failure."""

from __future__ import annotations

import asyncio
import base64
import re
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from synthgen.errors import JobError
from synthgen.job import ModelConfig
from synthgen.providers.openai import OpenAIProvider
from synthgen.providers.proxy import proxy_of
from synthgen.records import Failure, FailureKind, Message, Prompt, Request
from synthgen.simulator import Simulator, SimulatorSettings
from synthgen.testing import check_provider

pytestmark = pytest.mark.anyio
CHAT = Request(Prompt((Message("user", "Write a message."),), output="text"), {"max_tokens": 40})
HOST = "api.example.test"  # no name server knows it: only a proxy can lead there
REPLY = (
    b'{"model":"m","choices":[{"message":{"content":"fine"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":3,"completion_tokens":1}}'
)
KEY = "sk-loopback-0123456789"
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl")


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy and no CA but a test's own."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CA (`ca.pem`), and a server's and a client's certificate by it (`server.pem`, `client.pem`, with keys)."""
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*args: str) -> None:
        subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)

    new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    openssl(*new, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=our own CA", "-addext", "keyUsage=keyCertSign")
    for name, host in (("server", HOST), ("client", "client")):
        signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE"]
        names = ["-addext", f"subjectAltName=DNS:{host},IP:127.0.0.1", "-subj", f"/CN={host}"]
        openssl(*new, "-keyout", f"{name}.key", "-out", f"{name}.pem", *signed, *names)
    return folder


@dataclass
class Proxy:
    """A CONNECT proxy on loopback: what it was asked, and how it answers."""

    url: str = ""
    target: int = 0
    user: str = ""
    status: int = 200
    hangs: bool = False
    asked: list[str] = field(default_factory=list)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._handle(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(head)
        if self.hangs:
            await reader.read()
            return
        expected = f"Basic {base64.b64encode(self.user.encode()).decode()}"
        status = 407 if self.user and f"proxy-authorization: {expected}".lower() not in head.lower() else self.status
        if status != 200:
            writer.write(f"HTTP/1.1 {status} no\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
            return
        if not head.startswith("CONNECT"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(REPLY), REPLY))
            await writer.drain()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(_pipe(reader, far_writer), _pipe(far_reader, writer))


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


@asynccontextmanager
async def proxying(proxy: Proxy) -> AsyncIterator[Proxy]:
    listening = await asyncio.start_server(proxy.handle, "127.0.0.1", 0)
    proxy.url = f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        listening.close()


@asynccontextmanager
async def secure_server(certificates: Path, *, asks_client: bool = False) -> AsyncIterator[int]:
    """An https endpoint that always answers; its port."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    if asks_client:
        tls.verify_mode = ssl.CERT_REQUIRED
        tls.load_verify_locations(certificates / "ca.pem")

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]))
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(REPLY), REPLY))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()


async def ask(base_url: str, *, timeout_s: float = 5.0, **entry: str) -> str | Failure:
    """The answer's text, or what the provider makes of the error."""
    async with OpenAIProvider(ModelConfig(model="m", base_url=base_url, **entry), api_key=KEY) as provider:
        try:
            return (await provider.complete(CHAT, timeout_s=timeout_s)).text
        except Exception as error:
            return provider.classify(error)


async def test_aiohttp_keeps_the_contract() -> None:
    """The third transport passes the shipped contract check."""
    async with Simulator(SimulatorSettings(api_key=KEY, latency_s=0.01)) as simulator:
        config = ModelConfig(model="m", base_url=simulator.base_url, transport="aiohttp")
        async with OpenAIProvider(config, api_key=KEY) as provider:
            await check_provider(provider, CHAT, timeout_s=5.0, secrets=[KEY])


def test_proxy_is_the_environments_where_it_applies(monkeypatch: pytest.MonkeyPatch) -> None:
    """By scheme; not for hosts in NO_PROXY nor for this machine."""
    assert proxy_of(f"https://{HOST}/v1") is None
    monkeypatch.setenv("HTTPS_PROXY", "proxy.test:3128")
    monkeypatch.setenv("NO_PROXY", ".inside.test")
    assert proxy_of(f"https://{HOST}/v1") == "http://proxy.test:3128"
    for url in (f"http://{HOST}/v1", "https://a.inside.test/v1", "https://localhost:8000/v1", "https://127.0.0.1/v1"):
        assert proxy_of(url) is None


@needs_openssl
async def test_proxy_with_password_and_private_ca(certificates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTPS_PROXY is used without a word in the job, SSL_CERT_FILE holds the CA; the proxy never sees the key."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "ca.pem"))
    async with secure_server(certificates) as port, proxying(Proxy(target=port, user="me:p@ss")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:p%40ss@{proxy.url}")
        assert await ask(f"https://{HOST}/v1") == "fine"
    (asked,) = proxy.asked
    assert asked.startswith(f"CONNECT {HOST}:443 HTTP/1.1\r\n")
    assert KEY not in asked


@needs_openssl
async def test_unknown_ca_is_named_with_the_variable(certificates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through a proxy and direct: a certificate of an unknown CA is fatal, and the hint names SSL_CERT_FILE."""
    async with secure_server(certificates) as port, proxying(Proxy(target=port)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.url}")
        for url in (f"https://{HOST}/v1", f"https://127.0.0.1:{port}/v1"):
            failure = await ask(url)
            assert isinstance(failure, Failure)
            assert (failure.kind, failure.code) == (FailureKind.FATAL, "tls")
            assert "SSL_CERT_FILE" in str(failure.hint)


@needs_openssl
async def test_client_certificate_is_shown(certificates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `client_cert` a server that asks for one answers; a file that is none is told before anything is sent."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "ca.pem"))
    cert, key = str(certificates / "client.pem"), str(certificates / "client.key")
    async with secure_server(certificates, asks_client=True) as port:
        assert await ask(f"https://127.0.0.1:{port}/v1", client_cert=cert, client_key=key) == "fine"
        assert isinstance(await ask(f"https://127.0.0.1:{port}/v1"), Failure)
    with pytest.raises(JobError, match=r"client certificate of 'm' .* cannot be read"):
        await ask("https://127.0.0.1:9/v1", client_cert=key)


@pytest.mark.parametrize(
    ("proxy", "account", "kind", "said"),
    [
        (Proxy(user="me:right"), "", FailureKind.FATAL, r"wants a name and password \(407\)"),
        (Proxy(user="me:right"), "me:wrong@", FailureKind.FATAL, r"refuses the name and password \(407\)"),
        (Proxy(status=403), "", FailureKind.FATAL, rf"makes no connection to {HOST} \(HTTP 403\)"),
        (Proxy(status=502), "", FailureKind.TRANSIENT, rf"makes no connection to {HOST} \(HTTP 502\)"),
    ],
)
async def test_proxy_that_refuses_is_named(
    proxy: Proxy, account: str, kind: FailureKind, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the proxy says gets a sentence with the next step, and no password in it."""
    async with proxying(Proxy(user=proxy.user, status=proxy.status)) as running:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{account}{running.url}")
        failure = await ask(f"https://{HOST}/v1")
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.code, failure.is_sent) == (kind, "proxy", False)
    assert re.search(said, failure.message), failure.message
    assert failure.hint
    assert "wrong" not in failure.message


async def test_plain_http_goes_through_its_proxy_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without TLS the proxy reads the request itself; its 407 is told as the proxy's."""
    async with proxying(Proxy(user="me:right")) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://me:right@{proxy.url}")
        assert await ask(f"http://{HOST}/v1") == "fine"
        monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.url}")
        failure = await ask(f"http://{HOST}/v1")
    assert isinstance(failure, Failure)
    assert failure.code == "proxy"
    assert "HTTP_PROXY" in str(failure.hint)


async def test_proxy_that_hangs_or_is_gone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both may be better in a moment; NO_PROXY is the next step."""
    async with proxying(Proxy(hangs=True)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.url}")
        hanging = await ask(f"https://{HOST}/v1", timeout_s=0.2)
    gone = await ask(f"https://{HOST}/v1")
    for failure, said in ((hanging, "made no connection within 0.18 s"), (gone, "cannot be reached")):
        assert isinstance(failure, Failure)
        assert said in failure.message
        assert (failure.kind, failure.code) == (FailureKind.TRANSIENT, "proxy")
        assert "NO_PROXY" in str(failure.hint)


async def test_socks_proxy_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that cannot be spoken to stops the run before anything is sent, its password untold."""
    monkeypatch.setenv("HTTPS_PROXY", "socks5://me:secret@127.0.0.1:1080")
    with pytest.raises(JobError, match="not the address of an HTTP proxy") as caught:
        await ask(f"https://{HOST}/v1")
    assert "secret" not in str(caught.value)
