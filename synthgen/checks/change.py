"""How far a row is from the row it was made from: not the same again, and changed as much as was asked for.

`Unchanged` and `Change` look at words and character n-grams; `judge_similarity` at the vectors of both texts, which
somebody else makes. A row without a source (written, not rewritten) has nothing to be compared with and passes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from synthgen.checks.protocol import Setting
from synthgen.job.checks import CheckBlock
from synthgen.measure.edits import edit_ratio
from synthgen.records import Candidate, Reason, Rejection
from synthgen.text import char_ngrams, jaccard, normalise

Vector = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Band:
    """What a level means, bounds inclusive; None is no bound.

    Attributes:
        min_edit_ratio, max_edit_ratio: Word edits for each word of the longer text.
        min_overlap_ratio, max_overlap_ratio: Jaccard overlap of character 3-grams.
        min_similarity, max_similarity: Cosine of the two texts' vectors.
    """

    min_edit_ratio: float | None = None
    max_edit_ratio: float | None = None
    min_overlap_ratio: float | None = None
    max_overlap_ratio: float | None = None
    min_similarity: float | None = None
    max_similarity: float | None = None


class ChangeCheck(CheckBlock):
    """How far a row made from another one is from it. `level` names a band; bounds beside it replace the band's.

    Attributes:
        level: `low`, `moderate` or `high`: as little or as much as a paraphrase of that strength changes.
        min_edit_ratio, max_edit_ratio: Word edits (Levenshtein) for each word of the longer text.
        min_overlap_ratio, max_overlap_ratio: Jaccard overlap of character 3-grams.
        min_similarity, max_similarity: Cosine of the two texts' embeddings.
        near: Whether to look at embeddings at all.
    """

    check: Literal["change"]
    level: Literal["low", "moderate", "high"] | None = None
    min_edit_ratio: Annotated[float, Field(ge=0, le=1)] | None = None
    max_edit_ratio: Annotated[float, Field(ge=0, le=1)] | None = None
    min_overlap_ratio: Annotated[float, Field(ge=0, le=1)] | None = None
    max_overlap_ratio: Annotated[float, Field(ge=0, le=1)] | None = None
    min_similarity: Annotated[float, Field(ge=-1, le=1)] | None = None
    max_similarity: Annotated[float, Field(ge=-1, le=1)] | None = None
    near: bool = True

    @model_validator(mode="after")
    def _says_how_far(self) -> ChangeCheck:
        bounds = [
            (name, getattr(self, f"min_{name}"), getattr(self, f"max_{name}"))
            for name in ("edit_ratio", "overlap_ratio", "similarity")
        ]
        if self.level is None and all(least is None and most is None for _, least, most in bounds):
            raise PydanticCustomError("change", "write `level: low`, `moderate` or `high`, or bounds of your own")
        for name, least, most in bounds:
            if least is not None and most is not None and least > most:
                raise PydanticCustomError("change", "min_{name} is above max_{name}: no row can pass", {"name": name})
        return self

    def build(self, setting: Setting) -> Change:
        return Change(self)


# A third and two thirds of the words, so that no row fits two levels: 0.34 and 0.67 are no ratio of fewer than fifty
# words. Measured on banking77 and msbot_lu (bench/paraphrase.py, 2026-11-21): one typo, word or politeness lies below
# the first cut in 95 of 100 texts; customers who say the same differently change a median of 0.62 to 0.71 of the words.
# Reordered copies change as many words and keep their character n-grams (overlap 0.93 and more; real paraphrases 0.71
# and less). Similarity tells another subject (0.52 or less in 95 of 100 pairs), hardly another message on the same
# subject; at `low` one typo costs up to 0.3 of it.
LEVELS: Mapping[str, Band] = {
    "low": Band(max_edit_ratio=0.34, min_similarity=0.75),
    "moderate": Band(min_edit_ratio=0.34, max_edit_ratio=0.67, min_similarity=0.75),
    "high": Band(min_edit_ratio=0.67, max_overlap_ratio=0.7, min_similarity=0.7),
}


def band_of(config: ChangeCheck) -> Band:
    """The bounds of a check: its level's, each replaced by its own where it has one."""
    level = LEVELS[config.level] if config.level is not None else Band()
    own = {name: getattr(config, name) for name in Band.__slots__}
    return Band(**{name: getattr(level, name) if value is None else value for name, value in own.items()})


