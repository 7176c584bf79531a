"""`synthgen check`: the checks of a job on a file made elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from synthgen.cli import options

if TYPE_CHECKING:
    from synthgen.job import CheckConfig
    from synthgen.quality.checking import Checked
    from synthgen.quality.tables import Table

File = click.Path(path_type=Path)
MAX_CLASSES = 40
_DOUBTS = {"label", "review"}


@click.command("check")
@click.argument("file", type=File)
@click.option(
    "--check",
    "checks",
    multiple=True,
    metavar="NAME[:KEY=VALUE,...]",
    help="A check as job files name it, as often as wanted: label, duplicate, leakage, length, pattern, language, "
    "refusal, chatter, placeholder, repetitive, memorised, pii. Lists with | between.",
)
@click.option("--checks", "checks_file", type=File, metavar="YAML", help="A list of checks, or a job file.")
@click.option("--train", type=File, help="Real training rows: label learns from them, duplicate compares with them.")
@click.option("--test", type=File, help="Real test rows, for leakage.")
@click.option("--output", type=File, metavar="KEPT", help="Write the rows that pass.")
@click.option("--removed", type=File, metavar="PATH", help="Write the others, with reason and evidence.")
@click.option(
    "--review",
    type=File,
    metavar="PATH",
    help="Write passed rows that a person should see: of unsure label, or flagged.",
)
@options.columns
@options.encoder("For label and near duplicates.")
@click.option("--seed", default=0, show_default=True, help="Of the label check's folds.")
@options.as_json
def command(
    file: Path,
    checks: tuple[str, ...],
    checks_file: Path | None,
    train: Path | None,
    test: Path | None,
    output: Path | None,
    removed: Path | None,
    review: Path | None,
    text_column: str | None,
    label_column: str | None,
    encoder: str,
    seed: int,
    as_json: bool,
) -> None:
    """Judge the rows of FILE as a run would judge them. Without --output and --removed it only reports.

    The label check's own error on held-out real rows stands beside its figures.
    """
    import orjson

    from synthgen.cli.progress import telling
    from synthgen.quality.checking import check_rows
    from synthgen.quality.tables import read_table, require_output
    from synthgen.quality.vectors import TextVectors

    configs = _configs(checks, checks_file)
    inputs = [path for path in (file, train, test) if path is not None]
    outputs = [path for path in (output, removed, review) if path is not None]
    for path in outputs:
        require_output(path, inputs=inputs)
    _require_different(outputs)
    needs_label = any(config.check == "label" for config in configs)
    real = None if train is None else read_table(train, text=text_column, label=label_column, needs_label=needs_label)
    held = (
        None if test is None else read_table(test, text=text_column, label=label_column, like=real, needs_label=False)
    )
    table = read_table(file, text=text_column, label=label_column, like=real, needs_label=needs_label)
    with telling() as tell:
        found = check_rows(
            table.rows,
            configs,
            train=real.rows if real else (),
            test=held.rows if held else (),
            vectors=TextVectors(encoder, tell),
            base=Path() if checks_file is None else checks_file.parent,
            seed=seed,
            report=tell,
        )
    _write(table, found, output, removed, review, inputs)
    said = {"file": str(file), "checks": [c.check for c in configs], **found.as_json(table.labels)}
    said["without_text_or_label"] = table.skipped
    for line in _lines(said, outputs):
        click.echo(line, err=as_json)
    if as_json:
        click.echo(orjson.dumps(said).decode())


def _configs(checks: Sequence[str], path: Path | None) -> list[CheckConfig]:
    from synthgen.errors import JobError
    from synthgen.quality.checking import parse_check, read_checks

    configs = [*(read_checks(path) if path is not None else []), *map(parse_check, checks)]
    if not configs:
        raise JobError("which checks?", hint="--check label --train REAL.csv, or --checks FILE.yaml")
    return configs


def _require_different(paths: Sequence[Path]) -> None:
    from synthgen.errors import JobError

    if len({path.absolute() for path in paths}) < len(paths):
        raise JobError("two of --output, --removed and --review are one file", hint="give each a name of its own")


def _write(
    table: Table, found: Checked, output: Path | None, removed: Path | None, review: Path | None, inputs: Sequence[Path]
) -> None:
    from synthgen.quality.checking import EMPTY, removed_record
    from synthgen.quality.tables import write_records

    rejections = dict(zip(table.places, found.rejections, strict=True))
    results = dict(zip(table.places, found.results, strict=True))
    texts = dict(zip(table.places, found.texts, strict=True))
    verdicts = [
        (
            {**record, table.text: texts[i]} if "redacted" in results.get(i, {}) else record,
            rejections.get(i, EMPTY),
            results.get(i, {}),
        )
        for i, record in enumerate(table.records)
    ]
    if output is not None:
        write_records([record for record, why, _ in verdicts if why is None], output, inputs=inputs)
    if removed is not None:
        write_records([removed_record(r, why) for r, why, _ in verdicts if why is not None], removed, inputs=inputs)
    if review is not None:
        doubtful = [
            {**record, **_prefixed(kept)} for record, why, kept in verdicts if why is None and kept.keys() & _DOUBTS
        ]
        write_records(doubtful, review, inputs=inputs)


def _prefixed(kept: Mapping[str, Any]) -> dict[str, Any]:
    return {f"check_{name}": value for name, value in kept.items()}


def _lines(said: Mapping[str, Any], outputs: Sequence[Path]) -> Iterator[str]:
    """For a person."""
    yield f"kept      {said['kept']:,} of {said['rows']:,} rows"
    if said["reasons"]:
        reasons = sorted(said["reasons"].items(), key=lambda item: -item[1])
        yield f"removed   {said['removed']:,}: " + ", ".join(f"{reason} {count:,}" for reason, count in reasons)
    if said["without_text_or_label"]:
        yield f"removed   {said['without_text_or_label']:,} rows without text or label"
    for what, name in (("redacted", "redacted"), ("flagged", "flagged")):
        if said[name]:
            yield f"{what}  " + ", ".join(f"{count:,} {entity}" for entity, count in said[name].items())
    error = said["label_check"]
    if error is not None:
        yield from _label_lines(said, error)
    classes = sorted(said["classes"].items(), key=lambda item: (item[1]["kept_ratio"], item[0]))
    if len(classes) > 1:
        yield "classes   the fewest kept first"
        for label, counts in classes[:MAX_CLASSES]:
            yield f"  {label:<30} {counts['kept']:>6,} of {counts['rows']:,} ({100 * counts['kept_ratio']:.0f} %)"
    if len(classes) > MAX_CLASSES:
        yield f"  ... and {len(classes) - MAX_CLASSES} more: --json shows all"
    yield from (f"written   {path}" for path in outputs)


def _label_lines(said: Mapping[str, Any], error: Mapping[str, Any]) -> Iterator[str]:
    if error["accuracy"] is None:
        yield "label     cannot judge: fewer than two classes with five real rows"
    else:
        whose = "held-out real rows" if error["is_held_out"] else "the real rows (which your model may have seen)"
        yield (
            f"label     its own error: reads {100 * error['accuracy']:.1f} % of {whose} right and would wrongly reject "
            f"{100 * error['wrongly_rejected_ratio']:.1f} % of them"
        )
    if said["unsure"] or said["unjudged"]:
        counts = f"not sure of {said['unsure']:,} rows, unable to judge {said['unjudged']:,}"
        yield f"label     {counts}: --review writes them"
    if error["unjudged"]:
        yield f"label     classes with fewer than five real rows: {', '.join(error['unjudged'][:10])}"
