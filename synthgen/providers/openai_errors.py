"""What every error of an OpenAI-compatible endpoint means. One table, total.

401 403                                  fatal      key
402, 429 that says quota or billing      fatal      quota
404                                      fatal      model or address
3xx 405 410                              fatal      address: asking again anywhere would be refused alike
429, and 503 or 529 that name a wait     throttled
408 409 425 5xx                          transient
every other 4xx                          refused
timeout, reset, cut body, unreachable    transient
200 without an answer in it              transient  (or what its error object says)
"""

from __future__ import annotations

import asyncio
import dataclasses
import email.utils
import re
import socket
import ssl
import time
from collections.abc import Mapping
from typing import Any

import orjson

from synthgen.providers.http_client import ConnectError
from synthgen.records import Failure, FailureKind, Usage

_QUOTA = re.compile(
    r"insufficient_quota|exceeded your current quota|billing|credit balance|insufficient (?:funds|credit)", re.I
)
# Some servers say "check your plan and billing" of a limit per minute: where a wait is named, it is a limit.
_QUOTA_CODE = re.compile(r"insufficient_quota|billing", re.I)
_MODEL_CODE = re.compile(r"model_not_found|unknown_model|invalid_model", re.I)
_SAID_WAIT = re.compile(r"(?:try again|retry) (?:in|after) ((?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+)", re.I)
_CONTENT_FILTER = re.compile(r"content[ _]?(?:filter|policy|management)|moderation", re.I)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_TRANSIENT = {408, 409, 425}
_MAX_SHOWN = 300
MAX_KEPT_BYTES = 65_536


class EndpointError(Exception):
    """The endpoint answered with something that is not an answer.

    Args:
        status: HTTP status.
        body: The parsed error object, or the text of the body.
        headers: Lower-cased response headers.
    """

    def __init__(self, status: int, body: Any, headers: Mapping[str, str]) -> None:
        super().__init__(f"HTTP {status}: {_say(body)}")
        self.status, self.body, self.headers = status, body, headers

    @property
    def words(self) -> str:
        """Everything it says: message, code, type and the parameter it names."""
        return f"{_say(self.body)} {_code(self.body)}"

    def without(self, secret: str) -> EndpointError:
        """The same error with every occurrence of `secret` struck out, before any text of it is cut or logged."""
        body = self.body
        if isinstance(body, str):
            body = body.replace(secret, "[key]")
        else:
            body = orjson.loads(orjson.dumps(body).replace(orjson.dumps(secret)[1:-1], b"[key]"))
        return EndpointError(self.status, body, self.headers)


class ProxyError(Exception):
    """The proxy on the way brought no connection; nothing reached the endpoint.

    Args:
        message: What happened, with the proxy's host and port.
        hint: Next step.
        is_lasting: Whether asking again cannot help.
    """

    def __init__(self, message: str, *, hint: str, is_lasting: bool = False) -> None:
        super().__init__(message)
        self.hint, self.is_lasting = hint, is_lasting


class Unencodable(Exception):
    """The request holds something that JSON cannot say; nothing was sent."""


class Unanswered(Exception):
    """A 200 that brings no answer, though it may be billed.

    Args:
        message: What is wrong with it.
        body: The parsed body, or its text.
        usage: Tokens, where it tells them.
    """

    def __init__(self, message: str, *, body: Any = None, usage: Usage | None = None) -> None:
        super().__init__(message)
        self.body, self.usage = body, usage


class BadBody(Unanswered):
    """A 200 whose body holds no answer."""


class Filtered(Unanswered):
    """The answer was withheld by a content filter."""


def classify(error: Exception) -> Failure:
    """What an exception means, with the text behind it. Never raises."""
    failure = _classify(error)
    match error:
        case EndpointError(body=body):
            return dataclasses.replace(failure, answer=_kept(body))
        case Unanswered(body=body, usage=usage):
            return dataclasses.replace(failure, answer=_kept(body), usage=usage)
        case _:
            return failure


