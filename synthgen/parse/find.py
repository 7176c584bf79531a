"""Finding the items of one answer: JSON in all the shapes models give it, plain text, or lines.

Owns what counts as an item and which of them the answer stops inside. Does not judge them: that is `judge`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, NamedTuple

from synthgen.parse.marks import first_turn, turn_after, without_end_marks, without_thoughts
from synthgen.parse.repair import Unreadable, read_value, repair_value, requote
from synthgen.parse.scan import MAX_MARKS, Piece, Scan, scan
from synthgen.records import OutputKind, Reason

_MAX_REPAIRED_CHARS = 64_000
_DOUBTFUL = "not valid JSON: quotes inside a string are not escaped, and where the string ends is a guess"
_TOO_BROKEN = "not valid JSON, in an answer too broken to repair all of it"
_TOO_MANY_MARKS = f"not valid JSON, and more than {MAX_MARKS:,} brackets, quotes and commas in it"
_FENCE = "```"
_THINKING = re.compile(r"\s*<(think|thinking|reasoning)>")
_THOUGHT = re.compile(r"</(?:think|thinking|reasoning)>")
_MAX_WRAPPINGS = 4  # JSON in a string in a string, an object around an object: deeper is a loop
_SEPARATORS = re.compile(r"[\s_-]+")
_NEWLINE = re.compile(r"\r\n|\r|\n")
_BULLET = re.compile(r"(?:[-*•–—·]|\(?\d{1,3}[.)])\s+")
_WRAPPERS = {'"': '"', "“": "”", "„": "“", "«": "»", "'": "'", "‘": "’", "`": "`"}
_WORD_APOSTROPHE = re.compile(r"(?<=\w)['’](?=\w)")


class Found(NamedTuple):
    """A value found in the answer: read (`reason` is None), or why it cannot be.

    Attributes:
        value: The item as plain JSON; of a cut plain text, what stands before the cut.
        source: The words it was read from; empty where the whole answer was valid.
        reason: MALFORMED or TRUNCATED, or None.
        problem: The reason in words.
    """

    value: Any = None
    source: str = ""
    reason: Reason | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """What an item looks like: its fields' names, and which of them holds the row's text."""

    names: AbstractSet[str]
    text_field: str


def find_items(text: str, *, output: OutputKind, is_cut: bool, shape: Shape, rules: int) -> list[Found]:
    """The items of an answer, in order; empty where it holds none.

    Args:
        text: The answer.
        output: What was asked for.
        is_cut: Whether the model stopped in the middle.
        shape: What an item looks like.
        rules: Version of the rules, as in `parse_answer`.
    """
    if rules < 2:
        body = _without_thinking(text)
        if output == "json":
            return _find_json(body, shape)
    else:
        body = without_end_marks(without_thoughts(text))
        if output == "json":
            return _find_json_freely(body, shape)
        body = without_end_marks(first_turn(body))
    return _find_text(body, is_cut, shape) if output == "text" else _find_lines(body, is_cut, shape)


def _without_thinking(text: str) -> str:
    """`text` less the thoughts before the answer. Tags inside the answer are the answer's own and stay."""
    start = 0
    while opened := _THINKING.match(text, start):
        closed = _THOUGHT.search(text, opened.end())
        if closed is None:
            return ""
        start = closed.end()
    text = text[start:].lstrip()
    # Some servers open the thoughts in the prompt, so that only their end stands in the answer.
    orphan = None if text.startswith(("{", "[", _FENCE)) else _THOUGHT.search(text)
    return text if orphan is None else text[orphan.end() :].lstrip()


def _find_json(text: str, shape: Shape) -> list[Found]:
    value = _whole_value(text)
    if isinstance(value, dict | list):
        return [Found(v) for v in _rows_in(value, shape)]
    scanned = scan(text)
    if scanned.is_cut_short:
        return [Found(None, text, Reason.MALFORMED, _TOO_MANY_MARKS)]
    roots = [root for root in scanned.roots if _is_answer(root, scanned.text)]
    return _read_all([piece for root in roots for piece in _pieces_in(root, shape)], scanned)


