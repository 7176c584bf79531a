"""`synthgen evaluate`: do the synthetic rows help a classifier on real test rows?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from synthgen.cli import options

if TYPE_CHECKING:
    from synthgen.measure.bootstrap import Interval
    from synthgen.quality.evaluation import Evaluation
    from synthgen.quality.tables import Table
    from synthgen.records import Row

MAX_CLASSES = 20
File = click.Path(path_type=Path)


@click.command("evaluate")
@click.option("--train", required=True, type=File, help="Real training rows: csv, tsv, jsonl or parquet.")
@click.option("--synthetic", required=True, type=File, help="Synthetic rows.")
@click.option("--test", required=True, type=File, help="Real test rows.")
@options.columns
@click.option(
    "--classifier",
    default="embeddings",
    show_default=True,
    help="embeddings, tfidf (each with logistic regression), or module:function(train_texts, train_labels, "
    "test_texts, seed) of your own, which returns the labels, or labels and probabilities.",
)
@options.encoder("Of the embeddings.")
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(2), help="Drawings of the training rows.")
@click.option(
    "--ratios",
    default="0.25,0.5,1,2,5",
    show_default=True,
    help="Of the sweep: synthetic rows for each real row of a class. All rows are always tried too.",
)
@click.option("--seed", default=0, show_default=True, help="Changes every drawing.")
@click.option("--run", "runs", multiple=True, type=File, metavar="DIR", help="A run whose rows must not be tested on.")
@click.option(
    "--on-match",
    type=click.Choice(["refuse", "drop"]),
    default="refuse",
    show_default=True,
    help="Where a test row equals a synthetic one: stop, or leave the synthetic one out of the training.",
)
@click.option("--picture", type=File, metavar="PATH", help="Draw the sweep into this .svg file.")
@options.as_json
def command(
    train: Path,
    synthetic: Path,
    test: Path,
    text_column: str | None,
    label_column: str | None,
    classifier: str,
    encoder: str,
    seeds: int,
    ratios: str,
    seed: int,
    runs: tuple[Path, ...],
    on_match: str,
    picture: Path | None,
    as_json: bool,
) -> None:
    """Train with real rows only and with real and synthetic rows, and compare on real test rows.

    The verdict is on all synthetic rows, by macro-F1, with a paired bootstrap interval. The recommended ratio is chosen
    on held-out training rows, never on the test rows.
    """
    import orjson

    from synthgen.cli.progress import telling
    from synthgen.quality.evaluation import evaluate_rows
    from synthgen.quality.leaks import refuse_synthetic_test
    from synthgen.quality.sweep_picture import draw_sweep, require_picture
    from synthgen.quality.tables import read_table
    from synthgen.quality.vectors import TextVectors

    chosen = _ratios(ratios)
    if picture is not None:
        require_picture(picture)
    real = read_table(train, text=text_column, label=label_column)
    made = read_table(synthetic, text=text_column, label=label_column, like=real)
    held = read_table(test, text=text_column, label=label_column, like=real)
    refuse_synthetic_test(held)
    with telling() as tell:
        kept, warnings = _without_matches(real, made, held, runs, on_match)
        found = evaluate_rows(
            real.rows,
            kept,
            held.rows,
            classifier=classifier,
            vectors=TextVectors(encoder, tell),
            seeds=seeds,
            ratios=chosen,
            seed=seed,
            report=tell,
        )
    for line in (*_lines(found), *(f"note      {warning}" for warning in warnings)):
        click.echo(line, err=as_json)
    if picture is not None:
        draw_sweep(found, picture)
        click.echo(f"picture   {picture}", err=as_json)
    if as_json:
        click.echo(orjson.dumps({**found.as_json(), "warnings": warnings}).decode())


def _ratios(text: str) -> list[float]:
    from synthgen.errors import JobError

    try:
        found = [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        found = []
    if not found or min(found) <= 0:
        raise JobError(f"--ratios {text}: write numbers above 0 with commas between", hint="--ratios 0.5,1,2")
    return found


def _without_matches(
    real: Table, made: Table, held: Table, runs: Sequence[Path], on_match: str
) -> tuple[Sequence[Row], list[str]]:
    """The synthetic rows to train on, and what to say of the rest."""
    from synthgen.quality.leaks import find_matches, refuse_matches

    for run in runs:
        rows = _run_rows(run)
        matches = find_matches(held.rows, rows, real.rows)
        refuse_matches(matches, held, named=f"the run {run}", rows=(len(rows), len(real.rows)))
    matches = find_matches(held.rows, made.rows, real.rows)
    if on_match == "refuse":
        refuse_matches(matches, held, named=str(made.path), rows=(len(made.rows), len(real.rows)))
    warnings = [
        f"{table.skipped:,} rows of {table.path} have an empty text or label and are not used"
        for table in (real, made, held)
        if table.skipped
    ]
    if matches.near:
        warnings.append(f"{len(matches.near):,} synthetic rows are equal or nearly equal to a test row: left out")
    if matches.near_real_tests:
        warnings.append(f"{matches.near_real_tests:,} test rows are equal or nearly equal to a real training row")
    return [row for i, row in enumerate(made.rows) if i not in matches.near], warnings


def _run_rows(run: Path) -> list[Row]:
    from synthgen.journal import Journal
    from synthgen.records import Row

    journal = Journal.read(run)
    try:
        return [Row(row.row_id, row.text, row.label) for row in journal.rows(accepted=True)]
    finally:
        journal.close()


def _lines(found: Evaluation) -> Iterator[str]:
    """For a person."""
    gap, base, more = found.difference, found.baseline, found.augmented
    yield f"{_sentence(found)}"
    yield f"          macro-F1 {base.macro_f1:.4f} -> {more.macro_f1:.4f}: {_signed(gap.value)} ({_reach(gap)})"
    yield f"          accuracy {base.accuracy:.4f} -> {more.accuracy:.4f}" + (
        f", calibration error {base.ece:.3f} -> {more.ece:.3f}" if base.ece is not None and more.ece is not None else ""
    )
    rows = f"{base.rows:,} real rows, {more.rows - base.rows:,} synthetic"
    yield f"          {found.classifier}, {found.seeds} seeds, each with nine tenths of the real rows: {rows}"
    yield "sweep     rows for each real one of a class; the ratio is chosen by the last column, not on the test rows"
    for ratio in found.sweep:
        name = "all" if ratio.ratio is None else f"{ratio.ratio:g}"
        held = "-" if ratio.chosen_by is None else f"{ratio.chosen_by:.4f}"
        yield (
            f"  {name:>6} {ratio.synthetic_rows:>7,} synthetic   macro-F1 {ratio.scores.macro_f1:.4f}  "
            f"{_signed(ratio.difference.value)} ({_reach(ratio.difference)})   held-out training rows {held}"
        )
    yield "controls"
    for control in found.controls.values():
        yield (
            f"  {control.scores.macro_f1:.4f}  {_signed(control.difference.value)} ({_reach(control.difference)})"
            f"  {control.what}"
        )
    yield from _class_lines(found)
    yield f"ratio     {_recommendation(found)}"
    yield from (f"note      {note}" for note in found.notes)


def _sentence(found: Evaluation) -> str:
    match found.verdict:
        case "helps" if found.does_more:
            return "HELPS     the synthetic rows help, and more than class weights or oversampling would"
        case "helps":
            return "HELPS     the synthetic rows help, but not clearly more than class weights or oversampling would"
        case "hurts":
            return "HURTS     the synthetic rows make it worse: do not train on them as they are"
        case _:
            return "NO EVIDENCE that the synthetic rows help or hurt"


def _recommendation(found: Evaluation) -> str:
    from synthgen.quality.conditions import ALL

    if found.recommended_ratio == 0:
        return "real rows only: no ratio did better on held-out training rows"
    if found.recommended_ratio == ALL:
        return "all synthetic rows"
    return f"{found.recommended_ratio:g} synthetic rows for each real row of a class"


def _class_lines(found: Evaluation) -> Iterator[str]:
    told = [c for c in found.per_class if c.synthetic_rows or c.verdict != "no evidence"]
    told.sort(key=lambda c: (c.verdict == "no evidence", -abs(c.difference.value), c.label))
    if told:
        yield "classes   those with synthetic rows, and those that changed"
    for c in told[:MAX_CLASSES]:
        said = c.note or f"{_signed(c.difference.value)} ({_reach(c.difference)})  {c.verdict}"
        yield (
            f"  {c.label:<30} {c.real_rows:>5,} real {c.synthetic_rows:>5,} synthetic {c.test_rows:>5,} test   "
            f"F1 {c.baseline_f1:.3f} -> {c.augmented_f1:.3f}  {said}"
        )
    if len(told) > MAX_CLASSES:
        yield f"  ... and {len(told) - MAX_CLASSES} more: --json shows all"


def _signed(value: float) -> str:
    return f"{value:+.4f}"


def _reach(gap: Interval) -> str:
    return f"95 % {gap.low:+.4f} to {gap.high:+.4f}"
