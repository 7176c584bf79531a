"""Template texts by name: the built-in ones, packaged with synthgen, and the user's own files."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

import synthgen.errors
from synthgen.errors import JobError

_PACKAGE = Path(synthgen.errors.__file__).parent


@dataclass(frozen=True, slots=True)
class TemplateSource:
    """One template's text.

    Attributes:
        name: Built-in name, or the path as the job file wrote it.
        path: Where it was read.
        text: Front matter and body.
    """

    name: str
    path: Path
    text: str


def prompts_dir() -> Path:
    """The built-in prompts: inside an installed package, or beside it in a source tree."""
    installed = _PACKAGE / "prompts"
    return installed if installed.is_dir() else _PACKAGE.parent / "prompts"


def builtin_names() -> list[str]:
    """Names of the built-in templates, sorted: `balance/default.j2`, ..."""
    root = prompts_dir()
    return sorted(str(path.relative_to(root)) for path in root.rglob("*.j2"))


def load_template(name: str, *, base: Path) -> TemplateSource:
    """Find a template: first as a path relative to `base` (the job file's folder), then among the built-in ones.

    Raises:
        JobError: There is none of that name.
    """
    own = base / name
    for path in (own, prompts_dir() / name):
        if path.is_file():
            try:
                return TemplateSource(name, path, path.read_text(encoding="utf-8"))
            except (OSError, UnicodeDecodeError) as error:
                raise JobError(f"{path}: cannot be read as UTF-8 text: {error}") from None
    near = difflib.get_close_matches(name, builtin_names(), n=1, cutoff=0.4)
    guess = f"did you mean '{near[0]}'? " if near else ""
    raise JobError(
        f"prompt.template: no template '{name}' ({own} does not exist, and no built-in one has that name)",
        hint=f"{guess}`synthgen prompts` lists the built-in ones",
    )
