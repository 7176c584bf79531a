"""What a provider must be. Adapters live beside this file; the engine knows only this page.

A provider owns one endpoint and one key: how to say a `Request` there, how to read what comes back, and what each of
its errors means. It owns no retry, no limit, no budget and no clock beyond the timeout of the one call.
"""

from __future__ import annotations

from types import TracebackType
from typing import ClassVar, Protocol, Self

from synthgen.job import ModelConfig
from synthgen.records import Answer, Failure, Request


class Provider(Protocol):
    """One way of turning a request into text.

    Used as an async context manager: entering opens what it needs (connections, a loaded model) and raises
    `JobError` or `ProviderError` where that cannot be; leaving closes it.

    Args:
        config: The job's model entry.
        api_key: What the variable that `api_key_env` names holds, or None. It appears in no message.

    Attributes:
        is_metered: Whether answers cost money: then a price and a bound on the answer are asked for where the budget
            is limited.
        may_adapt: Whether the far side can be overloaded: then the engine feels for what it takes. False keeps
            `default_concurrency` (or the job's `max_concurrency`) in flight.
    """

    is_metered: ClassVar[bool]
    may_adapt: ClassVar[bool]

    def __init__(self, config: ModelConfig, *, api_key: str | None = None) -> None: ...

    @property
    def endpoint(self) -> str:
        """Where it asks, for people and the journal: `host:port/model`. Never holds a secret."""
        ...

    @property
    def default_concurrency(self) -> int:
        """Requests in flight that make sense where the job declares no `max_concurrency`."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def complete(self, request: Request, *, timeout_s: float) -> Answer:
        """Ask once.

        Args:
            request: What to ask. Read only.
            timeout_s: Seconds after which the call is abandoned with an error that `classify` knows as
                transient.

        Raises:
            Exception: Anything the far side or its client raises; hand it to `classify`.

        Cancellation: abandons the call and leaves the provider usable.
        """
        ...

    def classify(self, error: Exception) -> Failure:
        """What an exception raised by `complete` means. Total: never raises, never returns None."""
        ...
