"""Whether one found value is a usable item: what the schema says of it, in words a person and a model understand."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from pydantic import BaseModel, ValidationError

from synthgen.records import Fields

MAX_DEPTH = 64
# The schema's type alone, what templates put in brackets for a text, and dots that stand for one.
_ECHO = re.compile(
    r"string|str|[<\[{(]{1,3}\s?(?:string|str|text|the text|your text(?: here)?)\s?[>\]})]{1,3}|[.…]+", re.IGNORECASE
)
_FORBIDDEN = re.compile("[\0\ud800-\udfff]")


def judge_item(
    value: Any, model: type[BaseModel], text_field: str, *, needs_text: bool = True
) -> tuple[Fields, list[str]]:
    """The item's fields as plain JSON, or what is wrong with it; one of the two is empty.

    Args:
        value: A JSON value; a bare string is taken for the text of a row.
        model: What an item must look like.
        text_field: The field that a bare string is taken for.
        needs_text: Whether that field must come out as a string.
    """
    value = {text_field: value} if isinstance(value, str) else value
    problems = list_unstorable(value)
    if problems:
        return {}, problems
    try:
        fields: Fields = _instance(value, model).model_dump(mode="json", by_alias=True)
        if not _is_plain(fields):
            fields = orjson.loads(orjson.dumps(fields))
    except ValidationError as error:
        return {}, [_in_words(e) for e in error.errors(include_url=False, include_input=False, include_context=False)]
    except TypeError as error:
        return {}, [f"cannot be written as JSON: {error}"]
    except Exception as error:  # a validator of the user's own model met text that nobody foresaw; the run goes on
        return {}, [f"the schema's own validator failed: {type(error).__name__}: {error}"]
    text = fields.get(text_field)
    if isinstance(text, str):
        fields[text_field] = text.strip()
    elif needs_text:
        return {}, [f"{text_field}: is not a string"]
    return fields, []


def _instance(value: Any, model: type[BaseModel]) -> BaseModel:
    """`value` as the model. The schema asks for null where a value is absent, so null may stand for the default."""
    try:
        return model.model_validate(value)
    except ValidationError:
        present = _without_nulls(value)
        if present == value:
            raise
        return model.model_validate(present)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(v) for key, v in value.items() if v is not None}
    return [_without_nulls(v) for v in value] if isinstance(value, list) else value


def _in_words(error: Mapping[str, Any]) -> str:
    where = ".".join(str(part) for part in error["loc"])
    return f"{where}: {error['msg']}" if where else str(error["msg"])


def echoes(fields: Fields, text_field: str) -> list[str]:
    """Why the row's text is only the schema's word for a text, or nothing; empty where it is neither."""
    text = fields[text_field]
    if not text:
        return [f"{text_field}: is empty"]
    if _ECHO.fullmatch(text):
        return [f"{text_field}: '{text}' is the schema's word for a text, not one"]
    return []


def list_unstorable(value: Any) -> list[str]:
    """Why `value` could not be journaled or exported, whatever the schema thinks of it; empty where it can be."""
    if not isinstance(value, dict):
        return [f"an item must be an object, not {_kind(value)}"]
    if _is_plain(value):
        return []
    for where, leaf, depth in _leaves(value):
        if depth > MAX_DEPTH:
            return [f"{where}: nested deeper than {MAX_DEPTH}"]
        if isinstance(leaf, float) and not math.isfinite(leaf):
            return [f"{where}: {leaf} is not a number JSON can say"]
        if isinstance(leaf, int) and not -(2**63) <= leaf < 2**63:
            return [f"{where}: a number beyond 64 bits"]
        if isinstance(leaf, str) and (bad := _FORBIDDEN.search(leaf)):
            return [f"{where}: holds {'a NUL character' if bad[0] == chr(0) else 'half of a surrogate pair'}"]
    return []


def _is_plain(fields: Mapping[str, Any]) -> bool:
    """Whether it is what most items are: names with ASCII texts, which are harmless without a closer look."""
    for name, value in fields.items():
        if type(value) is not str or not value.isascii() or "\0" in value or not name.isascii() or "\0" in name:
            return False
    return True


def _leaves(value: Any) -> Iterator[tuple[str, Any, int]]:
    """Every key and value with the field it stands in. A stack: hostile nesting is deeper than Python's."""
    stack = [("", value, 0)]
    while stack:
        where, node, depth = stack.pop()
        yield where, node, depth
        if depth > MAX_DEPTH:
            return
        if isinstance(node, dict):
            stack += [(where or str(key), part, depth + 1) for key, v in node.items() for part in (key, v)]
        elif isinstance(node, list):
            stack += [(where, v, depth + 1) for v in node]


def _kind(value: Any) -> str:
    words = {list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return words.get(type(value), "a number")
