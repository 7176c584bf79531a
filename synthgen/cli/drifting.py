"""Drift of a run's accepted rows, for its report and its card: what their neighbours on a lower floor may not join."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthgen.records import Row

if TYPE_CHECKING:
    from synthgen.report.embedding import MapRow


@dataclass(frozen=True, slots=True)
class Depth:
    """How much is looked at.

    Attributes:
        max_rows: Synthetic rows over all classes; of real ones twice as many.
        least_of_class: Rows of each class at least, where there are so many.
        draws: Samples drawn.
        by_class: Whether each class is compared by itself too.
    """

    max_rows: int
    least_of_class: int
    draws: int
    by_class: bool


REPORT = Depth(max_rows=2_400, least_of_class=30, draws=20, by_class=True)
# A card is written with every export, so it must take a second and not a minute.
CARD = Depth(max_rows=200, least_of_class=5, draws=10, by_class=False)


def measure_drift(real: Sequence[MapRow], synthetic: Sequence[MapRow], depth: Depth = REPORT) -> dict[str, Any] | None:
    """Drift and diversity beside the real rows' own; of embeddings where both have vectors by one encoder.

    Returns:
        JSON values, or None where either side has no rows of the classes.
    """
    from synthgen.cli.progress import telling
    from synthgen.quality.drift import compare_rows

    classes = {row.label for row in synthetic}
    most = max(depth.least_of_class, depth.max_rows // max(1, len(classes)))
    samples = [_sample(real, classes, 2 * most), _sample(synthetic, classes, most)]
    if not all(samples):
        return None
    vectors = [_vectors(found) for found in samples]
    rows = [[Row(row.id, row.text, row.label) for row in found] for found in samples]
    with telling() as tell:
        found = compare_rows(
            *rows,
            real_vectors=vectors[0],
            synthetic_vectors=vectors[1],
            resamples=depth.draws,
            by_class=depth.by_class,
            report=tell,
        ).as_json()
    for name in ("label_mix", "label_js"):  # of samples that were made even: the run's own counts stand elsewhere
        found.pop(name, None)
    return {**found, "real_rows_compared": len(samples[0]), "synthetic_rows_compared": len(samples[1])}


def drift_for_card(journal: Any, tally: Any) -> Mapping[str, Any] | None:
    """A quick look at a run's drift; None where its real rows are not there any more."""
    from synthgen.report.gather import real_rows, sampled_rows

    most = max(CARD.least_of_class, CARD.max_rows // max(1, len(tally.accepted)))
    return measure_drift(real_rows(journal), sampled_rows(journal, tally, most=most), CARD)


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
