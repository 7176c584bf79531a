"""`synthgen replay`: judge a run's answers anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from synthgen.engine.running.replay import ReplayResult


@click.command("replay")
@click.argument("run_dir", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Replace a value of the job first, as in checks.duplicate.threshold=0.9 or targets.late=50. "
    "May be given again.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object on the last line of stdout.")
@click.pass_context
def command(context: click.Context, run_dir: Path, settings: tuple[str, ...], as_json: bool) -> None:
    """Judge all answers of the run in DIR anew, asking for nothing.

    Without --set it recomputes every decision as the job stands. Answers are never touched.
    """
    import functools

    import anyio
    import orjson

    from synthgen.engine.running.replay import replay_run
    from synthgen.report.progress import open_progress

    with open_progress(is_quiet=as_json) as progress:
        work = functools.partial(replay_run, run_dir, settings=settings, observe=progress.observe)
        result = anyio.run(work, backend="asyncio")
    for line in _lines(result):
        click.echo(line, err=as_json)
    if result.reason:
        click.echo(f"synthgen: stopped: {result.reason}\n  next: the same command begins anew", err=True)
    if as_json:
        click.echo(orjson.dumps(result.as_json()).decode())
    context.exit(result.exit_code)


def _lines(result: ReplayResult) -> Iterator[str]:
    from synthgen.report.progress import printable

    before, after = result.before, result.after
    width = max((len(label) for label in result.targets), default=4)
    for label, target in result.targets.items():
        counts = f"{before.accepted.get(label, 0):>7,} -> {after.accepted.get(label, 0):,} of {target:,} rows"
        state = "  starved" if label in result.starved else ""
        yield f"{printable(label or 'rows'):<{width}}  {counts}{state}"
    for reason in sorted({*before.rejected, *after.rejected}):
        yield f"rejected  {reason} {before.rejected.get(reason, 0):,} -> {after.rejected.get(reason, 0):,}"
    if result.unjudged:
        yield f"waiting   {result.unjudged:,} answers, for a slot before them that has none yet: a run asks it"
    if result.changes:
        yield f"note      {result.job_path} still says otherwise, and running it goes back; to keep this, write there:"
        yield from (f"            {change}" for change in result.changes)