class UnchangedCheck(CheckBlock):
    """A row made from another one is that one again: equal normal forms."""

    check: Literal["unchanged"]

    def build(self, setting: Setting) -> Unchanged:
        return Unchanged()


class Unchanged:
    """Rejects a row that is its source again: equal normal forms (case, quotes and punctuation do not count)."""

    name = "unchanged"
    cost = 20

    def judge(self, candidate: Candidate) -> Rejection | None:
        if not candidate.source_text or normalise(candidate.text) != normalise(candidate.source_text):
            return None
        return Rejection(Reason.UNCHANGED, {"source": candidate.source_text})


class Change:
    """Rejects a row that is nearer to its source, or further from it, than was asked for: by words and character
    n-grams."""

    name = "change"
    cost = 80

    def __init__(self, config: ChangeCheck) -> None:
        self._band, self._level = band_of(config), config.level

    def judge(self, candidate: Candidate) -> Rejection | None:
        if not candidate.source_text:
            return None
        figures = _figures(candidate.text, candidate.source_text)
        broken = next(filter(None, (self._broken(name, value) for name, value in figures.items())), None)
        return None if broken is None else _outside(figures, broken, self._level, candidate.source_text)

    def _broken(self, name: str, value: float) -> dict[str, float] | None:
        return _broken(name, value, getattr(self._band, f"min_{name}"), getattr(self._band, f"max_{name}"))

    def measure(self, candidate: Candidate) -> Mapping[str, Any]:
        """What is kept of an accepted row: the share of edited words, and of shared character 3-grams."""
        return dict(_figures(candidate.text, candidate.source_text)) if candidate.source_text else {}


def judge_similarity(
    vector: Vector, source_vector: Vector, config: ChangeCheck, *, source_text: str
) -> tuple[Rejection | None, Mapping[str, Any]]:
    """Whether a row means as nearly the same as its source as was asked for, and the figure to keep.

    Args:
        vector: The row's, of length 1 but for rounding.
        source_vector: That of the text it was made from, by the same encoder.
        config: The check.
        source_text: For the evidence.
    """
    band = band_of(config)
    cosine = float(np.dot(vector.astype(np.float64), source_vector.astype(np.float64)))
    figures = {"similarity_to_source": round(cosine, 4)}
    broken = _broken("similarity", cosine, band.min_similarity, band.max_similarity)
    return (None if broken is None else _outside(figures, broken, config.level, source_text)), figures


def needs_vectors(config: ChangeCheck) -> bool:
    """Whether a check has a bound on the similarity to the source and is to look at embeddings."""
    band = band_of(config)
    return config.near and not (band.min_similarity is None and band.max_similarity is None)


@lru_cache(maxsize=64)
def _figures(text: str, source: str) -> Mapping[str, float]:
    """Looked at when a row is judged and again when it is kept."""
    overlap = jaccard(char_ngrams(text), char_ngrams(source))
    return {"edit_ratio": round(edit_ratio(text, source), 4), "overlap_ratio": round(overlap, 4)}


def _broken(name: str, value: float, least: float | None, most: float | None) -> dict[str, float] | None:
    """The bound that a figure breaks, by name."""
    if least is not None and value < least:
        return {f"min_{name}": least}
    return {f"max_{name}": most} if most is not None and value > most else None


def _outside(
    figures: Mapping[str, float], broken: Mapping[str, float], level: str | None, source_text: str
) -> Rejection:
    asked = {"level": level} if level is not None else {}
    return Rejection(Reason.CHANGE, {**figures, **broken, **asked, "source": source_text})
