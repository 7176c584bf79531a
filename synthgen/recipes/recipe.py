"""What a recipe is: steps ready to use, what a job may choose about them, and what they are fit for.

Owns the recipe file's keys and how its `$option` words get their values. Reads no file: `catalogue` does.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from synthgen.errors import JobError
from synthgen.job import ModelConfig, StageConfig
from synthgen.job.source import complaints, parse_yaml
from synthgen.job.strict import Strict


class OptionConfig(Strict):
    """One thing that a recipe lets a job choose.

    Attributes:
        default: Its value where the job says nothing; a job's value must be of the same kind.
        choices: The values there are; empty for any.
        pattern: Regular expression that the whole of a text value must match; empty for any.
        description: For a person.
    """

    default: str | int | float | bool | list[str] | None = None
    choices: list[str | int | float | bool] = Field(default_factory=list)
    pattern: str = ""
    description: str = ""


class Recipe(Strict):
    """A recipe file.

    Attributes:
        name: As the job file says it; the file's folder, or its own name.
        description: What it does, in a line.
        fit_for: What data it suits.
        unfit_for: What it must not be used on, for a person.
        unfit_data: What of that can be seen in the rows: `plan` looks for it.
        languages: ISO 639-1 codes of the languages that its rows must be in; empty for any.
        options: What a job may choose, by name.
        seeds: Real rows shown in each prompt where the job does not say; None is the job file's default.
        models: Used where the job names none.
        stages: Its steps as they are written: a string that is exactly `$name` stands for that option's value.
        path: Where it was read; empty for one that a package brings.
    """

    name: str = ""
    description: str
    fit_for: str
    unfit_for: str = ""
    unfit_data: list[Literal["spans", "code"]] = Field(default_factory=list)
    languages: list[str] = Field(default_factory=list)
    options: dict[str, OptionConfig] = Field(default_factory=dict)
    seeds: Annotated[int, Field(ge=0)] | None = None
    models: list[dict[str, Any]] = Field(default_factory=list)
    stages: Annotated[list[dict[str, Any]], Field(min_length=1)]
    path: str = ""

    @field_validator("options", mode="before")
    @classmethod
    def _accept_bare_defaults(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {name: given if isinstance(given, Mapping) else {"default": given} for name, given in value.items()}

    @field_validator("stages")
    @classmethod
    def _named_once(cls, value: list[dict[str, Any]]) -> list[dict[str, Any]]:
        names = [str(stage.get("name")) for stage in value]
        for name in names:
            if names.count(name) > 1:
                raise PydanticCustomError("stages", "two stages are called '{name}'", {"name": name})
        return value

    @property
    def where(self) -> str:
        """To blame in messages."""
        return self.path or f"recipe {self.name}"

    def chosen(self, options: Mapping[str, Any], *, blame: str) -> dict[str, Any]:
        """Every option's value.

        Raises:
            JobError: The job sets an option that is not there, or to what it cannot be; `blame` is the job file.
        """
        for name, value in options.items():
            if name not in self.options:
                raise self._unknown_option(name, blame)
            self._refuse_stranger(name, value, blame)
        return {name: options.get(name, option.default) for name, option in self.options.items()}

    def _unknown_option(self, name: str, blame: str) -> JobError:
        near = difflib.get_close_matches(name, self.options, n=1, cutoff=0.5)
        guess = f"; did you mean '{near[0]}'?" if near else ""
        known = ", ".join(self.options) or "none"
        return JobError(
            f"{blame}: options.{name}: recipe '{self.name}' has no such option{guess} (it has: {known})",
            hint=f"`synthgen recipes {self.name}` shows what it lets you choose",
        )

    def _refuse_stranger(self, name: str, value: Any, blame: str) -> None:
        option = self.options[name]
        if option.choices and value not in option.choices:
            shown = ", ".join(str(choice) for choice in option.choices)
            raise JobError(f"{blame}: options.{name}: must be one of {shown} (is {value!r})")
        if option.pattern and isinstance(value, str) and not re.fullmatch(option.pattern, value):
            raise JobError(
                f"{blame}: options.{name}: cannot be {value!r}: {option.description or option.pattern}",
                hint=f"write it like the default, {option.default!r}",
            )
        default = option.default
        if default is None or value is None or option.choices:
            return
        kinds = (int, float) if isinstance(default, float) else type(default)
        if not isinstance(value, kinds) or (isinstance(value, bool) and not isinstance(default, bool)):
            raise JobError(f"{blame}: options.{name}: must be like its default, {default!r} (is {value!r})")

    def stages_with(self, options: Mapping[str, Any]) -> list[StageConfig]:
        """Its steps with the options' values filled in; those whose `when` is false are left out.

        Raises:
            JobError: A stage is not as it must be, or names an option that the recipe does not have.
        """
        made = self._validated([self._filled(stage, options) for stage in self.stages])
        kept = [stage for stage in made if stage.when]
        if not kept:
            raise JobError(f"{self.where}: stages: none is left where `when` is false for all")
        return kept

    def models_with(self, options: Mapping[str, Any]) -> list[ModelConfig]:
        """Its models with the options' values filled in."""
        try:
            return [ModelConfig.model_validate(self._filled(model, options)) for model in self.models]
        except ValidationError as error:
            raise JobError("\n".join(complaints(error, {}, f"{self.where}: models"))) from None

    def languages_with(self, options: Mapping[str, Any]) -> list[str]:
        """Languages that its rows must be in, with the options' values filled in."""
        return [str(language) for language in self._filled(self.languages, options)]

    def _validated(self, stages: list[Any]) -> list[StageConfig]:
        made = []
        for stage in stages:
            try:
                made.append(StageConfig.model_validate(stage))
            except ValidationError as error:
                place = f"{self.where}: stage {stage.get('name', '?')}"
                raise JobError("\n".join(complaints(error, {}, place)), hint="edit the recipe") from None
        return made

    def _filled(self, value: Any, options: Mapping[str, Any]) -> Any:
        if isinstance(value, Mapping):
            return {key: self._filled(inner, options) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._filled(inner, options) for inner in value]
        if isinstance(value, str) and value.startswith("$") and value[1:].isidentifier():
            if value[1:] not in options:
                raise JobError(
                    f"{self.where}: {value}: the recipe has no option '{value[1:]}'",
                    hint=f"add `{value[1:]}` to its `options`",
                )
            return options[value[1:]]
        return value


def parse_recipe(text: str, *, name: str, path: str) -> Recipe:
    """Read a recipe file.

    Args:
        text: Its YAML.
        name: Where the file does not say it.
        path: To blame in messages.

    Raises:
        JobError: Not a recipe; every wrong place is listed with its line.
    """
    value, lines = parse_yaml(text, name=path)
    if not isinstance(value, dict):
        raise JobError(f"{path}: not a recipe: expected keys such as description, fit_for and stages at the top level")
    try:
        recipe = Recipe.model_validate({"name": name, **value, "path": path})
    except ValidationError as error:
        raise JobError("\n".join(complaints(error, lines, path)), hint=f"edit {path}") from None
    recipe.stages_with({name: option.default for name, option in recipe.options.items()})
    return recipe
