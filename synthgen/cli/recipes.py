"""`synthgen recipes`: the techniques there are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from synthgen.recipes import Recipe


@click.command("recipes")
@click.argument("name", required=False)
@click.option("--file", "as_file", is_flag=True, help="Print the recipe file itself: copy it to make your own.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line of stdout.")
def command(name: str | None, as_file: bool, as_json: bool) -> None:
    """List the recipes, or show NAME: what it is fit for, its stages and what a job may choose.

    NAME may be a recipe file of yours (.yaml): it is checked as a job would.
    """
    import orjson

    from synthgen.recipes import find_recipe, recipe_names

    base = Path()
    recipes = [
        find_recipe(found, base=base, blame="synthgen recipes") for found in ([name] if name else recipe_names())
    ]
    if as_json:
        click.echo(orjson.dumps({recipe.name: _facts(recipe) for recipe in recipes}).decode())
    elif as_file and name:
        click.echo(Path(recipes[0].path).read_text(encoding="utf-8") if recipes[0].path else _brought(recipes[0]))
    elif name:
        _show(recipes[0])
    else:
        width = max(len(recipe.name) for recipe in recipes)
        for recipe in recipes:
            click.echo(f"{recipe.name:<{width}}  {recipe.description}")
        click.echo("\nsynthgen recipes NAME shows one; `recipe: NAME` in a job file uses it", err=True)


def _brought(recipe: Recipe) -> str:
    import yaml

    return yaml.safe_dump(recipe.model_dump(mode="json", exclude={"name", "path"}, exclude_defaults=True))


def _facts(recipe: Recipe) -> dict[str, Any]:
    return recipe.model_dump(mode="json", exclude={"name", "path"})


def _show(recipe: Recipe) -> None:
    click.secho(recipe.name, bold=True)
    click.echo(f"  {recipe.description}")
    click.echo(f"fit for    {recipe.fit_for}")
    if recipe.unfit_for:
        click.echo(f"unfit for  {recipe.unfit_for}")
    for name, option in recipe.options.items():
        choices = f" (one of {', '.join(map(str, option.choices))})" if option.choices else ""
        click.echo(f"option     {name}: {option.default}{choices}  {option.description}")
    for model in recipe.models:
        click.echo(f"model      {model.get('provider', '')} {model.get('model', '')}".rstrip())
    for stage in recipe.stages:
        when = f", where {stage['when'].removeprefix('$')} is true" if isinstance(stage.get("when"), str) else ""
        checks = ", ".join(check["check"] for check in stage.get("checks") or ())
        click.echo(f"stage      {stage['name']}: {stage.get('kind', 'generate')}{when}")
        click.echo(f"           prompt {stage.get('template', 'in the recipe')}; checks {checks or 'none of its own'}")
