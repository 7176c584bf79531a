"""Whether the real rows are what a recipe is fit for: looked at before anything is asked.

Owns what code, marked spans and other languages look like in a table. Tells a person, and refuses nothing: a guess from
a sample must not stop a run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from synthgen.checks.language import Language
from synthgen.recipes.recipe import Recipe
from synthgen.text import visible

SAMPLED_ROWS = 400
MIN_RATIO = 0.1  # of the rows that were looked at, before a person is bothered
_SPAN_COLUMNS = frozenset(
    {"span", "spans", "span_labels", "char_spans", "offsets", "entity", "entities", "annotation", "annotations"}
    | {"slot", "slots", "ner", "ner_tags", "ner_labels", "bio", "bioes", "iob", "iob2", "token_labels"}
)
_MARKS_OF_SPANS = (
    re.compile(
        r"^\s*\[.*\b(?:start|begin|startPos|start_char|offset)\b.*\b(?:end|endPos|end_char|length)\b", re.DOTALL
    ),
    re.compile(r"^\W*(?:(?:O|[BIESLU]-[\w.-]+)\W+)*[BIESLU]-[\w.-]+(?:\W+(?:O|[BIESLU]-[\w.-]+))*\W*$"),
    re.compile(r"^\s*\[\s*[\[(]\s*\d+\s*,\s*\d+\s*,"),
)
_MARKED_TEXT = (
    re.compile(r"\[[^\[\]]+\]\([A-Za-z_][\w.-]*\)"),  # [Paris](city)
    re.compile(r"<([A-Za-z_][\w.-]*)>[^<>]+</\1>"),  # <city>Paris</city>
)
_CODE = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        r"[;{}]\s*$",
        r"^\s*(?:def|class)\s+\w+\s*[(:]",
        r"^\s*(?:import\s+[\w.]+\s*;?$|from\s+[\w.]+\s+import\s|#include\s*[<\"]|package\s+[\w.]+;?$|using\s+[\w.:]+;)",
        r"^\s*(?:return|elif|else:|try:|except\b.*:|finally:)(?:\s|$)",
        r"\b(?:public|private|static|const|var|let|func|fn|function|void|int|string)\s+\w+\s*[=({]",
        r"(?:==|!=|=>|->|\+=|&&|\|\||::|</\w+>|\w\[\d+\])",
        r"\b\w+(?:\.\w+)*\((?:[^()\n]|\([^()\n]*\))*\)\s*[;:{]?\s*$",
        r"(?i)^\s*(?:select\s.+\sfrom\s|insert\s+into\s|update\s+\w+\s+set\s|create\s+table\s)",
        r"^\s*(?:if|for|while|switch)\s*\(.*\)\s*\{?\s*$|^\s*(?:if|for|while|with)\b.+:\s*$",
        r"^\s*\w+\s*=\s*\S",
    )
)


def doubts(
    recipe: Recipe,
    texts: Sequence[str],
    columns: Mapping[str, Sequence[str | None]],
    *,
    options: Mapping[str, Any],
) -> list[str]:
    """Why the rows may be none that the recipe is fit for, a sentence each; empty where nothing speaks against it.

    Args:
        recipe: Says what it must not be used on (`unfit_data`) and in which languages it works (`languages`).
        texts: Of the real rows; a sample of them is looked at.
        columns: Values of the table's other columns, by name.
        options: The job's choices, which may name the language.
    """
    sample = texts[:: max(1, len(texts) // SAMPLED_ROWS)][:SAMPLED_ROWS]
    found: list[str] = []
    if "spans" in recipe.unfit_data:
        found += _span_columns(columns)
        found += _told(sample, [text for text in sample if _has_marks(text)], "hold marked spans")
    if "code" in recipe.unfit_data:
        found += _told(sample, [text for text in sample if looks_like_code(text)], "look like code")
    languages = recipe.languages_with(options)
    if languages:
        language = Language(languages)
        others = [text for text in sample if language.against(text)]
        found += _told(sample, others, f"are not in the language that it works on ({', '.join(languages)})")
    return found


def looks_like_code(text: str) -> bool:
    """Whether at least two different habits of programs show in it, or one on two lines in three."""
    habits = [pattern.findall(text) for pattern in _CODE]
    lines = sum(1 for line in text.splitlines() if line.strip())
    return sum(map(bool, habits)) > 1 or (lines > 1 and 3 * max(map(len, habits)) >= 2 * lines)


def _has_marks(text: str) -> bool:
    return any(pattern.search(text) for pattern in _MARKED_TEXT)


def _span_columns(columns: Mapping[str, Sequence[str | None]]) -> Iterator[str]:
    for name, values in columns.items():
        filled = [value for value in values[:SAMPLED_ROWS] if value]
        marks = [value for value in filled if any(pattern.search(value) for pattern in _MARKS_OF_SPANS)]
        if name.casefold() in _SPAN_COLUMNS or (filled and len(marks) >= len(filled) / 2):
            example = f", such as {_shown((marks or filled)[0], 60)}" if filled else ""
            yield f"column '{name}' marks spans{example}: words move, and the marks do not move with them"


def _told(sample: Sequence[str], found: Sequence[str], what: str) -> list[str]:
    if not found or len(found) < MIN_RATIO * len(sample):
        return []
    return [f"{len(found):,} of {len(sample):,} rows {what}, such as: {_shown(found[0], 80)}"]


def _shown(text: str, most: int) -> str:
    return visible(" ".join(text.split()[:40]), max_chars=most)
