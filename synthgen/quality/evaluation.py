"""Does training on the synthetic rows help on real test rows?

Real rows only against real and *all* synthetic rows: that comparison is fixed before anything is measured, so nothing
is picked on the test rows that give the verdict. The sweep of ratios is information; the ratio recommended is chosen on
held-out rows of the real *training* data. Controls that cost nothing stand beside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from synthgen.errors import JobError
from synthgen.measure.bootstrap import Interval, holm, interval, macro, resampled_f1
from synthgen.measure.classification import Floats, Scores, class_f1, score
from synthgen.measure.logistic import encode_labels
from synthgen.measure.threads import one_thread
from synthgen.quality.classifiers import Classifier, Predictions, open_classifier
from synthgen.quality.conditions import (
    ALL,
    BASELINE,
    CLASS_WEIGHTS,
    EDA,
    OVERSAMPLING,
    Condition,
    Corpus,
    Drawing,
    rows_taken,
)
from synthgen.quality.eda import Copier, open_copier
from synthgen.quality.vectors import TextVectors
from synthgen.quality.verdict import (
    LEVEL,
    MIN_TEST_ROWS,
    ClassVerdict,
    ConditionScores,
    ControlScores,
    RatioScores,
    Verdict,
    decide_verdict,
)
from synthgen.records import Row
from synthgen.text import normalise

RATIOS = (0.25, 0.5, 1.0, 2.0, 5.0)
SEEDS = 5
FOLDS = 3
MAX_EDA_ROWS = 2000
NEAR_ENOUGH = 0.001
CONTROLS = {
    CLASS_WEIGHTS: "real rows only, each class weighing as much",
    OVERSAMPLING: "real rows only, drawn again until the classes have as many rows",
    EDA: "",  # described by whoever made the copies
}
ProgressCallback = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What `evaluate_rows` found.

    Attributes:
        verdict: On all synthetic rows, by macro-F1.
        baseline: Real rows only.
        augmented: Real and all synthetic rows.
        difference: Of their macro-F1.
        per_class: Every class that has test or synthetic rows.
        sweep: Ratios in ascending order, the last one all rows.
        controls: By name.
        does_more: Whether it helps by more than every control that needs no new text (class weights, oversampling).
        recommended_ratio: Synthetic rows for each real row of a class; 0 for none, infinite for all.
        copies: Synthetic rows left out because a real training row of their class is the same.
        seeds: How many drawings.
        classifier: Its name.
        notes: What the reader should know.
    """

    verdict: Verdict
    baseline: ConditionScores
    augmented: ConditionScores
    difference: Interval
    per_class: tuple[ClassVerdict, ...]
    sweep: tuple[RatioScores, ...]
    controls: Mapping[str, ControlScores]
    does_more: bool
    recommended_ratio: float
    copies: int
    seeds: int
    classifier: str
    notes: tuple[str, ...] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """The contract of `--json`."""
        ratio = self.recommended_ratio
        return {
            "verdict": self.verdict,
            "baseline": self.baseline.as_json(),
            "augmented": self.augmented.as_json(),
            "difference": {
                "macro_f1": round(self.difference.value, 5),
                "low": round(self.difference.low, 5),
                "high": round(self.difference.high, 5),
            },
            "per_class": {c.label: c.as_json() for c in self.per_class},
            "sweep": [r.as_json() for r in self.sweep],
            "controls": {name: control.as_json() for name, control in self.controls.items()},
            "does_more": self.does_more,
            "recommended_ratio": "all" if ratio == ALL else ratio,
            "copies": self.copies,
            "seeds": self.seeds,
            "classifier": self.classifier,
            "notes": list(self.notes),
        }


