"""`synthgen mix`: real and synthetic rows in one training file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from synthgen.cli import options

if TYPE_CHECKING:
    from synthgen.quality.mixing import ClassMix
    from synthgen.quality.tables import Table
    from synthgen.quality.vectors import TextVectors

File = click.Path(path_type=Path)
MAX_CLASSES = 100


@click.command("mix")
@click.option("--real", required=True, type=File, help="Real training rows: csv, tsv, jsonl or parquet. All are kept.")
@click.option("--synthetic", required=True, type=File, help="Synthetic rows.")
@click.option("--out", "--output", "out", required=True, type=File, help="File to write, told by its ending.")
@click.option(
    "--ratio",
    default="auto",
    show_default=True,
    help="real:synthetic of every class, as 70:30. auto: real rows only from 10,000 on, 70:30 to 50:50 from 1,000 on, "
    "30:70 below, each class read as if all had as many rows; all synthetic where there is no real row.",
)
@options.columns
@options.encoder("Tells how far rows are apart.")
@click.option("--allow-extreme", is_flag=True, help="Let a class have over 100 synthetic rows for each real one.")
@options.as_json
def command(
    real: Path,
    synthetic: Path,
    out: Path,
    ratio: str,
    text_column: str | None,
    label_column: str | None,
    encoder: str,
    allow_extreme: bool,
    as_json: bool,
) -> None:
    """Write all real rows and well-chosen synthetic ones into one training file.

    Every row of it says in `synthetic` what it is. Synthetic rows are taken that lie far from the real rows and from
    each other, those with a higher verified probability of their label first.
    """
    import orjson

    from synthgen.cli.progress import telling
    from synthgen.quality.marks import refuse_evaluation_name, refuse_marked
    from synthgen.quality.mixing import new_places, parse_ratio, plan_mix
    from synthgen.quality.tables import read_table, require_output, write_records
    from synthgen.quality.vectors import TextVectors

    share = parse_ratio(ratio)
    inputs = [real, synthetic]
    for path in (real, out):
        refuse_evaluation_name(path)
    require_output(out, inputs=inputs)
    kept = read_table(real, text=text_column, label=label_column, needs_label=False)
    made = read_table(synthetic, text=text_column, label=label_column, like=kept, needs_label=kept.label is not None)
    refuse_marked(kept)
    fresh = new_places(kept.rows, made.rows)
    labels = made.labels if kept.label is not None else [""] * len(made.rows)
    available = Counter(labels[place] for place in fresh)
    plans = plan_mix(Counter(kept.labels), available, share=share, allow_extreme=allow_extreme)
    with telling() as tell:
        chosen = _choose(kept, made, fresh, labels, plans, TextVectors(encoder, tell))
    records = [{**record, "synthetic": False} for record in kept.records]
    records += [_renamed(made.records[made.places[place]], made, kept) for place in chosen]
    count = write_records(records, out, inputs=inputs)
    for line in _lines(plans, len(made.rows) - len(fresh)):
        click.echo(line, err=as_json)
    click.echo(f"written   {count:,} rows to {out}", err=as_json)
    if as_json:
        click.echo(orjson.dumps(_as_json(out, plans, share, len(made.rows) - len(fresh))).decode())


def _choose(
    kept: Table,
    made: Table,
    fresh: Sequence[int],
    labels: Sequence[str],
    plans: Sequence[ClassMix],
    vectors: TextVectors,
) -> list[int]:
    """Places of the synthetic rows to take, ascending. Nothing is encoded where all or none of a class is taken."""
    import numpy as np

    from synthgen.quality.mixing import choose_rows

    chosen: list[int] = []
    for plan in plans:
        places = [place for place in fresh if labels[place] == plan.label]
        if plan.taken in (0, len(places)):
            chosen += places[: plan.taken]
            continue
        of_real = vectors.of([row.text for row in kept.rows if row.label == plan.label])
        of_made = vectors.of([made.rows[place].text for place in places])
        confidence = np.array([_confidence(made.records[made.places[place]]) for place in places])
        chosen += [places[i] for i in choose_rows(of_real, of_made, plan.taken, confidence=confidence)]
    return sorted(chosen)


def _confidence(record: Mapping[str, Any]) -> float:
    """The label check's probability of a row, nested or flat as the export wrote it; 1 where there is none."""
    provenance = record.get("provenance")
    checks = provenance.get("checks") if isinstance(provenance, Mapping) else None
    value = checks.get("label_probability") if isinstance(checks, Mapping) else record.get("checks_label_probability")
    try:
        return min(1.0, max(0.0, float(value))) if value is not None else 1.0
    except (TypeError, ValueError):
        return 1.0


def _renamed(record: Mapping[str, Any], made: Table, kept: Table) -> dict[str, Any]:
    """A synthetic row under the real file's column names."""
    names = {made.text: kept.text, **({made.label: kept.label} if made.label and kept.label else {})}
    return {**{names.get(name, name): value for name, value in record.items()}, "synthetic": True}


def _lines(plans: Sequence[ClassMix], copies: int) -> Iterator[str]:
    """For a person."""
    real, taken = sum(p.real for p in plans), sum(p.taken for p in plans)
    share = 100 * taken / max(1, real + taken)
    yield f"mix       {real:,} real and {taken:,} synthetic rows: {100 - share:.0f}:{share:.0f}"
    for plan in plans[:MAX_CLASSES]:
        missing = f", {plan.wanted - plan.taken:,} more wanted than there are" if plan.wanted > plan.taken else ""
        warning = f"  WARNING {plan.warning}" if plan.warning else ""
        yield (
            f"  {plan.label or 'rows':<30} {plan.real:>6,} real {plan.taken:>6,} of {plan.available:,} synthetic"
            f"{missing}{warning}"
        )
    if len(plans) > MAX_CLASSES:
        yield f"  ... and {len(plans) - MAX_CLASSES} more classes: --json shows all"
    if copies:
        yield f"left out  {copies:,} synthetic rows that say what another row says"


def _as_json(out: Path, plans: Sequence[ClassMix], share: float | None, copies: int) -> dict[str, Any]:
    return {
        "output": str(out),
        "ratio": "auto" if share is None else share,
        "real": sum(p.real for p in plans),
        "synthetic": sum(p.taken for p in plans),
        "copies": copies,
        "classes": {p.label: p.as_json() for p in plans},
        "warnings": [f"{p.label}: {p.warning}" for p in plans if p.warning],
    }
