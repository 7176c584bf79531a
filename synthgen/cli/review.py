"""`synthgen review`: people look at a sample."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from synthgen.review.server import ReviewServer
    from synthgen.review.session import ReviewSession


@click.command("review")
@click.argument("run_dir", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--sample", default=100, show_default=True, type=click.IntRange(1), help="Rows to look at, drawn evenly.")
@click.option(
    "--queue",
    default=20,
    show_default=True,
    type=click.IntRange(0),
    help="Rows to look at besides, from those the label check was least sure of.",
)
@click.option("--reviewer", help="Your name, kept with every verdict.  [default: the login name]")
@click.option(
    "--port", default=0, type=click.IntRange(0, 65535), help="Port of the page on 127.0.0.1.  [default: a free one]"
)
@click.option("--tui", is_flag=True, help="Review in the terminal instead.")
@click.option(
    "--csv-out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="PATH",
    help="Write the sample to fill in elsewhere.",
)
@click.option(
    "--csv-in", type=click.Path(path_type=Path, dir_okay=False), metavar="PATH", help="Take over a filled in sample."
)
@click.option("--no-open", is_flag=True, help="Do not open a browser.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print where the review stands as one JSON object on the last line."
)
def command(
    run_dir: Path,
    sample: int,
    queue: int,
    reviewer: str | None,
    port: int,
    tui: bool,
    csv_out: Path | None,
    csv_in: Path | None,
    no_open: bool,
    as_json: bool,
) -> None:
    """Look at a sample of the accepted rows of the run in DIR and say of each: keep, or what is wrong with it.

    A page opens on this machine; each key press is kept at once, and the same command goes on where it was left. The
    sample passes when the error rate is below 5 % at 95 % confidence: 59 rows without an error, 93 with one.
    """
    import contextlib

    from synthgen.data.training import files_read
    from synthgen.data.whole import refuse_inputs
    from synthgen.journal import Journal
    from synthgen.review.csv_sheet import read_csv_sheet, write_csv_sheet
    from synthgen.review.session import open_session

    if tui and (csv_in or csv_out):
        raise click.UsageError("--tui cannot be combined with --csv-in or --csv-out")
    if csv_out is not None:
        with contextlib.closing(Journal.read(run_dir)) as journal:
            refuse_inputs([csv_out], files_read(journal.meta()))
    session = open_session(run_dir, reviewer=reviewer or _login(), size=sample, extra=queue)
    if csv_in is not None:
        count = read_csv_sheet(session, csv_in)
        click.echo(f"{count:,} verdicts of {session.reviewer} taken over from {csv_in}", err=True)
    if csv_out is not None:
        count = write_csv_sheet(session, csv_out)
        click.echo(f"{count:,} rows written to {csv_out}; fill in `verdict`, then --csv-in it", err=True)
    if tui:
        from rich.console import Console

        from synthgen.review.terminal import review_in_terminal

        review_in_terminal(session, Console(stderr=True))
    elif csv_in is None and csv_out is None:
        _serve(session, port=port, opens=not no_open, as_json=as_json)
    _show(session, as_json=as_json)


def _serve(session: ReviewSession, *, port: int, opens: bool, as_json: bool) -> None:
    import asyncio

    import orjson

    from synthgen.review.server import ReviewServer, serve_until_signal

    def announce(server: ReviewServer) -> None:
        if as_json:
            click.echo(orjson.dumps({"url": server.url, "run_dir": str(session.run_dir)}).decode())
        click.echo(f"review  {server.url}", err=True)
        click.echo(
            f"        {len(session.sample.rows):,} rows, as {session.reviewer}; Ctrl-C ends it, nothing is lost",
            err=True,
        )
        if opens:
            _open_browser(server.url)

    async def work() -> None:
        await serve_until_signal(ReviewServer(session, port=port), announce)

    asyncio.run(work())


def _show(session: ReviewSession, *, as_json: bool) -> None:
    import orjson

    status = session.status()
    click.echo(status.acceptance.sentence(), err=as_json)
    more, said = status.acceptance.more_rows, session.mine().said
    unseen = sum(row.mark.row_id not in said for row in status.sample.even)
    if said and more and unseen < more:
        size = len(status.sample.even) + more - unseen
        click.echo(f"  next: synthgen review {session.run_dir} --sample {size}", err=True)
    for line in _agreement_lines(status.as_json()):
        click.echo(line, err=as_json)
    if as_json:
        click.echo(orjson.dumps({"run_dir": str(session.run_dir), **status.as_json()}).decode())


def _agreement_lines(facts: Mapping[str, Any]) -> list[str]:
    return [
        f"{' and '.join(found['reviewers'])} agree on {found['agreed']:,} of {found['rows']:,} rows"
        + ("" if found["kappa"] is None else f", Cohen's kappa {found['kappa']:.2f}")
        for found in facts["agreements"]
    ]


def _login() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "reviewer"


def _open_browser(url: str) -> None:
    """Only where there is a screen: a text browser would take the terminal over."""
    import os
    import sys
    import webbrowser

    if sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(url)
