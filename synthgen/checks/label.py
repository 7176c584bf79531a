"""Does a row read as the class it was asked for? A classifier trained on the real rows only.

Logistic regression on the embeddings the dedup made anyway (or a model of the user's), its probabilities calibrated and
its thresholds taken on rows it was not trained on (confident learning, Northcutt et al. 2021): a row is rejected where
another class is read with at least the probability that this class's own real rows have on average. Its own error on
held-out real rows stands beside every verdict; what it cannot judge is said to be unjudged, never silently passed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from synthgen.job.checks import CheckBlock
from synthgen.measure.classification import Codes, Floats
from synthgen.measure.logistic import LogisticTrainer, balanced_weights, encode_labels
from synthgen.measure.threads import one_thread
from synthgen.records import Reason, Rejection

MIN_ROWS = 5
FOLDS = 5
AGREES, UNSURE, UNJUDGED = "agrees", "unsure", "unjudged"
Vector = npt.NDArray[Any]
Reader = Callable[[str, Vector | None], Floats]
"""From a text and its vector to a probability for each class."""
BatchReader = Callable[[Sequence[str]], npt.NDArray[Any]]
"""From texts to their probabilities, shape (n, classes): a model of the user's."""


class LabelCheck(CheckBlock):
    """A classifier trained on the real rows must not read another class than the one that was asked for.

    Attributes:
        min_probability: Least probability of the asked class. None rejects where another class is read at least as
            surely as that class's own real rows are.
        when_unsure: What becomes of a row that is read as another class but not surely, or whose class has too few real
            rows (five) to judge: kept, rejected, or kept and put first in the spot check.
        model: The user's own classifier: a saved scikit-learn model (`.joblib`, `.pkl`) that reads texts, or
            `module:function`; None trains one.
    """

    check: Literal["label"]
    min_probability: Annotated[float, Field(ge=0, le=1)] | None = None
    when_unsure: Literal["keep", "reject", "review"] = "review"
    model: str | None = None

    @field_validator("model")
    @classmethod
    def _names_a_model(cls, value: str | None) -> str | None:
        if value is not None and not value.endswith((".joblib", ".pkl")) and not re.fullmatch(r"[\w.]+:\w+", value):
            raise PydanticCustomError("model", "write a .joblib or .pkl file, or `module:function`")
        return value


@dataclass(frozen=True, slots=True)
class ClassError:
    """How the judge does on held-out real rows of one class.

    Attributes:
        rows: Real rows of the class.
        accuracy: Share of them read as their class.
        threshold: Mean probability that they give their class: what a row must have to count as surely of it.
        wrongly_rejected_ratio: Share of them that the check would have rejected.
    """

    rows: int
    accuracy: float
    threshold: float
    wrongly_rejected_ratio: float


@dataclass(frozen=True, slots=True)
class LabelError:
    """The judge's own error, on real rows held out of its training.

    Attributes:
        accuracy: Share of real rows it reads right; None where that cannot be measured.
        wrongly_rejected_ratio: Share of real rows the check would have rejected; None likewise.
        temperature: What its scores were divided by to be calibrated.
        is_held_out: False for a model of the user's, which may have seen the rows.
        classes: By class; those with too few rows are left out.
        unjudged: Classes with fewer than five real rows.
    """

    accuracy: float | None
    wrongly_rejected_ratio: float | None
    temperature: float
    is_held_out: bool
    classes: Mapping[str, ClassError]
    unjudged: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "accuracy": self.accuracy,
            "wrongly_rejected_ratio": self.wrongly_rejected_ratio,
            "temperature": self.temperature,
            "is_held_out": self.is_held_out,
            "classes": {
                label: {
                    "rows": found.rows,
                    "accuracy": round(found.accuracy, 4),
                    "threshold": round(found.threshold, 4),
                    "wrongly_rejected_ratio": round(found.wrongly_rejected_ratio, 4),
                }
                for label, found in self.classes.items()
            },
            "unjudged": list(self.unjudged),
        }


