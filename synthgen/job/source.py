"""Job text to `Job`, with every complaint naming file, line and field.

Owns YAML as we read it: keys are always strings, `yes`/`no`/`on`/`off` are words, `07:00` is text, a key written
twice is refused. Reads no file: it is handed the text and the name to blame.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from pydantic import ValidationError

from synthgen.errors import JobError
from synthgen.job.model import Job

Loc = tuple[str | int, ...]


class _Loader(yaml.SafeLoader):
    """YAML 1.2 scalars: only true/false are booleans, no sexagesimal numbers, no dates."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("tag:yaml.org,2002:null", r"~|null|Null|NULL|", "~nN\0"),
    ("tag:yaml.org,2002:int", r"[-+]?[0-9]+", "-+0123456789"),
    ("tag:yaml.org,2002:float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
):
    _Loader.add_implicit_resolver(_tag, re.compile(f"^(?:{_pattern})$"), list(_first) if _first != "~nN\0" else None)


def parse_job(text: str, *, name: str) -> Job:
    """Read a job.

    Args:
        text: The YAML.
        name: File name to blame in messages.

    Raises:
        JobError: Not YAML, an unknown key, or a value out of bounds; every such place is listed with its line.
    """
    value, lines = parse_yaml(text, name=name)
    if not isinstance(value, dict):
        raise JobError(f"{name}: not a job file: expected keys such as name, data, targets and models at the top level")
    try:
        return Job.model_validate(value)
    except ValidationError as error:
        hint = f"edit {name} and run the same command again"
        raise JobError("\n".join(complaints(error, lines, name)), hint=hint) from None


def complaints(error: ValidationError, lines: Mapping[Loc, int], name: str) -> list[str]:
    """What pydantic found, one line each: `file:line: field: what is wrong`; line 0 stands for no line."""
    return list(dict.fromkeys(_complaint(dict(e), lines, name) for e in error.errors()))


def parse_yaml(text: str, *, name: str) -> tuple[Any, dict[Loc, int]]:
    """YAML to plain values, with the 1-based line of every key and list item.

    Raises:
        JobError: Not YAML, or a key twice in one block.
    """
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise JobError(f"{name}{line}: not valid YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise JobError(f"{name}: not valid YAML: {error}") from None
    lines: dict[Loc, int] = {}
    return (None if node is None else _construct(node, (), lines, name)), lines


def _construct(node: yaml.Node, loc: Loc, lines: dict[Loc, int], name: str) -> Any:
    lines.setdefault(loc, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        out: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key, line = str(key_node.value), key_node.start_mark.line + 1
            if key in out:
                raise JobError(f"{name}:{line}: {_dotted((*loc, key))}: written twice")
            lines[(*loc, key)] = line
            out[key] = _construct(value_node, (*loc, key), lines, name)
        return out
    if isinstance(node, yaml.SequenceNode):
        return [_construct(child, (*loc, i), lines, name) for i, child in enumerate(node.value)]
    loader = _Loader("")
    try:
        return loader.construct_object(node)
    except yaml.YAMLError as error:
        raise JobError(f"{name}:{node.start_mark.line + 1}: {_dotted(loc)}: {error}") from None
    finally:
        loader.dispose()


def _complaint(error: dict[str, Any], lines: Mapping[Loc, int], name: str) -> str:
    loc = _in_file(error["loc"], lines)
    key = (error.get("ctx") or {}).get("key")
    if key is not None and (*loc, key) in lines:
        loc = (*loc, key)
    message = _reword(error)
    if error["type"] == "missing":
        missing = _dotted((*loc, error["loc"][-1]))
        return f"{name}{_line(lines.get(loc, 1))}: {missing}: missing"
    where = f" {_dotted(loc)}:" if loc else ""
    return f"{name}{_line(lines.get(loc, 1))}:{where} {message}"


def _line(number: int) -> str:
    return f":{number}" if number else ""


def _in_file(loc: Sequence[str | int], lines: Mapping[Loc, int]) -> Loc:
    """The deepest part of pydantic's location that stands in the file (it also names union branches)."""
    found: Loc = ()
    for part in loc:
        if (*found, part) in lines:
            found = (*found, part)
    return found


def _reword(error: dict[str, Any]) -> str:
    message = str(error["msg"]).removeprefix("Value error, ").replace("Input should", "should")
    shown = error.get("input")
    if error["type"] in ("missing", "unknown_key", "check") or isinstance(shown, dict | list) or shown is None:
        return message
    return f"{message} (is {shown!r})"


def _dotted(loc: Sequence[str | int]) -> str:
    out = ""
    for part in loc:
        out += f"[{part}]" if isinstance(part, int) else (f".{part}" if out else str(part))
    return out
