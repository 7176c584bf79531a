"""Does a row read as the class it was asked for? A classifier trained on the real rows only.

Logistic regression on the embeddings the dedup made anyway. Its own error on held-out real rows stands beside every
verdict; classes with too few real rows are said to be unjudged, never silently passed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from synthgen.records import Reason, Rejection

LEAST_ROWS = 5
FOLDS = 5
_MAX_ITERATIONS = 1000
_STRENGTH = 10.0


@dataclass(frozen=True, slots=True)
class LabelJudge:
    """A trained classifier.

    Attributes:
        held_out_accuracy: Share of real rows it reads right when they are held out, or None where that cannot be
            measured (fewer than two classes with five rows).
        unjudged: Classes with fewer than five real rows.
    """

    held_out_accuracy: float | None
    unjudged: frozenset[str]
    _model: Any = field(repr=False)

    @classmethod
    def train(cls, vectors: npt.NDArray[np.float32], labels: Sequence[str], *, seed: int) -> LabelJudge:
        """Train on real rows.

        Args:
            vectors: One unit row for each, shape (n, d).
            labels: Their classes.
            seed: For the folds.
        """
        counts = Counter(labels)
        unjudged = frozenset(label for label, count in counts.items() if count < LEAST_ROWS)
        if len(counts) < 2:
            return cls(None, frozenset(counts), None)
        model = _classifier().fit(vectors, list(labels))
        return cls(_held_out_accuracy(vectors, labels, unjudged, seed), unjudged, model)

    def judge(
        self, vector: npt.NDArray[Any], label: str, *, min_probability: float | None
    ) -> tuple[Rejection | None, Mapping[str, Any]]:
        """Whether a row reads as `label`.

        Args:
            vector: The row's vector, shape (d,).
            label: The class it was asked for.
            min_probability: Least probability of that class; None asks only that it be the most probable one.

        Returns:
            The objection or None, and what to keep with the row: the probability of its class.
        """
        if self._model is None or label in self.unjudged or label not in self._model.classes_:
            return None, {"label": "unjudged"}
        probabilities = self._model.predict_proba(vector.astype(np.float32).reshape(1, -1))[0]
        classes = list(self._model.classes_)
        asked = round(float(probabilities[classes.index(label)]), 4)
        best = int(np.argmax(probabilities))
        is_fine = asked >= min_probability if min_probability is not None else classes[best] == label
        if is_fine:
            return None, {"label_probability": asked}
        evidence = {
            "predicted": str(classes[best]),
            "predicted_probability": round(float(probabilities[best]), 4),
            "asked_probability": asked,
            "min_probability": min_probability,
            "held_out_accuracy": self.held_out_accuracy,
        }
        return Rejection(Reason.LABEL, evidence), {}


def _classifier() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=_STRENGTH, max_iter=_MAX_ITERATIONS, class_weight="balanced")


def _held_out_accuracy(
    vectors: npt.NDArray[np.float32], labels: Sequence[str], unjudged: frozenset[str], seed: int
) -> float | None:
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    judged = np.array([label not in unjudged for label in labels])
    kept = np.asarray(labels)[judged]
    if len(set(kept)) < 2:
        return None
    folds = StratifiedKFold(n_splits=FOLDS, shuffle=True, random_state=seed)
    predicted = cross_val_predict(_classifier(), vectors[judged], kept, cv=folds)
    return round(float(np.mean(predicted == kept)), 4)
