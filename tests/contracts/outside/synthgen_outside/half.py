"""Classes that are no providers: one lacks a method, one takes other arguments."""

from __future__ import annotations

from synthgen_outside.echo import EchoProvider


class HalfProvider:
    """Answers, and cannot say what its errors mean."""

    async def complete(self) -> None: ...

    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *error: object) -> None: ...


class StubbornProvider(EchoProvider):
    """Wants to be made in another way."""

    def __init__(self, model: str) -> None:
        self.model = model