def evaluate_rows(
    train: Sequence[Row],
    synthetic: Sequence[Row],
    test: Sequence[Row],
    *,
    classifier: str = "embeddings",
    vectors: TextVectors,
    seeds: int = SEEDS,
    ratios: Sequence[float] = RATIOS,
    seed: int = 0,
    report: ProgressCallback | None = None,
) -> Evaluation:
    """Train with and without the synthetic rows and compare on the test rows.

    Args:
        train: Real training rows.
        synthetic: Synthetic rows.
        test: Real test rows.
        classifier: `embeddings`, `tfidf` or `module:function`.
        vectors: Encodes texts for `embeddings`.
        seeds: Drawings; each trains every condition once.
        ratios: Of the sweep, in synthetic rows for each real row of a class; all rows are always swept too.
        seed: Changes every drawing.
        report: Called with how many trainings are done.

    Raises:
        JobError: Fewer than two classes, no test row of a class that is taught, or the classifier cannot be used.
    """
    real_forms = {(normalise(row.text), row.label) for row in train}
    new = [row for row in synthetic if (normalise(row.text), row.label) not in real_forms]
    copier = open_copier()
    corpus = _corpus(train, new, test, seed, copier)
    taught = {row.label for row in (*train, *new)}
    if test and not any(row.label in taught for row in test):
        asked, known = (", ".join(sorted(names)[:5]) for names in ({row.label for row in test}, taught))
        raise JobError(
            f"no test row is of a class that a training row has (test: {asked}; training: {known})",
            hint="name the column of the class with --label-column, or write the classes alike in both files",
        )
    if len(corpus.names) < 2:
        raise JobError(f"only one class, '{corpus.names[0]}': there is nothing to tell apart")
    trained = np.concatenate([corpus.real, corpus.synthetic, corpus.eda])
    if classifier == "embeddings":
        vectors.of(corpus.texts)  # on all threads, unlike the trainings
    with one_thread():
        opened = open_classifier(classifier, corpus.texts, corpus.codes, corpus.names, trained, vectors)
    descriptions = {**CONTROLS, EDA: copier.description}
    evaluator = _Evaluator(corpus, opened, seeds, sorted(set(ratios)), seed, report, descriptions)
    with one_thread():
        return evaluator.run(classifier, len(synthetic) - len(new))


def _corpus(train: Sequence[Row], synthetic: Sequence[Row], test: Sequence[Row], seed: int, copier: Copier) -> Corpus:
    names = sorted({row.label for rows in (train, synthetic, test) for row in rows})
    copies = _copies(train, Counter(row.label for row in synthetic), seed, copier)
    parts = [train, synthetic, copies, test]
    starts = np.cumsum([0, *map(len, parts)])
    places = [np.arange(a, b, dtype=np.int64) for a, b in pairwise(starts)]
    rows = [row for part in parts for row in part]
    codes = encode_labels([row.label for row in rows], names)
    return Corpus([row.text for row in rows], codes, names, *places)


def _copies(train: Sequence[Row], wanted: Mapping[str, int], seed: int, copier: Copier) -> list[Row]:
    """As many changed copies of rows of each class as it has synthetic ones, or fewer in proportion."""
    rng = np.random.default_rng([seed, 2])
    share = min(1.0, MAX_EDA_ROWS / max(1, sum(wanted.values())))
    by_label: dict[str, list[str]] = {}
    for row in train:
        by_label.setdefault(row.label, []).append(row.text)
    counts = {label: round(share * n) for label, n in sorted(wanted.items())}
    made = {label: copier.copies(by_label.get(label, []), n, rng) for label, n in counts.items()}
    return [Row(f"eda:{label}:{i}", text, label) for label, texts in made.items() for i, text in enumerate(texts)]


