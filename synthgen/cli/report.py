"""`synthgen report`: a finished run on one page."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from synthgen.records import Row

if TYPE_CHECKING:
    from synthgen.journal import Journal
    from synthgen.report.embedding import MapRow

MOST_COMPARED, LEAST_COMPARED = 2_400, 30  # rows over all classes, and of each
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
    from synthgen.report.gather import gather_report
    from synthgen.review import read_standing

    review = read_standing(journal).as_json()
    return gather_report(journal, review=review, compare=_compare if has_drift else None)


def _compare(real: Sequence[MapRow], synthetic: Sequence[MapRow]) -> dict[str, Any] | None:
    """Drift and diversity beside the real rows' own; of embeddings where both have vectors by one encoder.

    With many classes each is compared by a smaller sample, so that it stays a matter of a minute.
    """
    from synthgen.cli.telling import telling
    from synthgen.quality.drift import compare_rows

    classes = {row.label for row in synthetic}
    most = max(LEAST_COMPARED, MOST_COMPARED // len(classes))
    samples = [_sample(real, classes, 2 * most), _sample(synthetic, classes, most)]
    if not all(samples):
        return None
    vectors = [_vectors(found) for found in samples]
    rows = [[Row(row.id, row.text, row.label) for row in found] for found in samples]
    with telling() as tell:
        found = compare_rows(*rows, real_vectors=vectors[0], synthetic_vectors=vectors[1], tell=tell).as_json()
    for name in ("label_mix", "label_js"):  # of samples that were made even: the run's own counts stand elsewhere
        found.pop(name, None)
    return {**found, "real_rows_compared": len(samples[0]), "synthetic_rows_compared": len(samples[1])}


def _sample(rows: Sequence[MapRow], classes: Collection[str], most: int) -> list[MapRow]:
    """At most `most` rows of each of the classes."""
    from synthgen.report.embedding import thin

    found: dict[str, list[MapRow]] = {label: [] for label in sorted(classes)}
    for row in rows:
        if row.label in found:
            found[row.label].append(row)
    return [row for of_class in found.values() for row in thin(of_class, most=most)]


def _vectors(rows: Sequence[MapRow]) -> Any:
    """Shape (n, d), or None where a row has none."""
    import numpy as np

    if len({len(row.vector) for row in rows}) != 1 or not rows[0].vector:
        return None
    return np.stack([np.frombuffer(row.vector, dtype=np.float16) for row in rows]).astype(np.float32)


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
