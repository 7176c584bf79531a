"""`synthgen journal`: look after a run's file."""

from __future__ import annotations

from pathlib import Path

import click


@click.group("journal")
def command() -> None:
    """Look after a run's file."""


@command.command("verify")
@click.argument("run_dir", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object on the last line of stdout.")
@click.pass_context
def verify(context: click.Context, run_dir: Path, as_json: bool) -> None:
    """Check the journal of the run in DIR, page by page and row by row. Only reads; a run may go on meanwhile.

    Every decision is derived again from its answer, in the recorded order, and compared. Exit codes: 0 clean, 4 not.
    """
    import orjson

    from synthgen.engine.audit.verify import verify_run
    from synthgen.errors import JournalError
    from synthgen.report.findings import finding_lines
    from synthgen.report.progress import printable

    findings = verify_run(run_dir)
    for line in finding_lines(findings):
        click.echo(printable(line), err=as_json)
    if not findings.is_clean:
        hint = "keep a copy; `synthgen replay` makes decisions anew from the answers, nothing mends a damaged file"
        click.echo(f"  next: {hint}", err=True)
    if as_json:
        click.echo(orjson.dumps({"run_dir": str(run_dir), **findings.as_json()}).decode())
    context.exit(0 if findings.is_clean else JournalError.exit_code)
