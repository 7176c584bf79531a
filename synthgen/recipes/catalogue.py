"""Where recipes are found: the built-in ones, those that installed packages bring, and the user's own files."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from synthgen.data.prompts import prompts_dir
from synthgen.errors import JobError
from synthgen.job.source import complaints
from synthgen.recipes.recipe import Recipe, parse_recipe

ENTRY_POINTS = "synthgen.recipes"
RECIPE_FILE = "recipe.yaml"
_FILE_ENDINGS = (".yaml", ".yml")


def recipe_names() -> list[str]:
    """Every recipe that can be had by name, sorted."""
    return sorted({*_builtin_names(), *(entry.name for entry in _entries())})


def find_recipe(name: str, *, base: Path, blame: str) -> Recipe:
    """The recipe that a job names.

    Args:
        name: A built-in name, one that an installed package registered as entry point `synthgen.recipes`, or the path
            of a recipe file, relative to `base`.
        base: The job file's folder.
        blame: The job file.

    Raises:
        JobError: There is none, or it is not as it must be.
    """
    if name.endswith(_FILE_ENDINGS):
        return _read(base / name, name=Path(name).stem, blame=blame)
    if name in _builtin_names():
        return _read(prompts_dir() / name / RECIPE_FILE, name=name, blame=blame)
    for entry in _entries():
        if entry.name == name:
            return _loaded(entry)
    known = recipe_names()
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    guess = f"; did you mean '{near[0]}'?" if near else ""
    raise JobError(
        f"{blame}: recipe: no recipe '{name}'{guess} (there are: {', '.join(known)})",
        hint="leave `recipe` out to take balance, or name a recipe file of your own (.yaml)",
    )


def _builtin_names() -> list[str]:
    return [path.parent.name for path in prompts_dir().glob(f"*/{RECIPE_FILE}")]


def _entries() -> Iterator[metadata.EntryPoint]:
    yield from metadata.entry_points(group=ENTRY_POINTS)


def _read(path: Path, *, name: str, blame: str) -> Recipe:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise JobError(
            f"{blame}: recipe: no such file: {path}", hint="recipe files are relative to the job file"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise JobError(f"{path}: cannot be read as UTF-8 text: {error}") from None
    return parse_recipe(text, name=name, path=str(path))


def _loaded(entry: metadata.EntryPoint) -> Recipe:
    """What a package registered: a recipe, a dict shaped like a recipe file, or a function that gives either."""
    try:
        found: Any = entry.load()
        if callable(found) and not isinstance(found, Recipe):
            found = found()
    except Exception as error:  # a stranger's code: whatever it raises is told, not thrown
        raise JobError(
            f"recipe {entry.name}: {entry.value} cannot be loaded: {type(error).__name__}: {error}",
            hint=f"it comes from the package {entry.dist.name if entry.dist else '?'}: mend or remove that",
        ) from None
    if isinstance(found, Recipe):
        return found
    try:
        return Recipe.model_validate({"name": entry.name, **found})
    except (ValidationError, TypeError) as error:
        said = "\n".join(complaints(error, {}, entry.value)) if isinstance(error, ValidationError) else str(error)
        raise JobError(f"recipe {entry.name}: {entry.value} is no recipe: {said}") from None
