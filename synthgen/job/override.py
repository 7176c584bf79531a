"""Single values of a job replaced from outside its file: `checks.duplicate.threshold=0.9`.

Keys are dotted as messages write them. An entry of a list is named by its number, or, among checks
and stages, by its name.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from synthgen.errors import JobError
from synthgen.job.checks import CheckConfig
from synthgen.job.model import Job
from synthgen.job.source import Loc, complaints, parse_yaml

_HINT = "keys are those of the job file, dotted, and values YAML: --set checks.duplicate.threshold=0.9"


def override(job: Job, setting: str) -> Job:
    """The job with one value replaced.

    Args:
        job: Any job; one that its recipe has filled in stays filled in.
        setting: `KEY=VALUE`. A check whose `enabled` becomes false is left out.

    Raises:
        JobError: Not of that form, an unknown key, or a value out of bounds.
    """
    name = f"--set {setting}"
    key, equals, text = setting.partition("=")
    if not equals or not key.strip():
        raise JobError(f"{name}: expected KEY=VALUE", hint=_HINT)
    value, _ = parse_yaml(text, name=name)
    if isinstance(value, dict | list):
        raise JobError(f"{name}: one value at a time, not a block or a list", hint=_HINT)
    tree = job.model_dump(mode="json", by_alias=True)
    _replace(tree, re.findall(r"[^.\[\]]+", key.strip()), value, name)
    try:
        changed = Job.model_validate(tree)
    except ValidationError as error:
        raise JobError("\n".join(complaints(error, dict.fromkeys(_places(tree), 0), name)), hint=_HINT) from None
    stages = changed.stages and [
        stage.model_copy(update={"checks": _enabled(stage.checks)}) for stage in changed.stages
    ]
    return changed.model_copy(update={"checks": _enabled(changed.checks), "stages": stages})


def _enabled(checks: list[CheckConfig] | None) -> list[CheckConfig] | None:
    return None if checks is None else [check for check in checks if check.enabled]


def _replace(node: Any, parts: list[str], value: Any, name: str) -> None:
    """Put `value` where `parts` lead; a key that is not there is made, for the job's own rules to judge."""
    if isinstance(node, list):
        part: str | int = _index(node, parts[0], name)
        rest = parts[1:]
    elif isinstance(node, dict):
        whole = ".".join(parts)  # a class name may hold dots
        part, rest = (whole, []) if whole in node else (parts[0], parts[1:])
    else:
        raise JobError(f"{name}: '{parts[0]}' is looked for inside a single value", hint=_HINT)
    if not rest:
        node[part] = value
        return
    if isinstance(node, dict) and node.get(str(part)) is None:
        node[part] = {}
    _replace(node[part], rest, value, name)


def _index(entries: list[Any], part: str, name: str) -> int:
    """Which entry of a list is meant."""
    if part.isascii() and part.isdigit():
        if int(part) < len(entries):
            return int(part)
        raise JobError(f"{name}: there is no entry {part}, the last one is {len(entries) - 1}", hint=_HINT)
    kind = "check" if any(isinstance(entry, dict) and "check" in entry for entry in entries) else "name"
    names = [str(entry[kind]) for entry in entries if isinstance(entry, dict) and kind in entry]
    if not names:
        raise JobError(f"{name}: '{part}' must be the number of an entry, 0 to {len(entries) - 1}", hint=_HINT)
    if names.count(part) > 1:
        numbers = " or ".join(f"checks.{i}" for i, known in enumerate(names) if known == part)
        raise JobError(f"{name}: there are several '{part}' checks: write {numbers}", hint=_HINT)
    if part not in names:
        near = difflib.get_close_matches(part, names, n=1, cutoff=0.5)
        guess = f"; did you mean '{near[0]}'?" if near else ""
        what = "check" if kind == "check" else "stage"
        raise JobError(f"{name}: the run has no {what} '{part}'{guess} (it has: {', '.join(names)})", hint=_HINT)
    return names.index(part)


def _places(node: Any, loc: Loc = ()) -> Iterator[Loc]:
    """Every place of a tree, so that complaints can name it."""
    yield loc
    entries = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in entries:
        yield from _places(child, (*loc, key))
