"""`synthgen compare`: are synthetic rows like the real ones, and as varied?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from synthgen.cli import options

if TYPE_CHECKING:
    from synthgen.quality.drift import ClassDrift, DriftReport

MAX_CLASSES = 30


@click.command("compare")
@click.option("--real", required=True, type=click.Path(path_type=Path), help="Real rows: csv, tsv, jsonl or parquet.")
@click.option("--synthetic", required=True, type=click.Path(path_type=Path), help="Synthetic rows.")
@options.columns
@options.encoder("Embedding model; `none` for none.")
@click.option("--seed", default=0, show_default=True, help="Of the samples.")
@options.as_json
def command(
    real: Path,
    synthetic: Path,
    text_column: str | None,
    label_column: str | None,
    encoder: str,
    seed: int,
    as_json: bool,
) -> None:
    """Compare synthetic rows with real ones: how far apart, and how varied, beside what real rows give themselves.

    Samples of one size are compared: halves of the real rows with each other, and synthetic rows with them. A `!` marks
    a figure outside of what 99 of 100 real samples would give.
    """
    import orjson

    from synthgen.cli.progress import telling
    from synthgen.quality.drift import compare_rows
    from synthgen.quality.tables import read_table
    from synthgen.quality.vectors import TextVectors

    real_table = read_table(real, text=text_column, label=label_column, needs_label=False)
    made_table = read_table(synthetic, text=text_column, label=label_column, like=real_table, needs_label=False)
    tables = (real_table, made_table)
    has_labels = all(table.label is not None for table in tables)
    rows = [table.rows if has_labels else [replace(row, label="") for row in table.rows] for table in tables]
    with telling() as tell:
        vectors = None if encoder == "none" else TextVectors(encoder, tell)
        found = compare_rows(
            *rows,
            real_vectors=vectors.of(real_table.texts) if vectors else None,
            synthetic_vectors=vectors.of(made_table.texts) if vectors else None,
            seed=seed,
            report=tell,
        )
    for line in _lines(found):
        click.echo(line, err=as_json)
    if as_json:
        click.echo(orjson.dumps({"real": str(real), "synthetic": str(synthetic), **found.as_json()}).decode())


def _lines(found: DriftReport) -> Iterator[str]:
    """For a person."""
    from synthgen.quality.drift import MEANINGS

    overall = found.overall
    yield f"{overall.real_rows:,} real rows, {overall.synthetic_rows:,} synthetic, {len(found.classes)} classes"
    if overall.note:
        yield f"nothing compared: {overall.note}"
    else:
        yield f"all classes together, samples of {overall.sample_rows:,} rows:"
        yield f"  {'':<18} {'synthetic':>9}   {'real':>9}   real rows give"
    for name, metric in overall.metrics.items():
        mark = "!" if metric.is_outside else " "
        reach = f"{metric.low:.3f} to {metric.high:.3f}"
        yield f"{mark} {name:<18} {metric.synthetic:>9.3f}   {metric.real:>9.3f}   {reach:<18} {MEANINGS[name]}"
    yield f"  {'label_js':<18} {found.label_js:>9.3f}   Jensen-Shannon divergence of the two label mixes, bits"
    runs = [count for count, rows in found.shared_words.items() for _ in range(rows)]
    if runs:
        yield (
            f"  longest run of words shared with a real row: half of the rows at most {runs[len(runs) // 2]}, "
            f"19 of 20 at most {runs[int(0.95 * (len(runs) - 1))]}, all at most {runs[-1]}"
        )
    if len(found.classes) > 1:
        yield from _class_lines(found.classes)
    if found.tics:
        yield "over-used turns of phrase (rows that have it; rows expected at the rate of the real rows):"
    for phrase in found.tics:
        yield f"  {phrase.rows:>6,}  {phrase.expected_rows:>9.1f}  {phrase.kind:<7} {phrase.phrase}"


def _class_lines(classes: tuple[ClassDrift, ...]) -> Iterator[str]:
    shown = sorted(classes, key=lambda c: (-len(c.outside), c.label))
    yield "by class, those with most figures outside first:"
    for drift in shown[:MAX_CLASSES]:
        said = drift.note or (", ".join(drift.outside) + " outside" if drift.outside else "like real rows")
        yield f"  {drift.label:<28} {drift.real_rows:>6,} real {drift.synthetic_rows:>6,} synthetic   {said}"
    if len(shown) > MAX_CLASSES:
        yield f"  ... and {len(shown) - MAX_CLASSES} more: --json shows all"
