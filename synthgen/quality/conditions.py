"""What each condition of an evaluation trains on: places in one list of texts, drawn again for each seed.

A seed leaves out a tenth of the real rows of each class, the same for every condition, so that a verdict does not hang
on a few real rows; and draws which synthetic rows a ratio takes, each larger ratio adding to the smaller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, inf

import numpy as np
import numpy.typing as npt

from synthgen.measure.classification import Codes, Floats
from synthgen.measure.logistic import balanced_weights

KEPT_RATIO = 0.9
Places = npt.NDArray[np.int64]

BASELINE, CLASS_WEIGHTS, OVERSAMPLING, EDA = "baseline", "class_weights", "oversampling", "eda"
ALL = inf


@dataclass(frozen=True, slots=True)
class Corpus:
    """Every text of an evaluation in one list.

    Attributes:
        texts: Real rows, then synthetic, then changed copies of real ones, then test rows.
        codes: Class code of each.
        names: Class by code.
        real, synthetic, eda, test: Their places.
    """

    texts: Sequence[str]
    codes: Codes
    names: Sequence[str]
    real: Places
    synthetic: Places
    eda: Places
    test: Places

    def by_class(self, places: Places) -> dict[int, Places]:
        """Places of each class, in order."""
        return {code: places[self.codes[places] == code] for code in np.unique(self.codes[places]).tolist()}


@dataclass(frozen=True, slots=True)
class Condition:
    """What one classifier is trained on: places, and a weight for each or None."""

    places: Places
    weights: Floats | None = None


class Drawing:
    """The conditions of one seed.

    Args:
        corpus: The texts.
        seed: Which drawing.
        held_out: Real rows that no condition may see.
    """

    def __init__(self, corpus: Corpus, seed: int, *, held_out: Places | None = None) -> None:
        self._corpus = corpus
        rng = np.random.default_rng([seed, 1])
        open_to = corpus.real if held_out is None else np.setdiff1d(corpus.real, held_out)
        self._real = {
            code: np.sort(rng.permutation(places)[: ceil(KEPT_RATIO * len(places))])
            for code, places in corpus.by_class(open_to).items()
        }
        self._real_counts = {code: len(places) for code, places in corpus.by_class(corpus.real).items()}
        self._synthetic = {code: rng.permutation(places) for code, places in corpus.by_class(corpus.synthetic).items()}
        self._eda = corpus.by_class(corpus.eda)
        self._rng = rng

    @property
    def real(self) -> Places:
        return _together(self._real)

    def baseline(self) -> Condition:
        """The real rows only."""
        return Condition(self.real)

    def mixed(self, ratio: float) -> Condition:
        """Real rows with up to `ratio` synthetic rows for each real one of the class; all of a class without any."""
        taken = {
            code: places[: rows_taken(ratio, self._real_counts.get(code, 0), len(places))]
            for code, places in self._synthetic.items()
        }
        return Condition(np.concatenate([self.real, _together(taken)]))

    def class_weights(self) -> Condition:
        """Real rows, each class weighing as much."""
        codes = self._corpus.codes[self.real]
        return Condition(self.real, balanced_weights(codes, len(self._corpus.names)))

    def oversampled(self) -> Condition:
        """Real rows, those of a class drawn again as often as it has synthetic rows."""
        again = {
            code: self._rng.choice(self._real[code], size=len(places))
            for code, places in self._synthetic.items()
            if len(self._real.get(code, ()))
        }
        return Condition(np.concatenate([self.real, _together(again)]))

    def scrambled(self) -> Condition:
        """Real rows with changed copies."""
        return Condition(np.concatenate([self.real, _together(self._eda)]))


def rows_taken(ratio: float, real: int, synthetic: int) -> int:
    """How many synthetic rows of a class a ratio takes."""
    return synthetic if ratio == ALL or real == 0 else min(synthetic, ceil(ratio * real))


def _together(by_class: Mapping[int, Places]) -> Places:
    return np.concatenate([*by_class.values(), np.empty(0, dtype=np.int64)]).astype(np.int64)
