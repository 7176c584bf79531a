"""Values that satisfy a JSON schema, built from dice and a writer of sentences.

Covers what structured output uses: objects, arrays, strings, numbers, booleans, null, enum, const, $ref, anyOf, oneOf
and allOf, with their bounds. `pattern` is tried with a few spellings only; recursion ends at `_MAX_DEPTH`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from synthgen.simulator.dice import Dice

_MAX_DEPTH = 12
_SHORT_CHARS = 40
_FREE_TEXT = {"type": "string"}
_PAD = " and thank you for looking into this"
_FORMATS: Mapping[str, Callable[[Dice], str]] = {
    "date": lambda dice: f"20{dice.between(20, 29)}-{dice.between(1, 12):02d}-{dice.between(1, 28):02d}",
    "time": lambda dice: f"{dice.below(24):02d}:{dice.below(60):02d}:00Z",
    "date-time": lambda dice: f"2025-{dice.between(1, 12):02d}-{dice.between(1, 28):02d}T{dice.below(24):02d}:00:00Z",
    "email": lambda dice: f"customer{dice.below(10**6)}@example.com",
    "uri": lambda dice: f"https://example.com/{dice.below(10**6)}",
    "uuid": lambda dice: f"{dice.below(2**32):08x}-0000-4000-8000-{dice.below(2**48):012x}",
    "ipv4": lambda dice: f"192.0.2.{dice.below(256)}",
}


_AT_LEAST = re.compile(r"\bat least (-?\d+(?:\.\d+)?)")
_AT_MOST = re.compile(r"\bat most (-?\d+(?:\.\d+)?)")


class SchemaWriter:
    """Builds one answer.

    Args:
        root: The whole schema, which `$ref` looks into.
        dice: Decides every choice.
        items: Length of the outermost array where the schema leaves it free.
        sentence: Writes the next free text.
    """

    def __init__(self, root: Mapping[str, Any], dice: Dice, items: int, sentence: Callable[[], str]) -> None:
        self._root = root
        self._dice = dice
        self._items = items
        self._sentence = sentence

    def write(self) -> Any:
        return self._value(self._root, 0, is_listed=False)

    def _value(self, schema: Any, depth: int, *, is_listed: bool) -> Any:
        if schema == _FREE_TEXT:  # most fields of most schemas; the long way costs as much as the sentence
            return self._sentence()
        if not isinstance(schema, dict) or depth > _MAX_DEPTH:
            return None
        schema = self._resolve(schema, depth)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._dice.pick(schema["enum"])
        kind = _kind(schema)
        if kind == "object":
            return self._object(schema, depth, is_listed)
        if kind == "array":
            return self._array(schema, depth, is_listed)
        if kind == "string":
            return self._string(schema)
        if kind in ("integer", "number"):
            return self._number(schema, is_whole=kind == "integer")
        return self._dice.below(2) == 0 if kind == "boolean" else None

    def _resolve(self, schema: Mapping[str, Any], depth: int) -> Mapping[str, Any]:
        """Follows $ref, merges allOf, chooses of anyOf and oneOf; null only where there is nothing else."""
        for _ in range(_MAX_DEPTH):
            if "$ref" in schema:
                rest = {k: v for k, v in schema.items() if k != "$ref"}
                schema = {**self._look_up(str(schema["$ref"])), **rest}
            elif "allOf" in schema:
                schema = _merge(schema)
            elif "anyOf" in schema or "oneOf" in schema:
                choices = [c for c in (schema.get("anyOf") or schema.get("oneOf") or []) if c != {"type": "null"}]
                if not choices or depth >= _MAX_DEPTH - 2:
                    return {"type": "null"}
                rest = {k: v for k, v in schema.items() if k not in ("anyOf", "oneOf")}
                schema = {**rest, **self._dice.pick(choices)}
            else:
                return schema
        return {}

    def _look_up(self, reference: str) -> Mapping[str, Any]:
        found: Any = self._root
        for name in reference.removeprefix("#").strip("/").split("/"):
            if not name:
                continue
            found = found.get(name.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
        return found if isinstance(found, Mapping) else {}

    def _object(self, schema: Mapping[str, Any], depth: int, is_listed: bool) -> dict[str, Any]:
        properties = schema.get("properties") or {}
        written = {name: self._value(sub, depth + 1, is_listed=is_listed) for name, sub in properties.items()}
        written.update({name: self._sentence() for name in schema.get("required") or () if name not in written})
        return written

    def _array(self, schema: Mapping[str, Any], depth: int, is_listed: bool) -> list[Any]:
        low = schema.get("minItems", 0)
        high = schema.get("maxItems", max(low, 1000))
        wanted = self._dice.between(1, 3) if is_listed else self._items
        count = max(low, min(high, wanted)) if depth < _MAX_DEPTH - 2 else low
        prefix = [self._value(sub, depth + 1, is_listed=True) for sub in schema.get("prefixItems") or ()]
        each = schema.get("items", {"type": "string"})
        return prefix + [self._value(each, depth + 1, is_listed=True) for _ in range(count - len(prefix))]

    def _string(self, schema: Mapping[str, Any]) -> str:
        if schema.get("format") in _FORMATS:
            return _FORMATS[schema["format"]](self._dice)
        if schema.get("pattern"):
            return self._matching(str(schema["pattern"]), schema)
        return _fit(self._sentence(), schema)

    def _matching(self, pattern: str, schema: Mapping[str, Any]) -> str:
        sentence, digits = self._sentence(), str(self._dice.between(10**11, 10**12 - 1))
        tries = [sentence, sentence.lower(), sentence.upper(), *(digits[:n] for n in range(1, 13))]
        tries += [f"{a}{digits[:n]}" for a in ("A", "AB", "ABC", "A-", "AB-", "ABC-", "#") for n in range(1, 8)]
        tries += [word for text in (sentence, sentence.lower()) for word in re.findall(r"\w+", text)]
        try:
            fits = (t for t in tries if re.search(pattern, t) and t == _fit(t, schema))
            return next(fits, sentence)
        except re.error:
            return sentence

    def _number(self, schema: Mapping[str, Any], *, is_whole: bool) -> int | float:
        step = schema.get("multipleOf") or (1 if is_whole else 0.01)
        low, high = _bounds(schema, step)
        first = -(-low // step)
        drawn = (first + self._dice.below(max(1, int(high // step - first) + 1))) * step
        return int(drawn) if is_whole else min(max(round(float(drawn), 6), low), high)


def _kind(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((k for k in kind if k != "null"), "null")
    if kind is None:
        kind = "object" if "properties" in schema else "array" if "items" in schema else "string"
    return str(kind)


def _merge(schema: Mapping[str, Any]) -> dict[str, Any]:
    merged = {k: v for k, v in schema.items() if k != "allOf"}
    for part in schema["allOf"]:
        for key, value in part.items():
            if key == "properties":
                merged[key] = {**merged.get(key, {}), **value}
            elif key == "required":
                merged[key] = [*merged.get(key, []), *value]
            else:
                merged.setdefault(key, value)
    return merged


def _told(pattern: re.Pattern[str], description: str) -> float | None:
    """A bound that stands in the words beside a number, where strict servers allow no keyword for it."""
    found = pattern.search(description)
    return None if found is None else float(found[1]) if "." in found[1] else int(found[1])


def _bounds(schema: Mapping[str, Any], step: float) -> tuple[float, float]:
    """Both ends allowed; 100 steps of room where one end is open."""
    told = str(schema.get("description", ""))
    low, high = schema.get("minimum", _told(_AT_LEAST, told)), schema.get("maximum", _told(_AT_MOST, told))
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if above is not None and (low is None or above >= low):
        low = above + step
    if below is not None and (high is None or below <= high):
        high = below - step
    if low is None:
        low = 0 if high is None or high >= 0 else high - 100 * step
    return low, high if high is not None else low + 100 * step


def _fit(text: str, schema: Mapping[str, Any]) -> str:
    low, high = schema.get("minLength", 0), schema.get("maxLength")
    while len(text) < low:
        text += _PAD
    if high is not None and len(text) > high:
        whole = text[:high].rsplit(" ", 1)[0].rstrip(",;:")
        return whole if len(whole) >= max(low, min(high, _SHORT_CHARS) // 2) else text[:high]
    return text
