"""`synthgen prompts`: the built-in templates."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("prompts")
@click.argument("name", required=False)
@click.option("--variables", is_flag=True, help="List what a template may use.")
def command(name: str | None, variables: bool) -> None:
    """List the built-in prompt templates, or show NAME. Copy one into a file of yours to change it."""
    from synthgen.data.prompts import builtin_names, load_template
    from synthgen.prompt import VARIABLES, parse_template

    if variables:
        for variable, meaning in VARIABLES.items():
            click.echo(f"{variable:<14} {meaning}")
        return
    if name is not None:
        click.echo(load_template(name, base=Path()).text)
        return
    for builtin in builtin_names():
        template = parse_template(load_template(builtin, base=Path()).text, name=builtin)
        click.echo(f"{builtin:<24} {template.meta.output:<6} {template.meta.description}")
