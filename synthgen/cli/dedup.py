"""`synthgen dedup`: near-duplicates out of a file that nobody generated here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from synthgen.data.whole import WholeTable
    from synthgen.quality.dedup import DedupResult, DedupSettings

SHOWN_PAIRS = 10
_FILE = click.Path(path_type=Path)


def _lexical(context: click.Context, parameter: click.Parameter, value: str) -> float | None:
    if value.lower() == "none":
        return None
    try:
        return float(value)
    except ValueError:
        raise click.BadParameter(f"a number above 0 and at most 1, or none, not {value!r}") from None


@click.command("dedup")
@click.argument("path", metavar="FILE", type=_FILE)
@click.option("--output", required=True, type=_FILE, metavar="KEPT", help="Rows that stay, in FILE's own format.")
@click.option("--removed", type=_FILE, metavar="PATH", help="The others, with duplicate_of, similarity and stage.")
@click.option("--text-column", metavar="C", help="Column that holds the text.  [default: text, or the only one]")
@click.option("--against", type=_FILE, metavar="REAL", help="Remove what is near a row of this file too.")
@click.option("--threshold", default=0.95, show_default=True, help="Cosine from which on two rows are the same.")
@click.option(
    "--lexical", default="0.7", show_default=True, callback=_lexical, metavar="J",
    help="Overlap of character 3-grams (Jaccard) from which on two rows are the same, or none.",
)  # fmt: skip
@click.option(
    "--encoder", default="all-MiniLM-L6-v2", show_default=True, metavar="E",
    help="As in a job file; hashing is a hundred times faster and sees no meaning; none compares 3-grams only.",
)  # fmt: skip
@click.option("--show-borderline", is_flag=True, help="Show kept rows whose nearest row is just below a threshold.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line of stdout.")
def command(
    path: Path, output: Path, removed: Path | None, text_column: str | None, against: Path | None, threshold: float,
    lexical: float | None, encoder: str, show_borderline: bool, as_json: bool,
) -> None:  # fmt: skip
    """Write the rows of FILE without near-duplicates: the first of every group stays.

    Compared are normal forms, then character n-grams, then embeddings: no two rows that stay are the same by any of
    them, and every row that goes names one that stays. FILE is csv, tsv, jsonl or parquet; all columns and the order
    stay.
    """
    import time

    from synthgen.data.whole import open_whole, refuse_overwriting
    from synthgen.quality.dedup import DedupSettings, as_columns, dedup_texts

    settings = DedupSettings(threshold, lexical, encoder, show_borderline)
    inputs = [path, *([against] if against else [])]
    refuse_overwriting([output, *([removed] if removed else [])], inputs, suffix=path.suffix)
    table = open_whole(path)
    texts = table.texts(_text_column(table, text_column))
    real = open_whole(against) if against else None
    for read in (table, real):
        if read is not None and read.taken:
            click.echo(f"{read.path} was read as: {read.taken}", err=True)
    others = real.texts(_text_column(real, text_column)) if real else []
    began = time.monotonic()
    with _progress() as tell:
        result = dedup_texts(texts, against=others, settings=settings, on_progress=tell)
    elapsed_s = time.monotonic() - began
    table.write(output, result.kept, {})
    if removed is not None:
        table.write(removed, [pair.row for pair in result.removed], as_columns(result.removed))
    if as_json:
        _print_json(result, settings, path, output, removed, len(texts), elapsed_s)
        return
    for line in _summary(result, len(texts), output, removed, elapsed_s):
        click.echo(line)
    _show_pairs(result, texts, others, show_borderline)


def _text_column(table: WholeTable, wanted: str | None) -> str:
    """The column named, or `text`, or the only one.

    Raises:
        JobError: It is not there.
    """
    from synthgen.data.tables import require_column

    columns = table.columns
    chosen = wanted or (columns[0] if len(columns) == 1 else "text")
    if columns or wanted:
        require_column(chosen, columns, table.path, hint="name the column that holds the text: --text-column NAME")
    return chosen


class _progress:  # noqa: N801 - a context manager, read as a word
    """A bar on a terminal's stderr; elsewhere a line now and then."""

    def __enter__(self) -> Any:
        import time

        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        self._is_live, self._told = console.is_terminal, time.monotonic()
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        self._bar = Progress(*columns, console=console, transient=True, disable=not self._is_live)
        self._bar.start()
        self._tasks: dict[str, Any] = {}
        return self._tell

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def _tell(self, what: str, done: int, total: int) -> None:
        import time

        if self._is_live:
            if what not in self._tasks:
                self._tasks[what] = self._bar.add_task(what, total=total)
            self._bar.update(self._tasks[what], completed=done)
        elif total and time.monotonic() - self._told > 10:
            self._told = time.monotonic()
            click.echo(f"{what}: {done:,} of {total:,}", err=True)


def _summary(result: DedupResult, rows: int, output: Path, removed: Path | None, elapsed_s: float) -> list[str]:
    counts = ", ".join(f"{count:,} {name}" for name, count in result.counts().items() if count)
    speed = rows / elapsed_s if elapsed_s else 0.0
    lines = [f"{len(result.kept):,} of {rows:,} rows kept, in {output}"]
    lines.append(
        f"{len(result.removed):,} removed" + (f": {counts}" if counts else "") + (f"; in {removed}" if removed else "")
    )
    if result.empty:
        lines.append(f"{result.empty:,} of the kept rows have no text and were compared with nothing")
    encoder = f"; {result.encoded:,} texts encoded by {result.encoder}" if result.encoder else ""
    return [*lines, f"{elapsed_s:,.1f} s, {speed:,.0f} rows/s{encoder}"]


def _show_pairs(result: DedupResult, texts: Sequence[str], others: Sequence[str], show_borderline: bool) -> None:
    from synthgen.report.progress import printable

    shown = {"removed": sorted(result.removed, key=lambda pair: pair.similarity)}
    if show_borderline:
        shown["kept, nearly the same"] = sorted(result.borderline, key=lambda pair: -pair.similarity)
    for title, pairs in shown.items():
        if pairs:
            click.echo(f"\n{title} (the {min(SHOWN_PAIRS, len(pairs))} nearest to the threshold of {len(pairs):,}):")
        for pair in pairs[:SHOWN_PAIRS]:
            other = (others if pair.pool == "against" else texts)[pair.other]
            click.echo(f"  {pair.similarity:.3f} {pair.stage:8} row {pair.row + 1}: {printable(texts[pair.row])[:90]}")
            click.echo(f"        {'':8} like {pair.duplicate_of}: {printable(other)[:90]}")


def _print_json(
    result: DedupResult, settings: DedupSettings, path: Path, output: Path, removed: Path | None, rows: int,
    elapsed_s: float,
) -> None:  # fmt: skip
    import orjson

    facts: dict[str, Any] = {
        "file": str(path),
        "output": str(output),
        "removed_file": str(removed) if removed else None,
        "rows": rows,
        "kept": len(result.kept),
        "removed": dict(result.counts()),
        "empty": result.empty,
        "threshold": settings.threshold,
        "lexical": settings.lexical,
        "encoder": result.encoder,
        "encoded": result.encoded,
        "elapsed_s": round(elapsed_s, 3),
    }
    if settings.has_borderline:
        facts["borderline"] = [
            {"row": p.row + 1, "like": p.duplicate_of, "similarity": round(p.similarity, 6), "stage": p.stage}
            for p in sorted(result.borderline, key=lambda pair: -pair.similarity)
        ]
    click.echo(orjson.dumps(facts).decode())