@dataclass(frozen=True, slots=True)
class LabelJudge:
    """A trained classifier with its thresholds.

    Attributes:
        error: Its own, measured on real rows.
        config: What the job asks of it.
    """

    error: LabelError
    config: LabelCheck
    _names: tuple[str, ...] = field(repr=False)
    _thresholds: Floats = field(repr=False)
    _read: Reader | None = field(repr=False)

    @classmethod
    def train(
        cls, vectors: npt.NDArray[np.float32], labels: Sequence[str], *, seed: int, config: LabelCheck | None = None
    ) -> LabelJudge:
        """Train on real rows.

        Args:
            vectors: One unit row for each, shape (n, d).
            labels: Their classes.
            seed: For the folds.
            config: The job's check; None is the check with nothing set.
        """
        config = config or LabelCheck(check="label")
        names = tuple(sorted(set(labels)))
        if len(names) < 2:
            return cls._unable(labels, config)
        codes = encode_labels(labels, names)
        with one_thread():
            trainer = LogisticTrainer(vectors, codes, len(names))
            held_out = _held_out_probabilities(trainer, vectors, codes, len(names), seed)
            model = trainer.fit(np.arange(len(codes)), balanced_weights(codes, len(names)))
        judged = ~np.isnan(held_out[:, 0])
        temperature = _temperature(held_out[judged], codes[judged]) if judged.any() else 1.0

        def read(text: str, vector: Vector | None) -> Floats:
            if vector is None:
                raise ValueError("the label check needs the row's vector")
            row = np.asarray(vector, dtype=np.float32).reshape(1, -1)
            found: Floats = _cooled(model.probabilities(row).astype(np.float64), temperature)[0]
            return found

        return cls._measured(config, names, codes, _cooled(held_out, temperature), temperature, True, read)

    @classmethod
    def of_model(
        cls,
        model: BatchReader,
        names: Sequence[str],
        texts: Sequence[str],
        labels: Sequence[str],
        *,
        config: LabelCheck,
    ) -> LabelJudge:
        """Judge by a model of the user's; thresholds and error come from the real rows, which it may have seen.

        Args:
            model: From texts to probabilities, shape (n, len(names)).
            names: Its classes.
            texts: Real rows.
            labels: Their classes.
            config: The job's check.
        """
        every = tuple(sorted({*names, *labels}))
        columns = [every.index(name) for name in names]

        def probabilities(asked: Sequence[str]) -> Floats:
            found = np.zeros((len(asked), len(every)))
            found[:, columns] = model(asked)
            return found

        codes = encode_labels(labels, every)
        read: Reader = lambda text, vector: probabilities([text])[0]  # noqa: E731
        return cls._measured(config, every, codes, probabilities(texts), 1.0, False, read)

    @classmethod
    def _unable(cls, labels: Sequence[str], config: LabelCheck) -> LabelJudge:
        error = LabelError(None, None, 1.0, True, {}, tuple(sorted(set(labels))))
        return cls(error, config, (), np.empty(0), None)

    @classmethod
    def _measured(
        cls,
        config: LabelCheck,
        names: tuple[str, ...],
        codes: Codes,
        seen: Floats,
        temperature: float,
        is_held_out: bool,
        read: Reader,
    ) -> LabelJudge:
        """Thresholds and error from the probabilities of real rows (NaN for a row that was not held out)."""
        counts = np.bincount(codes, minlength=len(names))
        own = seen[np.arange(len(codes)), codes]
        enough = counts >= MIN_ROWS
        thresholds = np.array([np.nanmean(own[codes == c]) if enough[c] else np.inf for c in range(len(names))])
        unjudged = tuple(name for name, is_enough in zip(names, enough, strict=True) if not is_enough)
        judge = cls(LabelError(None, None, temperature, is_held_out, {}, unjudged), config, names, thresholds, read)
        places = np.flatnonzero(enough[codes])
        if enough.sum() < 2:
            return judge
        is_right = seen[places].argmax(axis=1) == codes[places]
        is_rejected = np.array([judge._is_other(seen[i], int(codes[i])) for i in places])
        classes = {
            names[c]: ClassError(
                int(counts[c]), *(float(v[codes[places] == c].mean()) for v in (is_right, own[places], is_rejected))
            )
            for c in np.flatnonzero(enough)
        }
        error = LabelError(
            round(float(is_right.mean()), 4),
            round(float(is_rejected.mean()), 4),
            round(temperature, 4),
            is_held_out,
            classes,
            unjudged,
        )
        return cls(error, config, names, thresholds, read)

    @property
    def held_out_accuracy(self) -> float | None:
        return self.error.accuracy

    @property
    def unjudged(self) -> frozenset[str]:
        return frozenset(self.error.unjudged)

    def judge(self, text: str, vector: Vector | None, label: str) -> tuple[Rejection | None, Mapping[str, Any]]:
        """Whether a row reads as `label`.

        Args:
            text: The row's text.
            vector: Its vector, shape (d,); None where the model reads texts.
            label: The class it was asked for.

        Returns:
            The objection or None, and what to keep with the row: the probability of its class, and `label` where it
            is `unsure` or `unjudged`.
        """
        if self._read is None or label not in self._names or label in self.error.unjudged:
            return self._doubtful(UNJUDGED, {})
        probabilities = self._read(text, vector)
        code = self._names.index(label)
        asked, best = round(float(probabilities[code]), 4), int(np.argmax(probabilities))
        evidence = {
            "predicted": self._names[best],
            "predicted_probability": round(float(probabilities[best]), 4),
            "asked_probability": asked,
        }
        if self._is_other(probabilities, code):
            return Rejection(Reason.LABEL, {**evidence, **self._stated()}), {}
        if best != code and self.config.min_probability is None:
            return self._doubtful(UNSURE, evidence)
        return None, {"label_probability": asked}

    def _is_other(self, probabilities: Floats, code: int) -> bool:
        """Whether a row is surely of another class, or not surely enough of its own where the job sets a bound."""
        if self.config.min_probability is not None:
            return round(float(probabilities[code]), 4) < self.config.min_probability
        sure = np.where(probabilities >= self._thresholds, probabilities, -1.0)
        best = int(np.argmax(sure))
        return bool(sure[best] >= 0 and best != code)

    def _doubtful(self, why: str, evidence: Mapping[str, Any]) -> tuple[Rejection | None, Mapping[str, Any]]:
        if self.config.when_unsure == "reject":
            return Rejection(Reason.LABEL, {"why": why, **evidence, **self._stated()}), {}
        kept: dict[str, Any] = {"label": why}
        if evidence:
            kept |= {"label_probability": evidence["asked_probability"], "label_predicted": evidence["predicted"]}
        if self.config.when_unsure == "review":
            kept["review"] = True
        return None, kept

    def _stated(self) -> dict[str, Any]:
        """What stands beside every verdict."""
        return {
            "min_probability": self.config.min_probability,
            "held_out_accuracy": self.error.accuracy,
            "wrongly_rejected_ratio": self.error.wrongly_rejected_ratio,
        }