class _Evaluator:
    """Trains every condition and draws the conclusions."""

    def __init__(
        self,
        corpus: Corpus,
        classifier: Classifier,
        seeds: int,
        ratios: Sequence[float],
        seed: int,
        report: ProgressCallback | None,
        descriptions: Mapping[str, str],
    ) -> None:
        self._descriptions = descriptions
        self._corpus, self._classifier, self._seeds, self._seed = corpus, classifier, seeds, seed
        self._report = report or (lambda what, done, total: None)
        self._counts = [Counter(corpus.codes[p].tolist()) for p in (corpus.real, corpus.synthetic, corpus.test)]
        self._ratios = _different([*ratios, ALL], self._counts[0], self._counts[1])
        self._truth = corpus.codes[corpus.test]
        self._scores: dict[str, list[Scores]] = {}
        self._read: dict[str, list[npt.NDArray[np.int64]]] = {}
        self._rows: dict[str, list[int]] = {}

    def run(self, name: str, copies: int) -> Evaluation:
        self._train_all()
        by_ratio = self._held_out()
        conditions = {condition: np.stack(codes) for condition, codes in self._read.items()}
        drawn = resampled_f1(self._truth, conditions, classes=len(self._corpus.names), seed=self._seed)
        baseline, augmented = self._mean(BASELINE), self._mean(_condition_name(ALL))
        difference = self._difference(drawn, _condition_name(ALL), BASELINE)
        controls = {
            condition: self._control(drawn, condition) for condition in self._descriptions if condition in self._read
        }
        free = [
            controls[condition].augmented_over.low
            for condition in (CLASS_WEIGHTS, OVERSAMPLING)
            if condition in controls
        ]
        return Evaluation(
            verdict=decide_verdict(difference),
            baseline=baseline,
            augmented=augmented,
            difference=difference,
            per_class=tuple(self._per_class(drawn, baseline, augmented)),
            sweep=tuple(self._sweep(drawn, by_ratio)),
            controls=controls,
            does_more=decide_verdict(difference) == "helps" and min(free) > 0,
            recommended_ratio=_recommend(by_ratio),
            copies=copies,
            seeds=self._seeds,
            classifier=name,
            notes=tuple(self._notes(copies)),
        )

    def _train_all(self) -> None:
        conditions_of_a_seed = len(self._ratios) + 4
        for number in range(self._seeds):
            drawing = Drawing(self._corpus, 1000 * self._seed + number)
            for done, (condition, drawn) in enumerate(self._conditions(drawing)):
                self._report("training", number * conditions_of_a_seed + done, self._seeds * conditions_of_a_seed)
                found = self._predict(drawn, self._corpus.test, number)
                scores = score(self._truth, found.codes, found.confidence, classes=len(self._corpus.names))
                self._scores.setdefault(condition, []).append(scores)
                self._read.setdefault(condition, []).append(found.codes)
                self._rows.setdefault(condition, []).append(len(drawn.places))
        self._report("training", self._seeds * conditions_of_a_seed, self._seeds * conditions_of_a_seed)

    def _conditions(self, drawing: Drawing) -> list[tuple[str, Condition]]:
        conditions = [(BASELINE, drawing.baseline())]
        conditions += [(_condition_name(ratio), drawing.mixed(ratio)) for ratio in self._ratios]
        if self._classifier.takes_weights:
            conditions.append((CLASS_WEIGHTS, drawing.class_weights()))
        return [*conditions, (OVERSAMPLING, drawing.oversampled()), (EDA, drawing.scrambled())]

    def _predict(self, condition: Condition, read: npt.NDArray[np.int64], seed: int) -> Predictions:
        codes = self._corpus.codes[condition.places]
        return self._classifier.predict(condition.places, codes, condition.weights, read, seed=seed)

    def _held_out(self) -> dict[float, float]:
        """Macro-F1 on held-out real training rows by ratio, 0 being real rows only; empty where there are too few."""
        folds = _folds(self._corpus, self._seed)
        if not folds or not len(self._corpus.synthetic):
            return {}
        read: dict[float, list[npt.NDArray[np.int64]]] = {}
        total = len(folds) * (len(self._ratios) + 1)
        for number, held_out in enumerate(folds):
            drawing = Drawing(self._corpus, 1000 * self._seed + number, held_out=held_out)
            for done, ratio in enumerate([0.0, *self._ratios]):
                self._report("choosing a ratio on held-out training rows", number * (total // len(folds)) + done, total)
                condition = drawing.mixed(ratio) if ratio else drawing.baseline()
                read.setdefault(ratio, []).append(self._predict(condition, held_out, number).codes)
        self._report("choosing a ratio on held-out training rows", total, total)
        truth = self._corpus.codes[np.concatenate(folds)]
        classes = len(self._corpus.names)
        return {
            ratio: float(np.nanmean(class_f1(truth, np.concatenate(codes), classes=classes)))
            for ratio, codes in read.items()
        }

    def _mean(self, condition: str) -> ConditionScores:
        return ConditionScores.mean(
            self._scores[condition], float(np.mean(self._rows[condition])), list(self._corpus.names)
        )

    def _difference(self, drawn: Mapping[str, Floats], one: str, other: str) -> Interval:
        value = self._mean(one).macro_f1 - self._mean(other).macro_f1
        return interval(value, macro(drawn[one]) - macro(drawn[other]))

    def _sweep(self, drawn: Mapping[str, Floats], by_ratio: Mapping[float, float]) -> list[RatioScores]:
        found = []
        for ratio in self._ratios:
            taken = sum(rows_taken(ratio, self._counts[0][code], n) for code, n in self._counts[1].items())
            condition = _condition_name(ratio)
            difference = self._difference(drawn, condition, BASELINE)
            shown = None if ratio == ALL else ratio
            found.append(RatioScores(shown, taken, self._mean(condition), difference, by_ratio.get(ratio)))
        return found

    def _control(self, drawn: Mapping[str, Floats], condition: str) -> ControlScores:
        difference = self._difference(drawn, condition, BASELINE)
        return ControlScores(
            self._descriptions[condition],
            self._mean(condition),
            difference,
            self._difference(drawn, _condition_name(ALL), condition),
        )

    def _per_class(
        self, drawn: Mapping[str, Floats], baseline: ConditionScores, augmented: ConditionScores
    ) -> list[ClassVerdict]:
        gaps = drawn[_condition_name(ALL)] - drawn[BASELINE]
        found = {
            label: interval(augmented.f1[label] - baseline.f1[label], gaps[:, code])
            for code, label in enumerate(self._corpus.names)
        }
        adjusted: dict[str, float] = {}
        for is_topped_up in (True, False):  # what the rows are meant for, and what they do on the side
            adjusted |= holm(
                {
                    label: gap.p_value
                    for code, (label, gap) in enumerate(found.items())
                    if self._counts[2][code] >= MIN_TEST_ROWS and bool(self._counts[1][code]) is is_topped_up
                }
            )
        return [
            self._class_verdict(code, label, baseline, augmented, gap, adjusted.get(label))
            for code, (label, gap) in enumerate(found.items())
        ]

    def _class_verdict(
        self,
        code: int,
        label: str,
        baseline: ConditionScores,
        augmented: ConditionScores,
        gap: Interval,
        p_value: float | None,
    ) -> ClassVerdict:
        counts = [counted[code] for counted in self._counts]
        verdict: Verdict = "no evidence"
        if p_value is not None and p_value < LEVEL:
            verdict = "helps" if gap.value > 0 else "hurts"
        note = "" if p_value is not None else f"{counts[2]} test rows: too few to judge ({MIN_TEST_ROWS} needed)"
        return ClassVerdict(
            label, counts[0], counts[1], counts[2], baseline.f1[label], augmented.f1[label], gap, verdict, note
        )

    def _notes(self, copies: int) -> list[str]:
        names, notes = self._corpus.names, []
        if copies:
            notes.append(f"{copies:,} synthetic rows say what a real training row of their class says: left out")
        if not len(self._corpus.synthetic):
            notes.append("no synthetic row is new: nothing to add to the real rows")
        missing = [names[c] for c in self._counts[2] if not self._counts[0][c] and not self._counts[1][c]]
        if missing:
            notes.append(f"test rows of classes that nothing teaches, counted as wrong: {', '.join(missing[:5])}")
        untested = [names[c] for c in self._counts[1] if not self._counts[2][c]]
        if untested:
            notes.append(f"classes with synthetic rows but no test row: {', '.join(untested[:5])}")
        if not self._classifier.takes_weights:
            notes.append("class weights were not tried: a classifier of your own takes none")
        if sum(self._counts[1].values()) > MAX_EDA_ROWS:
            notes.append(f"the changed copies are {len(self._corpus.eda):,}, fewer than the synthetic rows")
        return notes


def _condition_name(ratio: float) -> str:
    return f"mixed {ratio}"


def _different(ratios: Sequence[float], real: Mapping[int, int], synthetic: Mapping[int, int]) -> list[float]:
    """Ratios that take different rows; of those that take all, only `ALL`."""
    every = sum(synthetic.values())
    seen: dict[int, float] = {}
    for ratio in ratios:
        taken = sum(rows_taken(ratio, real.get(code, 0), n) for code, n in synthetic.items())
        if ratio == ALL or taken < every:
            seen.setdefault(-1 if ratio == ALL else taken, ratio)
    return sorted(seen.values())


def _folds(corpus: Corpus, seed: int) -> list[npt.NDArray[np.int64]]:
    """Real rows dealt into parts class by class; rows of classes too small to be dealt are in none."""
    rng = np.random.default_rng([seed, 3])
    dealt: list[list[int]] = [[] for _ in range(FOLDS)]
    for places in corpus.by_class(corpus.real).values():
        if len(places) >= FOLDS:
            for number, place in enumerate(rng.permutation(places).tolist()):
                dealt[number % FOLDS].append(place)
    return [np.sort(np.array(part, dtype=np.int64)) for part in dealt if part]


def _recommend(by_ratio: Mapping[float, float]) -> float:
    """The least ratio that does as well as the best, to a thousandth; 0 where nothing was measured."""
    if not by_ratio:
        return 0.0
    best = max(by_ratio.values())
    return min(ratio for ratio, value in by_ratio.items() if value >= best - NEAR_ENOUGH)
