"""The table of errors is total: nothing that a client or a server can do is without a verdict."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from typing import Any

import orjson
import pytest

from synthgen.job import ModelConfig
from synthgen.providers.http_client import ConnectError
from synthgen.providers.openai import OpenAIProvider
from synthgen.providers.openai_errors import EndpointError, classify, retry_after_s
from synthgen.records import Failure, FailureKind

KEY = "sk-loopback-0123456789"


def judged(status: int, body: Any = "said", **headers: str) -> Failure:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return classify(EndpointError(status, body, told))


@pytest.mark.parametrize(
    "error",
    [
        TimeoutError(),
        ConnectionError("x"),
        ConnectionResetError("x"),
        ConnectionAbortedError("x"),
        BrokenPipeError("x"),
        ConnectionRefusedError("x"),
        socket.gaierror(-2, "unknown name"),
        ssl.SSLError(1, "wrong version"),
        ssl.SSLZeroReturnError(1, "closed"),
        asyncio.IncompleteReadError(b"", 5),
        json.JSONDecodeError("no", "", 0),
        orjson.JSONDecodeError("no", "", 0),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        OSError(24, "too many open files"),
        RuntimeError("unforeseen"),
        Exception(),
    ],
    ids=lambda e: type(e).__name__,
)
def test_classify_knows_the_standard_errors(error: Exception) -> None:
    """Every family of the standard library has a verdict, and so has what nobody foresaw."""
    failure = classify(error)
    assert failure.code
    assert failure.message


@pytest.mark.parametrize(
    ("error", "code", "is_sent"),
    [
        (TimeoutError(), "timeout", True),
        (ConnectError("no connection within 15 s"), "connect", False),
        (socket.gaierror(-2, "Name or service not known"), "connect", False),
        (ConnectionRefusedError(), "connect", False),
        (ConnectionError("the answer is not HTTP"), "cut", True),
        (ConnectionResetError(), "cut", True),
        (orjson.JSONDecodeError("no", "", 0), "bad_body", True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_classify_tells_what_may_have_been_sent(error: Exception, code: str, is_sent: bool) -> None:
    """All of these are transient; only where no connection came about is nothing billed."""
    failure = classify(error)
    assert (failure.kind, failure.code, failure.is_sent) == (FailureKind.TRANSIENT, code, is_sent)


@pytest.mark.parametrize("status", range(300, 600))
def test_classify_knows_every_status(status: int) -> None:
    """Each status has a verdict, whatever its body."""
    bodies: list[Any] = [
        "",
        None,
        {"error": {"message": "no"}},
        {"error": "no"},
        {"detail": [1]},
        {"message": None},
        [],
    ]
    for body in bodies:
        failure = classify(EndpointError(status, body, {}))
        assert failure.code
        assert "\n" not in failure.message


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, FailureKind.FATAL),
        (402, FailureKind.FATAL),
        (403, FailureKind.FATAL),
        (404, FailureKind.FATAL),
        (400, FailureKind.REFUSED),
        (413, FailureKind.REFUSED),
        (422, FailureKind.REFUSED),
        (408, FailureKind.TRANSIENT),
        (409, FailureKind.TRANSIENT),
        (425, FailureKind.TRANSIENT),
        (500, FailureKind.TRANSIENT),
        (502, FailureKind.TRANSIENT),
        (503, FailureKind.TRANSIENT),
        (529, FailureKind.TRANSIENT),
        (429, FailureKind.THROTTLED),
    ],
)
def test_classify_sorts_statuses(status: int, kind: FailureKind) -> None:
    """What a status means where its body says nothing."""
    assert judged(status).kind is kind


@pytest.mark.parametrize("status", [503, 529])
def test_classify_takes_an_overload_that_names_a_wait_as_throttling(status: int) -> None:
    """Overloaded with a Retry-After burns no attempt; without one it is an error."""
    failure = judged(status, retry_after="3")
    assert (failure.kind, failure.retry_after_s) == (FailureKind.THROTTLED, 3.0)


@pytest.mark.parametrize("code", ["insufficient_quota", "billing_hard_limit_reached"])
def test_classify_tells_exhausted_quota_from_throttling(code: str) -> None:
    """The same 429 ends the endpoint where the money is gone."""
    failure = judged(429, {"error": {"message": "no", "code": code}})
    assert (failure.kind, failure.code) == (FailureKind.FATAL, "quota")


def test_classify_names_the_next_step() -> None:
    """An unknown model points at `model`, an unknown path at base_url."""
    model = judged(404, {"error": {"message": "The model `x` does not exist", "code": "model_not_found"}})
    path = judged(404, "Not Found")
    assert "model" in str(model.hint)
    assert "base_url" in str(path.hint)


def test_classify_knows_a_content_filter() -> None:
    """A filtered prompt is this request's end, not the endpoint's."""
    failure = judged(400, {"error": {"message": "The content filter was triggered", "code": "content_filter"}})
    assert (failure.kind, failure.code) == (FailureKind.REFUSED, "content_filter")


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after-ms": "120", "retry-after": "9"}, 0.12),
        ({"x-ratelimit-reset-requests": "6m0s", "x-ratelimit-remaining-requests": "0"}, 360.0),
        ({"x-ratelimit-reset-tokens": "120ms", "x-ratelimit-remaining-tokens": "0"}, 0.12),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "inf"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_every_spelling(headers: dict[str, str], wait_s: float | None) -> None:
    """Seconds, milliseconds, resets; nonsense is no wait."""
    assert retry_after_s(headers) == wait_s


@pytest.mark.parametrize("transport", ["http", "sdk"])
def test_classify_never_tells_the_key(transport: Any) -> None:
    """A server that echoes the key, in a response or an exception, does not get it into a message."""
    config = ModelConfig(model="m", base_url="http://127.0.0.1:1/v1", transport=transport)
    provider = OpenAIProvider(config, api_key=KEY)
    for error in (EndpointError(401, {"error": {"message": f"Incorrect key: {KEY}"}}, {}), RuntimeError(KEY)):
        assert KEY not in provider.classify(error).message
    assert KEY not in provider.endpoint
    assert KEY not in repr(provider)
