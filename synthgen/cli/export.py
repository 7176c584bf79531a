"""`synthgen export`: accepted rows to a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from synthgen.data.formats import EXPORTS

if TYPE_CHECKING:
    from synthgen.data.layouts import Task
    from synthgen.journal import Journal


class FormatName(click.Choice[str]):
    """A name of the table of formats. Those that installed packages bring are looked for when one is named."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        name = str(value)
        return name if EXPORTS.has(name) else super().convert(value, param, ctx)


@click.command("export")
@click.argument("run_dir", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "file_format",
    type=FormatName(list(EXPORTS.builtins)),
    help="Told by the ending of PATH where left out.",
)
@click.option(
    "--output", required=True, type=click.Path(path_type=Path), metavar="PATH", help="File to write; for hf a folder."
)
@click.option("--despite-review", is_flag=True, help="Export although the spot check failed; the card says so.")
@click.option(
    "--drift/--no-drift", default=True, help="Compare a sample with the real rows, for the card.  [default: yes]"
)
@click.option("--instruction", help="What the chat formats ask of each row.  [default: to name its class, from a list]")
@click.option(
    "--json", "as_json", is_flag=True, help="Print the manifest as one JSON object on the last line of stdout."
)
def command(
    run_dir: Path,
    file_format: str | None,
    output: Path,
    despite_review: bool,
    drift: bool,
    instruction: str | None,
    as_json: bool,
) -> None:
    """Write the accepted rows of the run in DIR, with where each came from.

    The file appears whole or not at all. PATH.README.md is its dataset card; PATH.manifest.json is written last.
    """
    import contextlib

    import orjson

    from synthgen.data.export import export_paths
    from synthgen.data.training import files_read
    from synthgen.data.whole import refuse_inputs
    from synthgen.errors import JobError
    from synthgen.journal import Journal

    chosen = file_format or output.suffix.removeprefix(".")
    if not EXPORTS.has(chosen):
        raise JobError(f"{output}: which format?", hint=f"add --format {'|'.join(EXPORTS.names())}")
    with contextlib.closing(Journal.read(run_dir)) as journal, journal.snapshot():
        written = export_paths(output, chosen)
        beside = [path for path in (written.data, written.card, written.manifest, written.provenance) if path]
        refuse_inputs([output, *beside], files_read(journal.meta()))
        count, state = _export(
            journal,
            run_dir,
            output,
            chosen,
            despite_review=despite_review,
            has_drift=drift,
            instruction=instruction,
        )
    manifest = orjson.loads(export_paths(output, chosen).manifest.read_bytes())
    click.echo(f"{count:,} rows written to {output}, spot check: {state}", err=as_json)
    if chosen == "openai-chat" and count < 10:
        click.echo("synthgen: OpenAI's fine-tuning wants at least 10 examples", err=True)
    if not manifest["is_complete"]:
        click.echo("synthgen: the run has not met its targets yet; these are the rows so far", err=True)
    if as_json:
        click.echo(orjson.dumps(manifest).decode())


def _export(
    journal: Journal,
    run_dir: Path,
    output: Path,
    chosen: str,
    *,
    despite_review: bool,
    has_drift: bool,
    instruction: str | None,
) -> tuple[int, str]:
    """Write everything; how many rows, and the spot check's word."""
    import functools

    from synthgen.api import as_exported
    from synthgen.cli.drifting import drift_for_card
    from synthgen.data.export import write_rows
    from synthgen.data.formats import open_format
    from synthgen.errors import JobError
    from synthgen.report.card import card_text
    from synthgen.report.facts import run_facts
    from synthgen.review import read_review_status

    meta = journal.meta()
    status = read_review_status(journal)
    if status.state == "failed" and not despite_review:
        raise JobError(
            f"{run_dir}: not exported: its spot check says {status.acceptance.sentence()}",
            hint="mend the job and replay or run it again; or add --despite-review, and the card will say so",
        )
    facts, tally = run_facts(journal)
    facts["drift"] = drift_for_card(journal, tally) if has_drift else None
    review = status.as_json()
    card = functools.partial(_card, card_text, facts, review, open_format(chosen).fields)
    rows = (as_exported(row, meta) for row in journal.rows(accepted=True))
    manifest = _manifest(meta, facts, review)
    task = _task(meta, instruction)
    return write_rows(rows, output=output, format=chosen, manifest=manifest, card=card, task=task), status.state


def _card(card_text: Any, facts: dict[str, Any], review: dict[str, Any], fields: str, rows: int, data_file: str) -> str:
    text: str = card_text(facts, review, rows=rows, data_file=data_file, fields=fields)
    return text


def _manifest(meta: dict[str, str], facts: dict[str, Any], review: dict[str, Any]) -> dict[str, Any]:
    import orjson

    kept = ("name", "accepted", "targets", "is_complete")
    return {
        **{name: facts[name] for name in kept},
        "template": meta["template_id"],
        "fingerprint": {**orjson.loads(meta["fingerprint"]), "job": facts["job"]},
        "review": review,
        "card": {name: value for name, value in facts.items() if name not in (*kept, "job")},
    }


def _task(meta: dict[str, str], instruction: str | None) -> Task:
    """All classes, of the real rows too: a list of the rare ones alone would teach a wrong choice."""
    import orjson

    from synthgen.data.layouts import Task
    from synthgen.data.training import recall_rows

    labels = {row.label for row in recall_rows(meta)[0]} | set(orjson.loads(meta["targets"]))
    return Task(meta["text_field"], meta["label_field"], sorted(labels - {""}), instruction)