def parsed_or_text(raw: bytes) -> Any:
    """What an error's body says, as JSON where it is."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return raw[:MAX_KEPT_BYTES].decode("utf-8", "replace")


def _kept(body: Any) -> str | None:
    """A body as text, cut to what a journal should hold of it."""
    if body is None:
        return None
    try:
        text = body if isinstance(body, str) else orjson.dumps(body).decode()
    except TypeError:  # half of a surrogate pair, or nested too deep: then `repr` fails too
        try:
            text = repr(body)
        except RecursionError:
            text = f"a {type(body).__name__} nested too deeply to keep"
    return text.encode("utf-8", "replace")[:MAX_KEPT_BYTES].decode("utf-8", "ignore")


def _classify(error: Exception) -> Failure:
    if isinstance(error, EndpointError):
        return _classify_status(error)
    if isinstance(error, ProxyError):
        kind = FailureKind.FATAL if error.is_lasting else FailureKind.TRANSIENT
        return Failure(kind, "proxy", _short(str(error)), hint=error.hint, is_sent=False)
    if isinstance(error, Filtered):
        return Failure(FailureKind.REFUSED, "content_filter", str(error) or "withheld by a content filter")
    if isinstance(error, Unencodable):
        hint = "each of `params` must be a JSON value"
        return Failure(FailureKind.REFUSED, "unencodable", _short(str(error)), hint=hint, is_sent=False)
    if (failure := _classify_tls(error)) is not None:  # some of these are ValueErrors as well
        return failure
    if isinstance(error, BadBody | ValueError):
        return Failure(FailureKind.TRANSIENT, "bad_body", f"the server's answer cannot be read: {_short(str(error))}")
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return Failure(FailureKind.TRANSIENT, "timeout", "no answer in time", hint="raise timeout_s if this is normal")
    return _classify_transport(error)


def _classify_tls(error: Exception) -> Failure | None:
    said = _short(str(error) or type(error).__name__)
    if isinstance(error, ssl.SSLError):
        hint = "look at base_url: http or https?"
        if isinstance(error, ssl.SSLCertVerificationError):
            hint = "a CA of your own: name its PEM file in SSL_CERT_FILE; else look at the host in base_url"
        return Failure(FailureKind.FATAL, "tls", f"no secure connection: {said}", hint=hint, is_sent=False)
    return None


def _classify_transport(error: Exception) -> Failure:
    said = _short(str(error) or type(error).__name__)
    if isinstance(error, ConnectError | ConnectionRefusedError | socket.gaierror):
        hint = "is the server running, and is base_url its address?"
        why = error.strerror or said
        return Failure(FailureKind.TRANSIENT, "connect", f"cannot be reached: {_short(why)}", hint=hint, is_sent=False)
    if isinstance(error, OSError | EOFError):
        return Failure(FailureKind.TRANSIENT, "cut", f"the connection broke: {said}")
    return Failure(FailureKind.TRANSIENT, "unknown", f"unforeseen: {type(error).__name__}: {said}")


def _classify_status(error: EndpointError) -> Failure:
    status, said = error.status, _short(_say(error.body))
    code = f"http_{status}"
    text = f"{_say(error.body)} {_code(error.body)}"
    wait_s = retry_after_s(error.headers)
    if status == 429 and wait_s is None and (found := _SAID_WAIT.search(text)):
        wait_s = _duration_s(found[1])
    if status == 403 and _CONTENT_FILTER.search(text):
        return Failure(FailureKind.REFUSED, "content_filter", said)
    if status in (401, 403):
        hint = "look at api_key_env: is the key right, and may it use this model?"
        return Failure(FailureKind.FATAL, code, f"refuses the key: {said}", hint=hint)
    is_quota = _QUOTA_CODE.search(_code(error.body)) or (wait_s is None and _QUOTA.search(text))
    if status == 402 or (status == 429 and is_quota):
        hint = "add credit, then run the same command again: it goes on where it stopped"
        return Failure(FailureKind.FATAL, "quota", f"the quota is used up: {said}", hint=hint)
    if status < 400 or status in (405, 410):
        hint = "look at base_url: it is where /chat/completions lives, and usually ends in /v1"
        return Failure(FailureKind.FATAL, code, f"not the address: {said}", hint=hint)
    if status == 404 or (status in (400, 422) and _MODEL_CODE.search(text)):
        known = "model" in text.lower()
        hint = "look at `model`: the server does not know this name" if known else "look at base_url: nothing is there"
        return Failure(FailureKind.FATAL, code, f"not found: {said}", hint=hint)
    if status == 429 or (status in (503, 529) and wait_s is not None):
        return Failure(FailureKind.THROTTLED, code, said, retry_after_s=wait_s)
    if status in _TRANSIENT or status >= 500:
        return Failure(FailureKind.TRANSIENT, code, said, retry_after_s=wait_s)
    if _CONTENT_FILTER.search(text):
        return Failure(FailureKind.REFUSED, "content_filter", said)
    return Failure(FailureKind.REFUSED, code, f"refuses the request: {said}", hint="look at `params` and the prompt")


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, in whichever way it is spelled: `retry-after-ms`, `retry-after` as seconds or date, else the
    longest `x-ratelimit-reset-*` of a limit that has nothing remaining."""
    if (value := _number(headers.get("retry-after-ms"))) is not None:
        return value / 1000
    after = headers.get("retry-after", "").strip()
    if after:
        readings = (_number(after), _from_date(after), _duration_s(after))
        return next((wait_s for wait_s in readings if wait_s is not None), None)
    resets = [
        _duration_s(value)
        for name, value in headers.items()
        if name.startswith("x-ratelimit-reset-")
        and headers.get(name.replace("-reset-", "-remaining-"), "0").strip() in ("0", "")
    ]
    return max((s for s in resets if s is not None), default=None)


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError:
        return None
    return value if value is not None and 0 <= value < 1e7 else None


def _from_date(text: str) -> float | None:
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _duration_s(text: str) -> float | None:
    """`6m0s`, `120ms`, `1.5s`, `20`."""
    parts = _DURATION.findall(text)
    if not parts:
        return _number(text)
    return sum(float(n) * _UNIT_S[unit] for n, unit in parts)


def _say(body: Any) -> str:
    """The sentence in an error body, wherever the server put it."""
    body = _alone(body)
    if isinstance(body, Mapping):
        inner = body.get("error", body)
        if isinstance(inner, Mapping):
            return str(inner.get("message") or inner.get("detail") or inner)
        return str(inner)
    return str(body)


def _alone(body: Any) -> Any:
    """An error object that is wrapped in a list (Gemini's OpenAI endpoint does so)."""
    return body[0] if isinstance(body, list) and len(body) == 1 else body


def _code(body: Any) -> str:
    """Its machine-readable words. The openai package hands on the inner object, without `error` around it."""
    body = _alone(body)
    inner = body.get("error", body) if isinstance(body, Mapping) else None
    if not isinstance(inner, Mapping):
        return ""
    return " ".join(str(inner[name]) for name in ("code", "type", "param") if inner.get(name))


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MAX_SHOWN else line[: _MAX_SHOWN - 3] + "..."
