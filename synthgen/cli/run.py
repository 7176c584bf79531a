"""`synthgen run`: run a job, or go on with it."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

if TYPE_CHECKING:
    from synthgen.engine.events import Event, Observer
    from synthgen.engine.running.run import RunResult

# A request makes hundreds of objects and hardly a cycle: looking for cycles after every 700 of them (Python's default)
# took a tenth of the processor time of a run (2026-11-21).
GARBAGE_THRESHOLDS = (50_000, 20, 100)


@click.command("run")
@click.argument("job", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Run directory.  [default: runs/NAME]")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object on the last line of stdout.")
@click.option("--quiet", is_flag=True, help="No progress display.")
@click.option("--events", type=click.Path(path_type=Path), help="Append every event to this file as JSON lines.")
@click.option(
    "--on-change",
    type=click.Choice(["refuse", "keep", "ask"]),
    default="refuse",
    show_default=True,
    help="Where DIR holds a run with another prompt, model or data: stop, keep its answers and go on the new way, or "
    "show what it means and costs and ask; `ask` also asks before rows are judged anew by other checks.",
)
@click.option(
    "--pilot",
    type=click.IntRange(1),
    help="Ask for this many answers only, then stop and say what the rest will take. The answers count.",
)
@click.pass_context
def command(
    context: click.Context,
    job: Path,
    out: Path | None,
    as_json: bool,
    quiet: bool,
    events: Path | None,
    on_change: Literal["refuse", "keep", "ask"],
    pilot: int | None,
) -> None:
    """Run JOB until every class has its rows; the same command again resumes after any stop or crash.

    Exit codes: 0 targets met, 2 a file or argument of yours, 3 the model's side, 4 the disk, 5 a budget or the
    deadline ended it, 6 a class stalled, 130 interrupted.
    """
    from synthgen import api
    from synthgen.report.event_log import EventLog
    from synthgen.report.progress import open_progress

    gc.set_threshold(*GARBAGE_THRESHOLDS)
    with ExitStack() as stack:
        observers = [_notes_progress(), stack.enter_context(open_progress(is_quiet=quiet)).observe]
        if events is not None:
            observers.append(stack.enter_context(EventLog(events)).observe)
        result = api.run(job, out=out, on_change=on_change, pilot=pilot, observe=_together(observers))
    _show(result, as_json=as_json, quiet=quiet)
    context.exit(result.exit_code)


def _notes_progress() -> Observer:
    """Tells what is to be known before the progress, and whatever is shown of that."""
    from synthgen.engine.events import RunStarted

    def observe(event: Event) -> None:
        if isinstance(event, RunStarted):
            for note in event.notes:
                click.echo(f"synthgen: note: {note}", err=True)

    return observe


def _together(observers: Sequence[Observer]) -> Observer:
    def observe(event: Event) -> None:
        for tell in observers:
            tell(event)

    return observe


def _show(result: RunResult, *, as_json: bool, quiet: bool) -> None:
    import orjson

    from synthgen.report.summary import result_lines

    if not quiet:
        for line in result_lines(result):
            click.echo(line, err=as_json)
    if result.reason:
        click.echo(f"synthgen: stopped: {result.reason}", err=True)
        if result.hint:
            click.echo(f"  next: {result.hint}", err=True)
    if as_json:
        click.echo(orjson.dumps(result.as_json()).decode())
