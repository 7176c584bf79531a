"""What both translators share: the languages they go through, as a model entry's `params` say them, and lines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from synthgen.errors import JobError

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([_-][A-Za-z0-9]+)*|[a-z]+(_[A-Za-z]+)*")
_BREAK = re.compile(r"(\r\n|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029])")
HINT = "write `params: {route: [en, es, en]}` for there and back, or `params: {pair: en-es}` for one way"


def read_route(params: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Languages in order, two at least, or None where the parameters name none.

    Args:
        params: `route: [en, es, en]`, or `pair: en-es` for one way.

    Raises:
        JobError: Both are given, or one of them makes no sense.
    """
    route, pair = params.get("route"), params.get("pair")
    if route is not None and pair is not None:
        raise JobError("models: params: `route` and `pair` say the same thing: give one of them", hint=HINT)
    if pair is not None:
        source, sign, target = str(pair).partition("-")
        if not sign:
            raise JobError(f"models: params.pair: '{pair}' is not two languages joined by a hyphen", hint=HINT)
        route = [source, target]
    return None if route is None else _checked(route)


def hops(route: tuple[str, ...]) -> list[tuple[str, str]]:
    """The single translations of a route, in order."""
    return list(pairwise(route))


def split_lines(text: str) -> list[str]:
    """Lines and the breaks between them in turn: `"".join` gives the text again. Lines stand at even places."""
    return _BREAK.split(text)


def _checked(route: Any) -> tuple[str, ...]:
    if not isinstance(route, list | tuple) or len(route) < 2:
        raise JobError(f"models: params.route: {route!r} is not a list of two or more languages", hint=HINT)
    for language in route:
        if not isinstance(language, str) or not _LANGUAGE.fullmatch(language):
            said = (
                "YAML reads a bare `no` as false: write 'no'" if language is False else "use codes such as en, es, fr"
            )
            raise JobError(f"models: params.route: {language!r} is no language code; {said}", hint=HINT)
    for source, target in pairwise(route):
        if source == target:
            raise JobError(f"models: params.route: '{source}' follows itself", hint=HINT)
    return tuple(route)
