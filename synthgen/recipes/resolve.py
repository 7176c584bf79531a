"""How a recipe fills a job: what stands in the job file overrides what the recipe brings.

Afterwards the first stage's template is the job's `prompt.template` and the last stage's checks are the job's `checks`,
unless the stage has its own: so a job of one stage reads the same whether its recipe or its file brought the parts.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from synthgen.errors import JobError
from synthgen.job import CheckConfig, Job, PromptConfig, StageConfig
from synthgen.recipes.catalogue import find_recipe
from synthgen.recipes.recipe import OptionConfig, Recipe


def resolve(job: Job, *, name: str, base: Path) -> tuple[Job, Recipe]:
    """The job with everything its recipe brings filled in.

    Args:
        job: As it was read.
        name: The job file to blame.
        base: Its folder.

    Raises:
        JobError: No such recipe, option or stage, or nobody to ask.
    """
    is_own = job.stages is not None and "recipe" not in job.model_fields_set
    recipe = _own_recipe(job) if is_own else find_recipe(job.recipe, base=base, blame=name)
    options = recipe.chosen(job.options, blame=name)
    if is_own:
        stages = [stage for stage in job.stages or () if stage.when]
    else:
        brought = [_fitted(_placed(stage, recipe, base), job) for stage in recipe.stages_with(options)]
        stages = _overridden(job, brought, recipe, name)
    stages = _with_checks(stages, job.checks or ())
    models = job.models or recipe.models_with(options)
    if not models:
        raise JobError(
            f"{name}: models: missing: who is to be asked?",
            hint="add `models:` with `- {provider: local}`, or an endpoint's `base_url` and `model`",
        )
    filled = job.model_copy(update={"options": options, "models": models, "prompt": _prompt(job, recipe)})
    return _folded(filled, stages), recipe


def _placed(stage: StageConfig, recipe: Recipe, base: Path) -> StageConfig:
    """With a template that lies beside its recipe named as seen from the job."""
    if stage.template is None or not recipe.path:
        return stage
    beside = Path(recipe.path).parent / stage.template
    if not beside.is_file():
        return stage
    return stage.model_copy(update={"template": os.path.relpath(beside, base)})


def _fitted(stage: StageConfig, job: Job) -> StageConfig:
    """Without the recipe's label check where the job's rows have no classes to check."""
    if job.data.label is not None or stage.checks is None:
        return stage
    return stage.model_copy(update={"checks": [check for check in stage.checks if check.check != "label"]})


def _own_recipe(job: Job) -> Recipe:
    """What stands for a recipe where a job writes all its stages itself."""
    return Recipe(
        name="own stages",
        description="the stages that the job file writes",
        fit_for="what its author made it for",
        options={name: OptionConfig(default=value) for name, value in job.options.items()},
        stages=[stage.model_dump(by_alias=True, exclude_defaults=True) for stage in job.stages or ()],
    )


def _overridden(job: Job, brought: list[StageConfig], recipe: Recipe, name: str) -> list[StageConfig]:
    """The recipe's stages, with what the job writes about them."""
    if job.stages is None:
        return brought
    own = {stage.name: stage for stage in job.stages}
    known = [stage.name for stage in brought]
    for stage in own:
        if stage not in known:
            raise JobError(
                f"{name}: stages: recipe '{recipe.name}' has no stage '{stage}' (it has: {', '.join(known)})",
                hint="an entry changes the recipe's stage of that name; leave `recipe` out to write all of them",
            )
    return [_overlaid(stage, own[stage.name]) if stage.name in own else stage for stage in brought]


def _overlaid(stage: StageConfig, own: StageConfig) -> StageConfig:
    written: dict[str, Any] = {field: getattr(own, field) for field in own.model_fields_set - {"checks"}}
    if "template" in written:
        written.setdefault("prompt", None)
    elif "prompt" in written:
        written["template"] = None
    merged = stage.model_copy(update=written)
    return merged if own.checks is None else _with_own(merged, own.checks)


def _with_own(stage: StageConfig, own: Sequence[CheckConfig]) -> StageConfig:
    """With a job's checks in the place of those of the same kind, or added."""
    replaced = {check.check for check in own}
    checks = [*(c for c in stage.checks or () if c.check not in replaced), *own]
    return stage.model_copy(update={"checks": [check for check in checks if check.enabled]})


def _with_checks(stages: list[StageConfig], own: Sequence[CheckConfig]) -> list[StageConfig]:
    """A check of the job replaces its kind wherever a stage has it; one that no stage has judges the last."""
    made = []
    taken: set[str] = set()
    for number, stage in enumerate(stages):
        kinds = {check.check for check in stage.checks or ()}
        is_last = number == len(stages) - 1
        here = [check for check in own if check.check in kinds or (is_last and check.check not in taken)]
        taken |= {check.check for check in here}
        made.append(_with_own(stage, here))
    return made


def _prompt(job: Job, recipe: Recipe) -> PromptConfig:
    if recipe.seeds is None or "seeds" in job.prompt.model_fields_set:
        return job.prompt
    return job.prompt.model_copy(update={"seeds": recipe.seeds})


def _folded(job: Job, stages: list[StageConfig]) -> Job:
    first, last = stages[0], stages[-1]
    prompt = job.prompt
    if prompt.template is None and first.template is not None:
        prompt = prompt.model_copy(update={"template": first.template})
    beside: dict[str, Any] = {"template": None}
    if job.prompt.template is not None:
        beside["prompt"] = None
    if job.prompt.items is not None:
        beside["items"] = None
    if job.schema_ is not None:
        beside["schema_"] = None
    stages = [first.model_copy(update=beside), *stages[1:]]
    stages[-1] = stages[-1].model_copy(update={"checks": None})
    is_plain = len(stages) == 1 and _is_plain(stages[0])
    return job.model_copy(update={"checks": last.checks, "prompt": prompt, "stages": None if is_plain else stages})


def _is_plain(stage: StageConfig) -> bool:
    """Whether it says nothing that the job does not."""
    return stage.model_copy(update={"name": "generate"}) == StageConfig(name="generate")
