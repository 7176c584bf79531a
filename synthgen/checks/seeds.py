"""Copies of the rows the prompt itself showed."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Literal

from pydantic import Field

from synthgen.checks.protocol import Setting
from synthgen.job.checks import CheckBlock
from synthgen.records import Candidate, Reason, Rejection
from synthgen.text import form_ngrams, jaccard, normalise

_MIN_CONTAINED_CHARS = 20
_ROUNDING = 1e-9


class CopiedSeedCheck(CheckBlock):
    """Nearly one of the rows shown in its own prompt.

    Attributes:
        max_overlap_ratio: Jaccard overlap of character 3-grams at or above which it is a copy.
    """

    check: Literal["copied_seed"]
    max_overlap_ratio: Annotated[float, Field(gt=0, le=1)] = 0.8

    def build(self, setting: Setting) -> CopiedSeed:
        return CopiedSeed(self.max_overlap_ratio)


class CopiedSeed:
    """The text is nearly one of its own seeds, or holds one whole.

    Args:
        max_overlap_ratio: Jaccard overlap of character 3-grams at or above which it is a copy.
    """

    name = "copied_seed"
    cost = 90

    def __init__(self, max_overlap_ratio: float) -> None:
        self._max_overlap_ratio = max_overlap_ratio

    def judge(self, candidate: Candidate) -> Rejection | None:
        form = normalise(candidate.text)
        padded = f" {form} "
        most_grams = max(1, len(padded) - 2) + _ROUNDING
        grams: frozenset[str] | None = None
        for seed_id, seed in zip(candidate.seeds, candidate.seed_texts, strict=True):
            seed_form, seed_grams = _seed(seed)
            overlap = 0.0
            is_long_enough = most_grams >= self._max_overlap_ratio * len(seed_grams)
            if is_long_enough and self._may_overlap(padded, seed_grams):
                grams = grams or form_ngrams(form)
                overlap = jaccard(grams, seed_grams)
            holds_it = len(seed_form) >= _MIN_CONTAINED_CHARS and f" {seed_form} " in padded
            if holds_it or overlap >= self._max_overlap_ratio:
                evidence = {"id": seed_id, "text": seed, "overlap_ratio": round(overlap, 4), "contains_seed": holds_it}
                return Rejection(Reason.COPIED_SEED, {**evidence, "max_overlap_ratio": self._max_overlap_ratio})
        return None

    def _may_overlap(self, padded: str, seed_grams: frozenset[str]) -> bool:
        """Whether enough of the seed's n-grams stand in the text: where too many of them miss, no overlap can do."""
        may_miss = len(seed_grams) * (1 - self._max_overlap_ratio) + _ROUNDING
        for gram in seed_grams:
            if gram not in padded:
                may_miss -= 1
                if may_miss < 0:
                    return False
        return True


@lru_cache(maxsize=4096)
def _seed(text: str) -> tuple[str, frozenset[str]]:
    """Normal form and n-grams of a seed: the same few rows are shown again and again."""
    form = normalise(text)
    return form, form_ngrams(form)