def _held_out_probabilities(
    trainer: LogisticTrainer, vectors: npt.NDArray[np.float32], codes: Codes, classes: int, seed: int
) -> Floats:
    """Probabilities of each row by a classifier that did not see it; NaN for rows of classes with too few.

    Each class is dealt out to the folds evenly; rows of a class with too few are always trained on.
    """
    rng = np.random.default_rng([seed, 11])
    fold = np.full(len(codes), -1)
    for code, count in Counter(codes.tolist()).items():
        if count >= MIN_ROWS:
            fold[rng.permutation(np.flatnonzero(codes == code))] = np.arange(count) % FOLDS
    found = np.full((len(codes), classes), np.nan)
    for held in range(FOLDS):
        seen, unseen = np.flatnonzero(fold != held), np.flatnonzero(fold == held)
        if len(unseen) and len(np.unique(codes[seen])) > 1:
            found[unseen] = trainer.fit(seen, balanced_weights(codes[seen], classes)).probabilities(vectors[unseen])
    return found


def _temperature(probabilities: Floats, codes: Codes) -> float:
    """What to divide the scores by so that held-out rows are as probable as can be (Guo et al. 2017)."""
    from scipy.optimize import minimize_scalar

    rows = np.arange(len(codes))

    def loss(log_temperature: float) -> float:
        cooled = _cooled(probabilities, float(np.exp(log_temperature)))
        return float(-np.log(np.maximum(cooled[rows, codes], 1e-12)).mean())

    return round(float(np.exp(minimize_scalar(loss, bounds=(-2.5, 2.5), method="bounded").x)), 4)


def _cooled(probabilities: Floats, temperature: float) -> Floats:
    scores = np.log(np.maximum(probabilities, 1e-12)) / temperature
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(scores / scores.sum(axis=-1, keepdims=True), dtype=np.float64)