def _find_json_freely(text: str, shape: Shape) -> list[Found]:
    """As `_find_json`, also where the answer is JSON in a JSON string, has one object more around the items, or goes on
    with a turn that nobody asked for."""
    for _ in range(_MAX_WRAPPINGS):
        inner = read_value(text) if text.startswith('"') else None
        if not isinstance(inner, str):
            break
        text = inner.strip()
    value = _whole_value(text)
    if not isinstance(value, dict | list):
        end = _end_of_first_root(text)
        turn = None if end is None else turn_after(text, end)
        if turn is not None:
            text = text[:turn]
            value = _whole_value(text)
    if isinstance(value, dict | list):
        return [Found(_renamed(v, shape)) for v in _rows_in(_unboxed(value, shape), shape)]
    found = _find_json(text, shape)
    return [f._replace(value=_renamed(f.value, shape)) if f.reason is None else f for f in found]


def _end_of_first_root(text: str) -> int | None:
    """Offset after the first whole object or list of a sloppy answer."""
    return next((root.end for root in scan(text).roots if root.end is not None and root.members), None)


def _unboxed(value: Any, shape: Shape) -> Any:
    """`value` less objects around the items that have one member, which holds an object or list: `{"data": {...}}`."""
    for _ in range(_MAX_WRAPPINGS):
        if not isinstance(value, dict) or len(value) != 1:
            break
        ((name, inner),) = value.items()
        if not isinstance(inner, dict) or _own_name(name, shape) is not None:
            break
        value = inner
    return value


def _renamed(row: Any, shape: Shape) -> Any:
    """A row with its fields under their own names, where there is one reading: `Text` for `text`, `due-date` for
    `due_date`, and a row alone in an object of its own."""
    row = _unboxed(row, shape)
    if not isinstance(row, dict) or row.keys() >= shape.names:
        return row
    names = {key: _own_name(key, shape) for key in row if key not in shape.names}
    taken = [name for name in names.values() if name is not None]
    clear = {k: n for k, n in names.items() if n is not None and n not in row and taken.count(n) == 1}
    return {clear.get(key, key): value for key, value in row.items()} if clear else row


def _own_name(key: str, shape: Shape) -> str | None:
    """The field that a key means, but for case, spaces and dashes; None where it means none, or more than one."""
    meant = [name for name in shape.names if _bare(name) == _bare(key)]
    return meant[0] if len(meant) == 1 else None


def _bare(name: str) -> str:
    return _SEPARATORS.sub("", name).casefold()


def _whole_value(text: str) -> Any:
    """The value of a valid answer, from its first bracket to its last. None where that is no JSON."""
    starts = [i for i in (text.find("{"), text.find("[")) if i >= 0]
    end = max(text.rfind("}"), text.rfind("]")) + 1
    return read_value(text[min(starts) : end]) if starts and end > min(starts) else None


def _rows_in(value: Any, shape: Shape) -> list[Any]:
    """The items of a valid answer: a list, a list inside an object, or the one object itself."""
    if isinstance(value, list):
        rows: list[Any] = []
        for row in value:
            rows += row["items"] if _is_wrapped(row, shape) else [row]
        return rows
    lists = {key: isinstance(v, list) and all(isinstance(e, dict | str) for e in v) for key, v in value.items()}
    key = _list_key(lists, shape)
    return [value] if key is None else _rows_in(value[key], shape)


def _is_wrapped(row: Any, shape: Shape) -> bool:
    return isinstance(row, dict) and shape.text_field not in row and isinstance(row.get("items"), list)


def _pieces_in(root: Piece, shape: Shape) -> list[Piece]:
    """The same rule as `_rows_in`, on spans.

    In a cut object only `items` may hold bare strings: under another name they may be anything, and what else the
    object would have held is unknown.
    """
    if root.opener == "[":
        return [piece for member in root.members for piece in _unwrapped(member, shape)]
    rows = {"{"} if root.end is None else {"{", '"', "'"}
    members = {m.key: m for m in root.members}
    lists = {key: m.opener == "[" and (key == "items" or _all_open(m, rows)) for key, m in members.items()}
    key = _list_key(lists, shape)
    return [root] if key is None else members[key].members


