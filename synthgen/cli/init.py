"""`synthgen init`: from a table of real rows to a first job file."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from synthgen.cli import options

if TYPE_CHECKING:
    from synthgen.quality.first_job import Proposal
    from synthgen.quality.tables import Table

File = click.Path(path_type=Path)
MAX_CLASSES = 30


@click.command("init")
@click.argument("data", type=File)
@click.option("--output", default="job.yaml", show_default=True, type=File, help="Job file to write.")
@click.option("--test", type=File, help="Real rows kept apart for testing.")
@click.option("--split", type=float, metavar="SHARE", help="Part DATA in two files, this share (0.2) for testing.")
@click.option("--seed", default=0, show_default=True, help="Of the split.")
@options.columns
@options.as_json
def command(
    data: Path,
    output: Path,
    test: Path | None,
    split: float | None,
    seed: int,
    text_column: str | None,
    label_column: str | None,
    as_json: bool,
) -> None:
    """Look at the real rows of DATA and write a job file that tops up what is rare. Overwrites nothing.

    Targets follow the mixing table: few real rows get more synthetic ones beside them, ten thousand get none.
    """
    import orjson

    from synthgen.errors import JobError
    from synthgen.quality.first_job import job_name, propose, render_job
    from synthgen.quality.tables import read_table

    if output.exists():
        raise JobError(f"{output}: is there already, and nothing is overwritten", hint="--output another-name.yaml")
    if test is not None and split is not None:
        raise JobError("--split and --test: there is a test file already", hint="give one of them")
    table = read_table(data, text=text_column, label=label_column, needs_label=False)
    if test is not None:
        read_table(test, text=table.text, label=table.label, needs_label=table.label is not None)
    train = data
    if split is not None:
        (train, test), rows = _part(table, split, seed)
        for path, count in ((train, rows[0]), (test, rows[1])):
            click.echo(f"written   {count:,} rows to {path}", err=as_json)
        table = read_table(train, text=table.text, label=table.label, needs_label=False)
    proposal = propose(table)
    paths = [None if p is None else os.path.relpath(p, output.parent) for p in (train, test)]
    text = render_job(table, proposal, train=str(paths[0]), test=paths[1], name=job_name(data))
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise JobError(f"{output}: cannot be written: {error.strerror}", hint="choose another --output") from None
    _show(table, proposal, has_test=test is not None, is_aside=as_json)
    click.echo(f"\nwritten   {output}\nnext      synthgen plan {output}", err=as_json)
    if as_json:
        facts = {"job": str(output), "train": str(train), "test": None if test is None else str(test)}
        click.echo(orjson.dumps({**facts, **_as_json(table, proposal, has_test=test is not None)}).decode())


def _as_json(table: Table, proposal: Proposal, *, has_test: bool) -> dict[str, Any]:
    return {
        "rows": len(table.rows),
        "text_column": table.text,
        "label_column": table.label,
        "classes": {
            label: {"real": count, "target": proposal.targets.get(label, 0)}
            for label, count in sorted(proposal.counts.items())
        },
        "notes": list(proposal.notes),
        "has_test": has_test,
    }


def _part(table: Table, share: float, seed: int) -> tuple[tuple[Path, Path], list[int]]:
    """Write training and test rows beside the data, class by class in the same shares; where, and how many."""
    from synthgen.errors import JobError
    from synthgen.quality.splitting import split_places
    from synthgen.quality.tables import write_records

    if not 0 < share < 1:
        raise JobError(f"--split {share}: write a share between 0 and 1", hint="--split 0.2")
    suffix = table.path.suffix
    train, test = (table.path.with_name(f"{table.path.stem}-{part}{suffix}") for part in ("train", "test"))
    for path in (train, test):
        if path.exists():
            raise JobError(f"{path}: is there already, and nothing is overwritten", hint="--test for a split you have")
    held = split_places(table.rows, share, seed=seed)
    counts = []
    for path, wanted in ((train, False), (test, True)):
        places = [place for i, place in enumerate(table.places) if (i in held) is wanted]
        write_records([table.records[place] for place in places], path, inputs=[table.path])
        counts.append(len(places))
    return (train, test), counts


def _show(table: Table, proposal: Proposal, *, has_test: bool, is_aside: bool) -> None:
    """For a person; on stderr where stdout is a program's."""
    echo = functools.partial(click.echo, err=is_aside)
    echo(f"data      {table.path}: {len(table.rows):,} rows, text in '{table.text}'", nl=False)
    echo(f", class in '{table.label}'" if table.label else ", no column looks like a class")
    if table.label:
        echo(f"classes   {len(proposal.counts):,}, the smallest first: real rows, and synthetic rows proposed")
        ordered = sorted(proposal.counts.items(), key=lambda c: (c[1], c[0]))
        for label, count in ordered[:MAX_CLASSES]:
            echo(f"  {label:<30} {count:>7,} {proposal.targets.get(label, 0):>7,}")
        if len(ordered) > MAX_CLASSES:
            echo(f"  ... and {len(ordered) - MAX_CLASSES} more")
    echo(f"in all    {sum(proposal.targets.values()):,} synthetic rows proposed")
    for note in proposal.notes:
        echo(f"note      {note}")
    if not has_test:
        echo(
            "warning   no test rows: nothing will keep synthetic rows away from what you test on, and nothing can show "
            "that they help.\n          --test FILE names them, --split 0.2 sets a fifth of these rows apart"
        )
