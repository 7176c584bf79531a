"""One raw answer becomes items, each usable or with the reason why not.

Owns the verdicts and what the model is told in a re-ask. Total: no text makes it raise, and every answer yields at
least one item or one rejection, so nothing paid for is silent.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from pydantic import BaseModel

from synthgen.parse.find import Found, Shape, find_items
from synthgen.parse.judge import echoes, judge_item, list_unstorable
from synthgen.parse.marks import without_end_marks
from synthgen.records import Fields, OutputKind, Reason, Rejection

# Beyond these an answer is a loop or an attack: a hundred thousand tokens hold neither.
MAX_ANSWER_CHARS = 1_000_000
MAX_ITEMS = 10_000
EXCERPT_CHARS = 200
RULES = 2
_CUT = frozenset({"length", "max_tokens", "content_filter"})


class ParsedItem(NamedTuple):
    """One item of an answer: usable where `rejection` is None. Of a rejected one, `fields` hold what could be read."""

    fields: Fields
    rejection: Rejection | None = None


class ParsedAnswer(NamedTuple):
    """What one answer held.

    Attributes:
        items: In the order of the answer; never empty.
        complaint: What to tell the model in one re-ask, where nothing is usable and asking again may help; else None.
    """

    items: tuple[ParsedItem, ...]
    complaint: str | None = None


def parse_answer(
    text: str,
    *,
    finish_reason: str,
    output: OutputKind,
    model: type[BaseModel],
    text_field: str,
    needs_text: bool = True,
    rules: int = RULES,
) -> ParsedAnswer:
    """Split an answer into items and judge each against the schema.

    Args:
        text: The model's words, raw; anything at all.
        finish_reason: Why the model stopped; `length`, `max_tokens` and `content_filter` mean it was cut.
        output: What was asked for. JSON is looked for in fences, prose, lines and under other names, and repaired
            where sloppy; `text` is one item; `lines` is one item a line.
        model: What an item must look like.
        text_field: The field that holds the row's text: where a plain text, a line or a bare string goes.
        needs_text: Whether an item without a text there is of no use.
        rules: Version of the reading rules; a run keeps the one it began with. 1: as synthgen 0.1 read. 2: thoughts and
            end marks in every family's spelling, JSON in a string, fields that differ in case, one object more around
            the items; an invented turn is not read, and an echo of the schema is no row.
    """
    if len(text) > MAX_ANSWER_CHARS:
        problem = f"the answer has {len(text)} characters, more than {MAX_ANSWER_CHARS}"
        return ParsedAnswer((_rejected(Reason.MALFORMED, [problem], text),))
    is_cut = finish_reason.casefold() in _CUT
    shape = _shape(model, text_field)
    found = find_items(text, output=output, is_cut=is_cut, shape=shape, rules=rules)
    items = tuple(_judged(f, model, text_field, needs_text, rules) for f in found[:MAX_ITEMS]) or (
        _nothing(text, is_cut, output),
    )
    if len(found) > MAX_ITEMS:
        problem = f"the answer holds {len(found)} items; those after {MAX_ITEMS} are not looked at"
        return ParsedAnswer((*items, _rejected(Reason.MALFORMED, [problem], text)))
    return ParsedAnswer(items, None if is_cut else _complaint(items, output, model))


def _nothing(text: str, is_cut: bool, output: OutputKind) -> ParsedItem:
    if is_cut:
        return _rejected(Reason.TRUNCATED, ["the answer was cut before its first item was whole"], text)
    wanted = "JSON item" if output == "json" else "text"
    problem = f"the answer holds no {wanted}" if text.strip() else "the answer is empty"
    return _rejected(Reason.MALFORMED, [problem], text)


def _judged(found: Found, model: type[BaseModel], text_field: str, needs_text: bool, rules: int) -> ParsedItem:
    if found.reason is not None:
        return _rejected(found.reason, [found.problem], found.source, found.value)
    fields, problems = judge_item(found.value, model, text_field, needs_text=needs_text)
    if rules >= 2 and not problems and needs_text:
        fields[text_field] = without_end_marks(fields[text_field]).strip()
        problems = echoes(fields, text_field)
    if not problems:
        return ParsedItem(fields)
    return _rejected(Reason.INVALID, problems, found.source or _shown(found.value), found.value)


def _rejected(reason: Reason, problems: Sequence[str], source: str, value: Any = None) -> ParsedItem:
    evidence = {
        "problems": [_excerpt(problem) for problem in problems[:5]],
        "excerpt": _excerpt(source, from_end=reason is Reason.TRUNCATED),
    }
    return ParsedItem({} if list_unstorable(value) else value, Rejection(reason, evidence))


def _excerpt(text: str, *, from_end: bool = False) -> str:
    """At most `EXCERPT_CHARS` characters that can be stored anywhere; of a cut item, those before the cut."""
    if len(text) > EXCERPT_CHARS:
        text = "…" + text[1 - EXCERPT_CHARS :] if from_end else text[: EXCERPT_CHARS - 1] + "…"
    return text.replace("\0", "\N{SYMBOL FOR NULL}").encode("utf-8", "replace").decode()


def _shown(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # nested deeper than orjson writes; Python's own `str` would end in a RecursionError
        return f"a {type(value).__name__} nested too deeply to show"


def _complaint(items: Sequence[ParsedItem], output: OutputKind, model: type[BaseModel]) -> str | None:
    """What one re-ask says, or None where an item is good."""
    rejections = [item.rejection for item in items if item.rejection is not None]
    if len(rejections) < len(items):
        return None
    problems = dict.fromkeys(problem for r in rejections[:3] for problem in r.evidence["problems"])
    said = f"Your last answer could not be used: {'; '.join(problems)}."
    if output != "json":
        return f"{said} Answer with the text only."
    names = ", ".join(f'"{name}"' for name in _names(model))
    return f'{said} Answer with one JSON object {{"items": [...]}} and nothing else. An item is an object with {names}.'


@lru_cache(maxsize=64)
def _shape(model: type[BaseModel], text_field: str) -> Shape:
    return Shape(frozenset(_names(model)), text_field)


def _names(model: type[BaseModel]) -> dict[str, None]:
    """The names of an item's fields as an answer spells them, in order."""
    return {str(f.validation_alias or f.alias or name): None for name, f in model.model_fields.items()}
