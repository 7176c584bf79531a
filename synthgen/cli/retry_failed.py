"""`synthgen retry-failed`: give the slots that failed permanently a second chance."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("retry-failed")
@click.argument("run_dir", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object on the last line of stdout.")
def command(run_dir: Path, as_json: bool) -> None:
    """Reopen the failed slots of classes that are not met in the run in DIR; its next run asks them again.

    Rows judged after them are judged anew, since acceptance depends on order. Answers stay. Asks for nothing itself.
    """
    import orjson

    from synthgen.engine.changes.reopen import reopen_failed

    found = reopen_failed(run_dir)
    if as_json:
        click.echo(orjson.dumps(found.as_json()).decode())
        return
    if found.is_complete:
        click.echo(f"every class has its rows: nothing to ask again ({found.left:,} failed slots stay)")
        return
    if not found.slots:
        click.echo("no slot of a class that lacks rows has failed: nothing to ask again")
        return
    for label, count in found.slots.items():
        click.echo(f"{label or 'rows'}: {count:,} failed slots reopened")
    click.echo(f"{found.forgotten:,} judged slots from the first of them on are judged anew; no answer was dropped")
    click.echo(f"next      synthgen run {found.job_path or 'JOB'} --out {found.run_dir}")