def _all_open(piece: Piece, openers: AbstractSet[str]) -> bool:
    return all(member.opener in openers for member in piece.members)


def _unwrapped(row: Piece, shape: Shape) -> list[Piece]:
    members = {m.key: m for m in row.members}
    is_wrapped = shape.text_field not in members and "items" in members and members["items"].opener == "["
    return members["items"].members if is_wrapped else [row]


def _list_key(lists: Mapping[str, bool], shape: Shape) -> str | None:
    """The member of the root object that holds the items: `items`, or the only list that is no field of an item."""
    if shape.text_field in lists:
        return None
    if lists.get("items"):
        return "items"
    others = [key for key, is_list in lists.items() if is_list and key not in shape.names]
    return others[0] if len(others) == 1 else None


def _is_answer(root: Piece, text: str) -> bool:
    """Whether a root is more than a bracket in prose, as in `[1]` or `{name}`."""
    return bool(root.members) or (root.opener == "{" and ":" in text[root.start : root.end])


def _read_all(pieces: Sequence[Piece], scanned: Scan) -> list[Found]:
    """Each piece on its own, so that none sinks its neighbours; repairs stop when they have cost enough."""
    found, left = [], _MAX_REPAIRED_CHARS
    for piece in pieces:
        source = scanned.text[piece.start : piece.end]
        if piece.end is None:
            found.append(Found(None, source, Reason.TRUNCATED, "the answer stops in the middle of this item"))
            continue
        quoted = requote(source, scanned.strings_in(piece))
        value = read_value(quoted)
        if value is None:
            left -= len(source)
            found.append(_repaired(quoted, source, is_doubtful=scanned.is_doubtful(piece), may_repair=left >= 0))
        elif isinstance(value, str) and scanned.is_doubtful(piece):
            found.append(Found(None, source, Reason.MALFORMED, _DOUBTFUL))
        else:
            found.append(Found(value, source))
    return found


def _repaired(quoted: str, source: str, *, is_doubtful: bool, may_repair: bool) -> Found:
    if is_doubtful or not may_repair:
        return Found(None, source, Reason.MALFORMED, _DOUBTFUL if is_doubtful else _TOO_BROKEN)
    try:
        return Found(repair_value(quoted), source)
    except Unreadable as error:
        return Found(None, source, Reason.MALFORMED, str(error))


def _find_text(text: str, is_cut: bool, shape: Shape) -> list[Found]:
    body = _unquoted(_unfenced(text.strip()).strip())
    return [_plain(body, shape, is_cut=is_cut)] if body else []


def _unfenced(text: str) -> str:
    if not (text.startswith(_FENCE) and text.endswith(_FENCE) and len(text) >= 2 * len(_FENCE)):
        return text
    inside = text[len(_FENCE) : -len(_FENCE)]
    language, newline, rest = inside.partition("\n")
    return rest if newline and (not language.strip() or language.strip().isalnum()) else inside


def _find_lines(text: str, is_cut: bool, shape: Shape) -> list[Found]:
    is_last_cut = is_cut and not text.endswith(("\n", "\r"))
    lines = [line.strip() for line in _NEWLINE.split(text)]
    bodies = [_line_body(line) for line in lines if line and not line.startswith(_FENCE)]
    last = len(bodies) - 1
    return [_plain(body, shape, is_cut=is_last_cut and i == last) for i, body in enumerate(bodies) if body]


def _line_body(line: str) -> str:
    bullet = _BULLET.match(line)
    return _unquoted(line[bullet.end() :] if bullet else line)


def _unquoted(text: str) -> str:
    """`text` less one pair of quotes around all of it; quotes that only begin and end it by chance stay."""
    closer = _WRAPPERS.get(text[:1])
    if closer is None or len(text) < 2 or text[-1] != closer:
        return text
    inside = _WORD_APOSTROPHE.sub("", text[1:-1])
    return text if closer in inside or text[0] in inside else text[1:-1].strip()


def _plain(body: str, shape: Shape, *, is_cut: bool) -> Found:
    value = {shape.text_field: body}
    if is_cut:
        return Found(value, body, Reason.TRUNCATED, "the answer stops in the middle of this item")
    return Found(value, body)
