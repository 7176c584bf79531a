"""The contract of a provider as a check that anyone can run against their own. Ships with the package.

`check_provider` asks for real: it costs a handful of answers of the provider it is handed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable

from synthgen.providers.protocol import Provider
from synthgen.records import Answer, Failure, FailureKind, Request, Usage

_CODE = re.compile(r"[a-z][a-z0-9_]*")
_IMPATIENT_S = 1e-6
_PATIENCE_S = 10.0
_INSTANT_S = 0.5

# one of each family: a provider must have a word for all of them, and for what it has never seen
EXCEPTIONS: tuple[Exception, ...] = (
    TimeoutError(),
    ConnectionRefusedError("refused"),
    ConnectionResetError("reset"),
    BrokenPipeError(),
    OSError("disk"),
    EOFError(),
    ValueError("not JSON"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
    TypeError(),
    KeyError("choices"),
    RuntimeError("unforeseen"),
    Exception(),
)


async def check_provider(
    provider: Provider,
    request: Request,
    *,
    timeout_s: float = 60.0,
    secrets: Iterable[str] = (),
    errors: Iterable[Exception] = EXCEPTIONS,
) -> Answer:
    """Checks that `provider` keeps `providers.protocol.Provider`'s contract; it must be entered already.

    Args:
        provider: The one to check.
        request: Something it can answer.
        timeout_s: Seconds one answer may take.
        secrets: Strings, the key among them, that must appear in nothing it tells.
        errors: Exceptions that it must be able to classify.

    Returns:
        The first answer, for checks of one's own.

    Raises:
        AssertionError: Naming the clause that is broken.
    """
    hidden = tuple(secrets)
    _check_identity(provider, hidden)
    answer = await provider.complete(request, timeout_s=timeout_s)
    _check_answer(answer)
    for error in errors:
        _check_failure(provider.classify(error), hidden)
    await _check_timeout(provider, request, hidden)
    await _check_cancellation(provider, request)
    _check_answer(await provider.complete(request, timeout_s=timeout_s))
    return answer


def _check_identity(provider: Provider, secrets: tuple[str, ...]) -> None:
    endpoint = provider.endpoint
    assert isinstance(endpoint, str), "endpoint is not a string"
    assert endpoint, "endpoint is empty"
    assert not re.search(r"[@\s]", endpoint), f"endpoint {endpoint!r} holds a login or a space"
    assert not any(secret in endpoint for secret in secrets), "endpoint holds a secret"
    assert provider.default_concurrency >= 1, "default_concurrency is below 1"
    for said in ("is_metered", "may_adapt"):
        assert isinstance(getattr(type(provider), said, None), bool), f"the class does not set {said} to True or False"


def _check_answer(answer: Answer) -> None:
    assert isinstance(answer, Answer), "complete does not return an Answer"
    assert answer.text, "the answer is empty"
    assert answer.finish_reason, "the answer has no finish_reason"
    assert answer.model, "the answer names no model"
    if answer.usage != Usage():  # zero of both: nothing that is counted in tokens answered
        assert answer.usage.input_tokens > 0, "the answer counts no input tokens"
        assert answer.usage.output_tokens > 0, "the answer counts no output tokens"
    assert all(name == name.lower() for name in answer.headers), "the answer's headers are not lower-case"


def _check_failure(failure: Failure, secrets: tuple[str, ...]) -> None:
    assert isinstance(failure, Failure), "classify does not return a Failure"
    assert failure.kind in FailureKind, f"unknown kind {failure.kind!r}"
    assert _CODE.fullmatch(failure.code), f"code {failure.code!r} is not one lower-case word"
    assert failure.message, f"failure {failure.code} has no message"
    assert "\n" not in failure.message, f"the message of {failure.code} has several lines"
    told = f"{failure.message} {failure.hint} {failure.answer}"
    assert not any(secret in told for secret in secrets), f"failure {failure.code} tells a secret"
    assert failure.retry_after_s is None or failure.retry_after_s >= 0, "retry_after_s is negative"


async def _check_timeout(provider: Provider, request: Request, secrets: tuple[str, ...]) -> None:
    """An impatient call must fail soon and be classified; only an answer that took no waiting may win the race."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    call = asyncio.ensure_future(provider.complete(request, timeout_s=_IMPATIENT_S))
    await asyncio.wait({call}, timeout=_PATIENCE_S)
    if not call.done():
        call.cancel()
        await asyncio.wait({call})
        raise AssertionError(f"timeout_s={_IMPATIENT_S} did not end a call within {_PATIENCE_S:g} s")
    error = call.exception()
    if error is None:
        assert loop.time() - start < _INSTANT_S, "timeout_s was ignored"
        return
    assert isinstance(error, Exception), f"a timeout raises {type(error).__name__}"
    failure = provider.classify(error)
    _check_failure(failure, secrets)
    assert failure.kind is FailureKind.TRANSIENT, f"a timeout is classified {failure.kind}"
    assert failure.code == "timeout", f"a timeout is classified as {failure.code}"


async def _check_cancellation(provider: Provider, request: Request) -> None:
    """A cancelled call ends cancelled; the caller's next call shows that nothing broke."""
    call = asyncio.ensure_future(provider.complete(request, timeout_s=_PATIENCE_S))
    for _ in range(3):
        await asyncio.sleep(0)
    if call.cancel():
        await asyncio.wait({call})
        assert call.cancelled(), "cancellation was swallowed"
