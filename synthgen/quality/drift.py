"""Are the synthetic rows like the real ones, and as varied? Figures with the real rows' own values as the yardstick.

Every figure of texts depends on how many there are, so nothing is compared but samples of one size: halves of the real
rows against each other (what difference chance makes), and the synthetic rows against them. Owns what is sampled and
what counts as outside; the figures themselves are `measure`'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from synthgen.measure import divergence, diversity
from synthgen.measure.overlap import SharedWords
from synthgen.measure.overused_phrases import OverusedPhrase, find_overused_phrases
from synthgen.measure.threads import one_thread
from synthgen.measure.words import Words, words
from synthgen.records import Row

RESAMPLES = 20
MAX_ROWS, MAX_ROWS_OVERALL = 400, 1000
MIN_ROWS = 5
SIGMAS = 2.58  # 99 of 100 within, by the normal law: a class has a dozen metrics, and a false alarm costs trust
Vectors = npt.NDArray[Any]
Places = npt.NDArray[np.intp]
ProgressCallback = Callable[[str, int, int], None]

MEANINGS: Mapping[str, str] = {
    "length_ks": "greatest gap between the cumulative shares of lengths in words",
    "vocabulary_js": "Jensen-Shannon divergence of words, bits",
    "bigram_js": "Jensen-Shannon divergence of word pairs, bits",
    "auc": "a classifier on the embeddings tells the two apart: 0.5 cannot, 1 always",
    "mean_words": "words a row",
    "compression_ratio": "bytes over compressed bytes; higher repeats more",
    "self_repetition": "share of word 4-grams that stand in another row too",
    "self_bleu": "mean BLEU-4 of a row against the others",
    "distinct_1": "different words over words",
    "distinct_2": "different word pairs over word pairs",
    "vendi": "how many rows entirely unlike each other would be as diverse",
}
PAIRED = ("length_ks", "vocabulary_js", "bigram_js", "auc")
"""Metrics of two samples; the others are of one."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure of the synthetic rows beside the real rows' own.

    Attributes:
        synthetic: Mean over the resamples; of metrics of two samples, synthetic against real rows.
        real: Mean over the resamples of as many real rows; of metrics of two samples, real against real rows.
        low: Lower end of what as many real rows give, 99 times of 100.
        high: Upper end.
    """

    synthetic: float
    real: float
    low: float
    high: float

    @property
    def is_outside(self) -> bool:
        """Whether real rows would hardly give such a value."""
        return not self.low <= self.synthetic <= self.high

    def as_json(self) -> dict[str, Any]:
        figures = {"synthetic": self.synthetic, "real": self.real, "low": self.low, "high": self.high}
        return {**{name: round(value, 4) for name, value in figures.items()}, "is_outside": self.is_outside}


@dataclass(frozen=True, slots=True)
class ClassDrift:
    """One class, or all together.

    Attributes:
        label: The class; the empty string for all together.
        real_rows: How many there are.
        synthetic_rows: Likewise.
        sample_rows: Size of each sample that was compared; 0 where nothing was.
        metrics: By name, as in `MEANINGS`; empty where there are too few rows.
        note: Why something is missing, or the empty string.
    """

    label: str
    real_rows: int
    synthetic_rows: int
    sample_rows: int
    metrics: Mapping[str, Metric]
    note: str

    @property
    def outside(self) -> tuple[str, ...]:
        """Metrics that fall outside what real rows give."""
        return tuple(name for name, metric in self.metrics.items() if metric.is_outside)

    def as_json(self) -> dict[str, Any]:
        return {
            "label": self.label,
            "real_rows": self.real_rows,
            "synthetic_rows": self.synthetic_rows,
            "sample_rows": self.sample_rows,
            "metrics": {name: metric.as_json() for name, metric in self.metrics.items()},
            "outside": list(self.outside),
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class DriftReport:
    """What `compare_rows` found.

    Attributes:
        overall: Every class that both have, each with as many real as synthetic rows, so that another mix of classes
            does not read as another style.
        classes: Each class of the synthetic rows.
        label_js: Jensen-Shannon divergence of the two label mixes, bits.
        shared_words: How many synthetic rows share a run of so many words with a real row at most: how far they are
            from being copied.
        over-used phrases: Over-used turns of phrase, the most striking first.
        seed: Of the samples.
    """

    overall: ClassDrift
    classes: tuple[ClassDrift, ...]
    label_js: float
    shared_words: Mapping[int, int]
    tics: tuple[OverusedPhrase, ...]
    seed: int

    def as_json(self) -> dict[str, Any]:
        return {
            "overall": self.overall.as_json(),
            "classes": [drift.as_json() for drift in self.classes],
            "label_js": round(self.label_js, 4),
            "label_mix": {c.label: {"real": c.real_rows, "synthetic": c.synthetic_rows} for c in self.classes},
            "shared_words": {str(count): rows for count, rows in self.shared_words.items()},
            "tics": [
                {"kind": t.kind, "phrase": t.phrase, "rows": t.rows, "expected_rows": t.expected_rows}
                for t in self.tics
            ],
            "meanings": dict(MEANINGS),
            "seed": self.seed,
        }


def compare_rows(
    real: Sequence[Row],
    synthetic: Sequence[Row],
    *,
    real_vectors: Vectors | None = None,
    synthetic_vectors: Vectors | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
    by_class: bool = True,
    report: ProgressCallback | None = None,
) -> DriftReport:
    """Compare synthetic rows with real ones, class by class and all together.

    Args:
        real: Real rows; their labels are all "" where there are no classes.
        synthetic: Synthetic rows.
        real_vectors: A unit vector for each real row, shape (n, d), of any float type; None leaves the metrics of
            embeddings out (`auc`, `vendi`).
        synthetic_vectors: Likewise, by the same encoder.
        seed: For the samples: the same rows and seed give the same report.
        resamples: How many samples.
        by_class: Whether each class is compared by itself too.
        report: Called with what is measured, how many classes are done, and of how many.
    """
    with one_thread():
        return _compare_rows(real, synthetic, (real_vectors, synthetic_vectors), (seed, resamples), by_class, report)


def _compare_rows(
    real: Sequence[Row],
    synthetic: Sequence[Row],
    vectors: tuple[Vectors | None, Vectors | None],
    drawing: tuple[int, int],
    by_class: bool,
    report: ProgressCallback | None,
) -> DriftReport:
    seed, _ = drawing
    samples = [_sample(real, vectors[0]), _sample(synthetic, vectors[1])]
    if samples[0].vectors is None or samples[1].vectors is None:
        samples = [replace(sample, vectors=None) for sample in samples]
    places = [_by_label(rows) for rows in (real, synthetic)]
    labels = sorted(places[1])
    classes = []
    for done, label in enumerate(labels if by_class else ()):
        if report is not None:
            report("comparing classes", done, len(labels))
        group = _Group(places[0].get(label, []), places[1][label])
        classes.append(_compare(label, samples, [group], MAX_ROWS, drawing))
    if report is not None:
        report("comparing classes", len(labels), len(labels))
    groups = [_Group(places[0].get(label, []), places[1][label]) for label in labels]
    overall = _compare("", samples, groups, MAX_ROWS_OVERALL, drawing)
    by_words = [{k: [s.words[i] for i in v] for k, v in p.items()} for s, p in zip(samples, places, strict=True)]
    mix = divergence.label_divergence([r.label for r in real], [r.label for r in synthetic])
    shared = SharedWords([row.text for row in real])
    runs = Counter(shared.longest(row.text)[0] for row in synthetic)
    tics = tuple(find_overused_phrases(by_words[0], by_words[1]))
    return DriftReport(overall, tuple(classes), mix, dict(sorted(runs.items())), tics, seed)


@dataclass(frozen=True, slots=True)
class _Sample:
    """Rows ready to be measured: texts, their words, their vectors (or None)."""

    texts: Sequence[str]
    words: Sequence[Words]
    labels: Sequence[str]
    vectors: npt.NDArray[np.float32] | None

    def take(self, places: Places) -> _Sample:
        vectors = None if self.vectors is None else self.vectors[places]
        texts, rows, labels = ([part[i] for i in places] for part in (self.texts, self.words, self.labels))
        return _Sample(texts, rows, labels, vectors)


@dataclass(frozen=True, slots=True)
class _Group:
    """Places of the real and of the synthetic rows of one class."""

    real: Sequence[int]
    synthetic: Sequence[int]

    @property
    def size(self) -> int:
        """The most rows that two halves of the real rows and a sample of the synthetic ones can all have."""
        return min(len(self.real) // 2, len(self.synthetic))


def _sample(rows: Sequence[Row], vectors: Vectors | None) -> _Sample:
    return _Sample(
        [row.text for row in rows],
        [words(row.text) for row in rows],
        [row.label for row in rows],
        None if vectors is None else np.asarray(vectors, dtype=np.float32),
    )


def _by_label(rows: Sequence[Row]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        found.setdefault(row.label, []).append(place)
    return found


def _compare(
    label: str, samples: Sequence[_Sample], groups: Sequence[_Group], most: int, drawing: tuple[int, int]
) -> ClassDrift:
    seed, resamples = drawing
    counts = sum(len(g.real) for g in groups), sum(len(g.synthetic) for g in groups)
    sizes = _sizes(groups, most)
    size = sum(sizes)
    if size < MIN_ROWS:
        note = f"needs {2 * MIN_ROWS} real and {MIN_ROWS} synthetic rows of a class to be compared"
        return ClassDrift(label, *counts, 0, {}, note)
    drawn: dict[str, tuple[list[float], list[float]]] = {}
    for number in range(resamples):
        rng = np.random.default_rng([seed, number, *label.encode()])
        half, other_half, made = (part for part in _draw(samples, groups, sizes, rng))
        for name, values in _measure(half, other_half, made, seed + number).items():
            of_real, of_synthetic = drawn.setdefault(name, ([], []))
            of_real += values[:-1]
            of_synthetic.append(values[-1])
    widening = _widening(size, *counts)
    metrics = {
        name: _metric(*values, widening, most=None if name in _UNBOUNDED else 1.0) for name, values in drawn.items()
    }
    return ClassDrift(label, *counts, size, metrics, "")


def _widening(size: int, real: int, synthetic: int) -> float:
    """How much wider than the spread of the draws the yardstick must be.

    Draws of one half of the rows vary with a variance of s²/size · (1 - size/real) about the mean of *these* real
    rows. What is judged is whether another sample of the same source would give the synthetic value, and both means
    vary about the source's by s²/real and s²/synthetic. (Without this, one metric in eight cried wolf on real rows
    compared with real rows.)
    """
    return sqrt(size / (1 - size / real) * (1 / real + 1 / synthetic))


def _sizes(groups: Sequence[_Group], most: int) -> list[int]:
    """Rows to draw of each group: as many as it has, less in proportion where all together are too many."""
    total = sum(group.size for group in groups)
    return [group.size * most // total if total > most else group.size for group in groups]


def _draw(
    samples: Sequence[_Sample], groups: Sequence[_Group], sizes: Sequence[int], rng: np.random.Generator
) -> Iterator[_Sample]:
    """Two disjoint samples of the real rows, and one of the synthetic rows."""
    chosen: tuple[list[Places], ...] = ([], [], [])
    for group, size in zip(groups, sizes, strict=True):
        real = rng.permutation(np.asarray(group.real, dtype=np.intp))
        made = rng.permutation(np.asarray(group.synthetic, dtype=np.intp))
        for part, places in zip(chosen, (real[:size], real[size : 2 * size], made[:size]), strict=True):
            part.append(places)
    for sample, parts in zip((samples[0], samples[0], samples[1]), chosen, strict=True):
        yield sample.take(np.concatenate(parts))


def _measure(half: _Sample, other_half: _Sample, made: _Sample, seed: int) -> dict[str, list[float]]:
    """Values of each metric: those of real rows first, the synthetic rows' last."""
    found = {name: [f(half), f(other_half), f(made)] for name, f in _SINGLE.items()}
    found |= {name: [f(half, other_half, seed), f(made, other_half, seed)] for name, f in _PAIRED.items()}
    return {name: values for name, values in found.items() if not np.isnan(values).any()}


