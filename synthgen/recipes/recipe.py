"""What a recipe is, and how it fills a job.

A recipe brings a prompt template, the number of items an answer holds, and checks. What stands in the job file
overrides it: a check of the same kind replaces the recipe's, other kinds are added.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from synthgen.errors import JobError
from synthgen.job import (
    ChatterCheck,
    CheckConfig,
    CopiedSeedCheck,
    DuplicateCheck,
    Job,
    LeakageCheck,
    LengthCheck,
    PlaceholderCheck,
    RefusalCheck,
    RepetitiveCheck,
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A ready way of generating.

    Attributes:
        name: As the job file says it.
        description: What it does, in a line.
        fit_for: What data it suits.
        template: Its prompt.
        needs_seeds: Whether every class needs real rows.
        checks: Its judges.
    """

    name: str
    description: str
    fit_for: str
    template: str
    needs_seeds: bool
    checks: tuple[CheckConfig, ...]


BALANCE = Recipe(
    name="balance",
    description="more rows of rare classes, written after real rows of the same class",
    fit_for="short texts with one label each: intents, tickets, reviews, messages",
    template="balance/default.j2",
    needs_seeds=True,
    checks=(
        LengthCheck(check="length", min_chars=3, max_chars=2000),
        RefusalCheck(check="refusal"),
        ChatterCheck(check="chatter"),
        PlaceholderCheck(check="placeholder"),
        RepetitiveCheck(check="repetitive"),
        CopiedSeedCheck(check="copied_seed"),
        LeakageCheck(check="leakage"),
        DuplicateCheck(check="duplicate"),
    ),
)

RECIPES: Mapping[str, Recipe] = {recipe.name: recipe for recipe in (BALANCE,)}


def resolve(job: Job, *, name: str) -> tuple[Job, Recipe]:
    """The job with everything its recipe brings filled in.

    Raises:
        JobError: No recipe of that name; `name` is the job file to blame.
    """
    recipe = RECIPES.get(job.recipe)
    if recipe is None:
        near = difflib.get_close_matches(job.recipe, RECIPES, n=1, cutoff=0.4)
        guess = f"; did you mean '{near[0]}'?" if near else ""
        raise JobError(
            f"{name}: recipe: no recipe '{job.recipe}'{guess} (there are: {', '.join(RECIPES)})",
            hint="leave `recipe` out to take balance",
        )
    own = list(job.checks or ())
    replaced = {check.check for check in own}
    checks = [c for c in (*(c for c in recipe.checks if c.check not in replaced), *own) if c.enabled]
    template = job.prompt.template or recipe.template
    prompt = job.prompt.model_copy(update={"template": template})
    return job.model_copy(update={"checks": checks, "prompt": prompt}), recipe
