"""`synthgen export`: accepted rows to a file."""

from __future__ import annotations

from pathlib import Path

import click

FORMATS = ["jsonl", "csv", "parquet"]


@click.command("export")
@click.argument("run_dir", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--format", "file_format", type=click.Choice(FORMATS), help="Told by the ending of PATH where left out.")
@click.option("--output", required=True, type=click.Path(path_type=Path), metavar="PATH", help="File to write.")
def command(run_dir: Path, file_format: str | None, output: Path) -> None:
    """Write the accepted rows of the run in DIR, with where each came from.

    The file appears whole or not at all; PATH.manifest.json is written last.
    """
    import orjson

    from synthgen.api import as_exported
    from synthgen.data.export import write_rows
    from synthgen.errors import JobError
    from synthgen.journal import Journal

    chosen = file_format or output.suffix.removeprefix(".")
    if chosen not in FORMATS:
        raise JobError(f"{output}: which format?", hint=f"add --format {'|'.join(FORMATS)}")
    journal = Journal.read(run_dir)
    try:
        meta = journal.meta()
        accepted, targets = journal.accepted_counts(), orjson.loads(meta["targets"])
        manifest = {
            "name": meta["name"],
            "accepted": accepted,
            "targets": targets,
            "is_complete": all(accepted.get(label, 0) >= count for label, count in targets.items()),
            "template": meta["template_id"],
            "fingerprint": orjson.loads(meta["fingerprint"]),
        }
        rows = (as_exported(row, meta) for row in journal.rows(accepted=True))
        count = write_rows(rows, output=output, format=chosen, manifest=manifest)
    finally:
        journal.close()
    click.echo(f"{count:,} rows written to {output}")
    if not manifest["is_complete"]:
        click.echo("synthgen: the run has not met its targets yet; these are the rows so far", err=True)
