"""A whole file of training examples against the rules of its format, each problem with its line.

Reads and never changes. Lengths in tokens are estimates without a tokenizer (a quarter to either side on prose):
whoever is near the limit counts with the model's own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from synthgen.data.format_rules import RULES, texts_of, told_format
from synthgen.errors import JobError

MIN_EXAMPLES = 10  # OpenAI refuses a file of fewer
MAX_TOKENS = 65_536  # of one example, for the models that OpenAI lets be tuned; what is longer is cut at its end
MAX_FILE_BYTES = 512 * 1024 * 1024
_TOKENS_A_TURN = 4
_MARK = b"\xef\xbb\xbf"
Entry = tuple[int, Any]
"""Line of an example (from 1), and its value; a `Broken` where it is no JSON."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A line that is no JSON, and why."""

    why: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with one example."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class FormatReport:
    """What was found in one file.

    Attributes:
        format: The format it was held against.
        examples: How many there are.
        problems: What is wrong with single examples, in the order of the file.
        of_file: What is wrong with the file as a whole: too few examples, too large.
        duplicates: Examples that repeat an earlier one, text for text.
        tokens: Of all examples, estimated.
        longest: Line and estimated tokens of the longest example; zeros where there is none.
    """

    format: str
    examples: int
    problems: tuple[Problem, ...]
    of_file: tuple[str, ...]
    duplicates: int
    tokens: int
    longest: tuple[int, int]

    @property
    def is_valid(self) -> bool:
        return not self.problems and not self.of_file

    def as_json(self) -> dict[str, Any]:
        return {
            "format": self.format,
            "valid": self.is_valid,
            "examples": self.examples,
            "problems": [{"line": p.line, "problem": p.text} for p in self.problems],
            "file_problems": list(self.of_file),
            "duplicates": self.duplicates,
            "tokens_estimated": self.tokens,
            "longest": {"line": self.longest[0], "tokens_estimated": self.longest[1]},
        }


def check_format(path: Path, *, format: str | None = None, max_tokens: int = MAX_TOKENS) -> FormatReport:
    """Hold every example of a file against a format.

    Args:
        path: One JSON object a line; for alpaca and sharegpt also one JSON array.
        format: A name of `RULES`; None takes what the first example looks like.
        max_tokens: Most tokens an example may have, by estimate.

    Raises:
        JobError: The file cannot be read, or looks like none of the formats.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise JobError(f"{path}: cannot be read: {error.strerror}", hint="name a .jsonl or .json file") from None
    if format is None:
        every = _entries(content, is_array_allowed=True)
        format = next((told for _, value in every if (told := told_format(value)) is not None), None)
    if format is None:
        raise JobError(
            f"{path}: looks like none of {', '.join(RULES)}: no example has messages, conversations or instruction",
            hint=f"say which with --format {'|'.join(RULES)}",
        )
    is_array = content.removeprefix(_MARK).lstrip()[:1] == b"["
    return _report(_entries(content, is_array_allowed=True), format, max_tokens, is_array, size_bytes=len(content))


def estimate_tokens(texts: Iterable[str]) -> int:
    """Tokens of the turns of one example, about: four letters of ASCII, or one and a half others, make
    one."""
    tokens = 3.0
    for text in texts:
        plain = sum(map(str.isascii, text)) if not text.isascii() else len(text)
        tokens += plain / 4 + (len(text) - plain) / 1.5 + _TOKENS_A_TURN
    return round(tokens)


def _report(entries: Iterable[Entry], format: str, max_tokens: int, is_array: bool, *, size_bytes: int) -> FormatReport:
    problems: list[Problem] = []
    seen: set[bytes] = set()
    count, total, longest, repeats = 0, 0, (0, 0), 0
    for line, value in entries:
        count += 1
        found = [value.why] if isinstance(value, Broken) else list(RULES[format](value))
        tokens = estimate_tokens(texts := texts_of(value))
        if tokens > max_tokens:
            found.append(f"about {tokens:,} tokens, more than {max_tokens:,}: it would be cut at its end")
        problems += [Problem(line, text) for text in found]
        digest = hashlib.sha256("\0".join(texts).encode("utf-8", "replace")).digest()
        repeats += bool(texts) and digest in seen
        seen.add(digest)
        total += tokens if texts else 0
        longest = max(longest, (line, tokens), key=lambda place: place[1]) if texts else longest
    of_file = _file_problems(count, format, is_array=is_array, size_bytes=size_bytes)
    return FormatReport(format, count, tuple(problems), tuple(of_file), repeats, total, longest)


def _file_problems(examples: int, format: str, *, is_array: bool, size_bytes: int) -> Iterator[str]:
    if not examples:
        yield "holds no example"
    if format != "openai-chat":
        return
    if is_array:
        yield "is one JSON array: OpenAI reads one JSON object a line"
    if 0 < examples < MIN_EXAMPLES:
        yield f"{examples} examples: OpenAI wants at least {MIN_EXAMPLES}"
    if size_bytes > MAX_FILE_BYTES:
        yield f"{size_bytes / 2**20:,.0f} MiB: OpenAI takes at most {MAX_FILE_BYTES / 2**20:,.0f}"


def _entries(content: bytes, *, is_array_allowed: bool) -> Iterator[Entry]:
    bare = content.removeprefix(_MARK)
    if len(bare) < len(content):
        yield 1, Broken("begins with a byte order mark: write plain UTF-8")
    if is_array_allowed and bare.lstrip()[:1] == b"[":
        yield from _array_entries(bare)
        return
    lines = bare.split(b"\n")
    last = next((i for i in range(len(lines), 0, -1) if lines[i - 1].strip()), 0)
    for number, line in enumerate(lines[:last], 1):
        yield number, _parsed(line)


def _parsed(line: bytes) -> Any:
    if not line.strip():
        return Broken("is an empty line")
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return Broken(f"is no JSON: {error.msg} at character {error.pos + 1}")


def _array_entries(content: bytes) -> Iterator[Entry]:
    """The elements of one array, each with the line it begins on; ends at the first that cannot be read."""
    text, decoder = content.decode("utf-8", "replace"), json.JSONDecoder()
    place, line, counted = text.index("[") + 1, 1, 0
    while True:
        while place < len(text) and text[place] in " \t\r\n,":
            place += 1
        line, counted = line + text.count("\n", counted, place), place
        if place >= len(text):
            yield line, Broken("the array is never closed")
            return
        if text[place] == "]":
            return
        try:
            value, place = decoder.raw_decode(text, place)
        except (json.JSONDecodeError, RecursionError) as error:
            yield line, Broken(f"is no JSON: {error}; what follows is not read")
            return
        yield line, value