def _metric(of_real: Sequence[float], of_synthetic: Sequence[float], widening: float, *, most: float | None) -> Metric:
    middle = float(np.mean(of_real))
    reach = SIGMAS * float(np.std(of_real)) * widening
    high = middle + reach if most is None else min(most, middle + reach)
    return Metric(float(np.mean(of_synthetic)), middle, max(0.0, middle - reach), high)


def _auc(one: _Sample, other: _Sample, seed: int) -> float:
    if one.vectors is None or other.vectors is None:
        return float("nan")
    return divergence.two_sample_auc(other.vectors, one.vectors, seed=seed, groups=(other.labels, one.labels))


_PAIRED: Mapping[str, Callable[[_Sample, _Sample, int], float]] = {
    "length_ks": lambda a, b, _: divergence.kolmogorov_smirnov([len(r) for r in a.words], [len(r) for r in b.words]),
    "vocabulary_js": lambda a, b, _: divergence.ngram_divergence(a.words, b.words, 1),
    "bigram_js": lambda a, b, _: divergence.ngram_divergence(a.words, b.words, 2),
    "auc": _auc,
}
_UNBOUNDED = ("mean_words", "compression_ratio", "vendi")
_SINGLE: Mapping[str, Callable[[_Sample], float]] = {
    "mean_words": lambda s: float(np.mean([len(row) for row in s.words])),
    "compression_ratio": lambda s: diversity.compression_ratio(s.texts),
    "self_repetition": lambda s: diversity.self_repetition(s.words),
    "self_bleu": lambda s: diversity.self_bleu(s.words),
    "distinct_1": lambda s: diversity.distinct_ratio(s.words, 1),
    "distinct_2": lambda s: diversity.distinct_ratio(s.words, 2),
    "vendi": lambda s: float("nan") if s.vectors is None else diversity.vendi_score(s.vectors),
}
