"""`synthgen report`: a finished run on one page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from synthgen.journal import Journal

_MARK = b'<meta name="generator" content="synthgen report">'


@click.command("report")
@click.argument("run_dir", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--output", type=click.Path(path_type=Path), metavar="PATH", help="HTML file.  [default: DIR/report.html]"
)
@click.option("--drift/--no-drift", default=True, help="Measure the rows against the real ones.  [default: yes]")
@click.option("--json", "as_json", is_flag=True, help="Print every figure of the page as one JSON object.")
def command(run_dir: Path, output: Path | None, drift: bool, as_json: bool) -> None:
    """Write what the run in DIR made, what it cost and what was checked to one HTML file. Only reads the run.

    The file needs nothing else: it works offline, in light and dark, on paper.
    """
    import contextlib

    import orjson

    from synthgen.errors import JobError
    from synthgen.journal import Journal
    from synthgen.report.page_view import render_report

    path = output or run_dir / "report.html"
    with contextlib.closing(Journal.read(run_dir)) as journal, journal.snapshot():
        _refuse_strangers(path)
        facts = _gather(journal, has_drift=drift)
    try:
        _write(path, render_report(facts).encode("utf-8", "replace"))
    except OSError as error:
        raise JobError(f"{path}: cannot be written: {error.strerror}", hint="choose another --output") from None
    click.echo(f"report written to {path}", err=as_json)
    if as_json:
        click.echo(orjson.dumps({"run_dir": str(run_dir), "output": str(path), **facts}).decode())


def _gather(journal: Journal, *, has_drift: bool) -> dict[str, Any]:
    from synthgen.cli.drifting import measure_drift
    from synthgen.report.gather import gather_report
    from synthgen.review import read_review_status

    review = read_review_status(journal).as_json()
    return gather_report(journal, review=review, compare=measure_drift if has_drift else None)


def _refuse_strangers(path: Path) -> None:
    """A report is written over a report, and over nothing else."""
    from synthgen.errors import JobError

    if path.is_dir():
        raise JobError(f"{path}: a folder", hint="name a file for --output")
    if path.exists() and path.stat().st_size:
        with path.open("rb") as file:
            if _MARK not in file.read(2048):
                raise JobError(f"{path}: there is another file of that name", hint="choose another --output")


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
