"""`synthgen plan`: look at a job before paying for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from synthgen.api import load_job

if TYPE_CHECKING:
    from synthgen.engine.changes.estimate import Estimate
    from synthgen.engine.changes.preview import Outlook
    from synthgen.engine.planning.prepared import PreparedJob
    from synthgen.recipes import Recipe
    from synthgen.records import Slot


@click.command("plan")
@click.argument("job", type=click.Path(path_type=Path))
@click.option("--prompts", default=1, show_default=True, type=click.IntRange(0), help="Prompts shown for each class.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Run directory whose answers tell what the rest takes.  [default: runs/NAME]",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line of stdout.")
def command(job: Path, prompts: int, out: Path | None, as_json: bool) -> None:
    """Show the first prompts of each class of JOB and estimate requests, tokens and money. Sends nothing.

    Where DIR holds a run of JOB (`synthgen run JOB --pilot 20` is a cheap one), the estimate is made from its answers.
    """
    import orjson

    from synthgen.engine.changes.estimate import estimate, slots_to_show

    prepared, recipe = load_job(job)
    slots = list(slots_to_show(prepared, prompts=prompts))
    found = estimate(prepared)
    outlook = _outlook(prepared, out or Path("runs") / prepared.job.name)
    warnings = _doubts(prepared, recipe)
    if as_json:
        redacted = {"redacted": dict(prepared.redaction.counts)}
        click.echo(orjson.dumps({**_as_json(found, slots, outlook, recipe, warnings), **redacted}).decode())
        return
    for slot in slots:
        _show_slot(slot)
    click.echo(f"recipe    {recipe.name}: {recipe.description}")
    click.echo(f"fit for   {recipe.fit_for}")
    if recipe.unfit_for:
        click.echo(f"not for   {recipe.unfit_for}")
    for warning in warnings:
        click.secho(f"warning   {warning}", fg="yellow")
    model = ", ".join(f"{g.model} ({len(g.endpoints)} endpoint{'s'[: len(g.endpoints) > 1]})" for g in prepared.groups)
    for stage in prepared.stages:
        if len(prepared.stages) > 1:
            click.echo(f"stage     {stage.stage.name} ({stage.stage.kind})")
        click.echo(f"template  {stage.template_source.name}, {_rows(stage.items)} an answer")
        click.echo(f"checks    {', '.join(c.check for c in stage.checks)}")
    click.echo(f"model     {model}")
    _show_estimate(found)
    if outlook is not None:
        for line in outlook.lines():
            click.echo(f"run       {line}")
    for note in prepared.notes():
        click.echo(f"note      {note}")


def _outlook(prepared: PreparedJob, run_dir: Path) -> Outlook | None:
    """What the rest of a run takes, by its answers so far; None where there are none."""
    from contextlib import ExitStack, closing

    from synthgen.engine.changes.preview import look_ahead
    from synthgen.engine.planning.stage_journals import stage_dirs
    from synthgen.journal import JOURNAL_NAME, Journal

    dirs = stage_dirs(run_dir, prepared)
    if not all((folder / JOURNAL_NAME).exists() for folder in dirs):
        return None
    with ExitStack() as stack:
        journals = [stack.enter_context(closing(Journal.read(folder))) for folder in dirs]
        return look_ahead(journals, prepared) if any(journal.answers() for journal in journals) else None


def _doubts(prepared: PreparedJob, recipe: Recipe) -> list[str]:
    """Why the recipe may be none for these rows."""
    from synthgen.data.reading import read_content
    from synthgen.recipes.fitness import doubts

    data, rows = prepared.job.data, prepared.train
    if rows.path is None:
        return []
    content = read_content(rows.path)
    columns = {name: content.texts(name) for name in content.columns if name not in (data.text, data.label)}
    return doubts(recipe, [row.text for row in rows.rows], columns, options=prepared.job.options)


def _rows(count: int) -> str:
    return f"{count} row{'s'[: count != 1]}"


def _show_slot(slot: Slot) -> None:
    prompt = slot.request.prompt
    click.secho(f"--- {slot.label or 'rows'}, slot {slot.ordinal}: {slot.id}", bold=True)
    for message in prompt.messages:
        click.secho(f"[{message.role}]", fg="cyan")
        click.echo(message.content)
    if prompt.text:
        click.secho("[text to continue]", fg="cyan")
        click.echo(prompt.text)
    click.echo()


def _show_estimate(found: Estimate) -> None:
    for c in found.classes:
        click.echo(
            f"{c.label or 'rows':<9} {c.target:,} rows from {c.real_rows:,} real ones: about {c.requests:,} requests"
        )
    usage = found.usage
    money = f"about ${usage.usd:.4f}" if found.has_price else "price unknown: set models[].price to see it"
    click.echo(
        f"in all    about {found.requests:,} requests, {usage.input_tokens:,} input and {usage.output_tokens:,} output"
        f" tokens, {money}"
    )
    click.echo("          (if 70 % of the rows are accepted; nothing was sent)")


def _as_json(
    found: Estimate, slots: list[Slot], outlook: Outlook | None, recipe: Recipe, warnings: list[str]
) -> dict[str, Any]:
    usage = found.usage
    return {
        **({"outlook": outlook.as_json()} if outlook else {}),
        "recipe": {"name": recipe.name, "fit_for": recipe.fit_for, "unfit_for": recipe.unfit_for},
        "warnings": warnings,
        "requests": found.requests,
        "usage": {
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "usd": float(usage.usd) if found.has_price else None,
        },
        "classes": {
            c.label: {"target": c.target, "real_rows": c.real_rows, "requests": c.requests} for c in found.classes
        },
        "prompts": [
            {"label": s.label, "ordinal": s.ordinal, "slot": s.id, **s.request.prompt.as_json()} for s in slots
        ],
    }
