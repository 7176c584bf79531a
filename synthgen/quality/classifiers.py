"""What evaluates the rows: a classifier prepared once with every text, then trained on many choices of them.

Three kinds: logistic regression on embeddings, on TF-IDF, and the user's own function. Each is handed places in one
list of texts, so that nothing is encoded twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from synthgen.data.models import load_object
from synthgen.errors import JobError
from synthgen.measure.classification import Codes, Floats
from synthgen.measure.logistic import STRENGTH, LogisticTrainer, encode_labels
from synthgen.quality.vectors import TextVectors

Places = npt.NDArray[np.int64]
_MAX_STEPS = 300
_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class Predictions:
    """Class codes of the test rows, and the probability of each, or None where the classifier gives none."""

    codes: Codes
    confidence: Floats | None


class Classifier(Protocol):
    """Trains on some texts and reads others."""

    @property
    def takes_weights(self) -> bool:
        """Whether rows can weigh differently."""
        ...

    def predict(self, places: Places, codes: Codes, weights: Floats | None, read: Places, *, seed: int) -> Predictions:
        """Train on the texts at `places` (with their codes and weights) and read those at `read`."""
        ...


class EmbeddingClassifier:
    """Logistic regression on embeddings.

    Args:
        vectors: Of every text, shape (n, d).
        codes: Class code of every text.
        trained: Places of the texts that may be trained on.
    """

    takes_weights = True

    def __init__(self, vectors: npt.NDArray[np.float32], codes: Codes, trained: Places) -> None:
        self._vectors = vectors
        self._place = np.full(len(vectors), -1, dtype=np.int64)
        self._place[trained] = np.arange(len(trained))
        self._taught, compact = np.unique(codes[trained], return_inverse=True)
        self._trainer = LogisticTrainer(vectors[trained], compact, len(self._taught))

    def predict(self, places: Places, codes: Codes, weights: Floats | None, read: Places, *, seed: int) -> Predictions:
        model = self._trainer.fit(self._place[places], weights)
        found = _most_probable(model.probabilities(self._vectors[read]))
        return Predictions(self._taught[found.codes], found.confidence)


class TfidfClassifier:
    """Logistic regression on TF-IDF of words and word pairs; weighted by the rows trained on."""

    takes_weights = True

    def __init__(self, texts: Sequence[str], classes: int) -> None:
        from sklearn.feature_extraction.text import CountVectorizer

        self._classes = classes
        try:
            self._counts: Any = CountVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b").fit_transform(texts)
        except ValueError as error:
            raise JobError(f"--classifier tfidf: {error}", hint="use --classifier embeddings") from None

    def predict(self, places: Places, codes: Codes, weights: Floats | None, read: Places, *, seed: int) -> Predictions:
        from sklearn.feature_extraction.text import TfidfTransformer
        from sklearn.linear_model import LogisticRegression

        seen = self._counts[places]
        used = np.flatnonzero(seen.getnnz(axis=0))
        scale = TfidfTransformer(sublinear_tf=True).fit(seen[:, used])
        present = np.unique(codes)
        if len(present) < 2:
            return Predictions(np.full(len(read), present[0]), np.ones(len(read)))
        model = LogisticRegression(C=STRENGTH, tol=_TOLERANCE, max_iter=_MAX_STEPS)
        model.fit(scale.transform(seen[:, used]), codes, sample_weight=weights)
        probabilities = model.predict_proba(scale.transform(self._counts[read][:, used]))
        found = _most_probable(probabilities)
        return Predictions(model.classes_[found.codes].astype(np.int64), found.confidence)


class OwnClassifier:
    """The user's `module:function(train_texts, train_labels, test_texts, seed)`.

    It returns the labels read, one for each test text, or a pair of these and their probabilities.
    """

    takes_weights = False

    def __init__(self, reference: str, texts: Sequence[str], names: Sequence[str]) -> None:
        self._reference, self._texts, self._names = reference, texts, names
        self._function: Callable[..., Any] = load_object(reference, base=Path.cwd(), field="--classifier")
        if not callable(self._function):
            raise JobError(f"--classifier {reference}: is not a function")

    def predict(self, places: Places, codes: Codes, weights: Floats | None, read: Places, *, seed: int) -> Predictions:
        train = [self._texts[i] for i in places]
        asked = [self._texts[i] for i in read]
        try:
            said = self._function(train, [self._names[c] for c in codes], asked, seed)
        except Exception as error:  # the user's code: whatever it raises is theirs to read
            raise JobError(f"--classifier {self._reference}: {type(error).__name__}: {error}") from None
        labels, confidence = said if isinstance(said, tuple) and len(said) == 2 else (said, None)
        labels = [str(label) for label in labels]
        unknown = sorted(set(labels) - set(self._names))
        if len(labels) != len(asked) or unknown:
            wrong = f"unknown labels {', '.join(unknown[:3])}" if unknown else f"{len(labels)} labels"
            raise JobError(f"--classifier {self._reference}: returned {wrong} for {len(asked)} texts")
        return Predictions(
            encode_labels(labels, self._names), None if confidence is None else np.asarray(confidence, dtype=np.float64)
        )


def open_classifier(
    name: str, texts: Sequence[str], codes: Codes, names: Sequence[str], trained: Places, vectors: TextVectors
) -> Classifier:
    """The classifier of that name, ready to be trained.

    Args:
        name: `embeddings`, `tfidf` or `module:function`.
        texts: Every text, those to train on and those to read.
        codes: Class code of each.
        names: Class by code.
        trained: Places of the texts that may be trained on.
        vectors: Encodes, where embeddings are asked for.

    Raises:
        JobError: There is none, or it cannot be opened.
    """
    if name == "embeddings":
        return EmbeddingClassifier(vectors.of(texts), codes, trained)
    if name == "tfidf":
        return TfidfClassifier(texts, len(names))
    if ":" in name:
        return OwnClassifier(name, texts, names)
    raise JobError(f"--classifier {name}: no such classifier", hint="embeddings, tfidf, or module:function of your own")


def _most_probable(probabilities: npt.NDArray[Any]) -> Predictions:
    codes = probabilities.argmax(axis=1)
    return Predictions(codes.astype(np.int64), probabilities[np.arange(len(codes)), codes].astype(np.float64))
