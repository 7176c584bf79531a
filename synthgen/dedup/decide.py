"""Whether a candidate is new among the real, test and accepted rows: a cascade, cheap first.

Exact (equal normal forms), lexical (Jaccard overlap of character 3-grams), embedding (cosine). Two promises: no kept
pair at or above the threshold of any stage that is on, and every removed row names a kept or real row it duplicates at
or above it. What a cheap stage settles is never encoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from synthgen.dedup.contrast import is_contrast
from synthgen.dedup.look_ahead import LookAhead
from synthgen.dedup.ngrams.grams import GramOrder, Profiles
from synthgen.dedup.normalised import normalise_all
from synthgen.dedup.pool import Match, Pool, PoolRow, PoolRows, Stages, Vector
from synthgen.job import DuplicateCheck, LeakageCheck
from synthgen.records import Candidate, Nearest, Reason, Rejection, Row
from synthgen.text import normalise

RANKED_ROWS = 20_000
_OFF = Stages(None, None)


class Comparison(NamedTuple):
    """What stands against a candidate.

    Attributes:
        rejection: The objection, or None.
        nearest: The nearest row by embedding, where one is close to the threshold or above it.
        contrast: The near row that differs from it in a negation or a number only, where such rows are kept.
    """

    rejection: Rejection | None = None
    nearest: Nearest | None = None
    contrast: Mapping[str, Any] | None = None


ReasonOf = Callable[[bool, bool], Reason]


class Deduplicator:
    """Compares candidates with three pools.

    `judge_texts` and `judge_vectors` depend only on the real and test rows, so they may run early and in any order, in
    one thread; `judge_accepted` and `accept` must be called in slot order, and may be in another.

    Args:
        duplicate: The job's duplicate check, or None where duplicates are welcome.
        leakage: The job's leakage check, or None.
        dimensions: Length of the vectors, or None where nothing is encoded.
        ranked: Texts whose grams are ranked by rarity; decides nothing but speed.
    """

    def __init__(
        self,
        duplicate: DuplicateCheck | None,
        leakage: LeakageCheck | None,
        dimensions: int | None,
        ranked: Iterable[str] = (),
    ) -> None:
        self._duplicate, self._leakage = duplicate, leakage
        self._keeps_contrast = duplicate is not None and duplicate.contrast == "keep"
        repeats, leaks = _stages(duplicate), _stages(leakage)
        has_grams = repeats.lexical is not None or leaks.lexical is not None
        static, growing = None, None
        if has_grams:
            normalised = [normalise(text) for text in islice(ranked, RANKED_ROWS)]
            static, growing = GramOrder(normalised), GramOrder(normalised)  # two: they are used in two threads
        is_exact_only = duplicate is not None and duplicate.real == "exact"
        self._train = Pool("train", _OFF if is_exact_only else repeats, dimensions, static)
        self._accepted = Pool("accepted", repeats, dimensions, growing)
        self._test = Pool("test", leaks, dimensions, static)
        self._look_ahead: LookAhead | None = None

    @property
    def nearest_from(self) -> float:
        """The cosine from which on a verdict names the nearest row."""
        return self._accepted.nearest_from

    def add_real(self, rows: Sequence[Row], vectors: npt.NDArray[np.float16] | None) -> None:
        """Real training rows, with a vector each where near duplicates count."""
        _fill(self._train, rows, vectors)

    def add_test(self, rows: Sequence[Row], vectors: npt.NDArray[np.float16] | None) -> None:
        """Real test rows, likewise."""
        _fill(self._test, rows, vectors)

    def accept(self, candidate: Candidate, vector: Vector | None) -> None:
        """Later candidates are compared with this one too."""
        if self._duplicate is not None:
            row = PoolRow(candidate.id, candidate.label, candidate.text)
            ahead, profiles = self._look_ahead, None
            if ahead is not None:
                profiles = ahead.profiles_of(candidate.id)
                if not ahead.note_accepted(candidate.id, len(self._accepted)):
                    self._look_ahead = None
            self._accepted.add(row, normalise(candidate.text), vector, profiles)

    @property
    def compares_vectors(self) -> bool:
        """Whether `accept_vectors` is waited for."""
        return self._duplicate is not None and self._accepted.compares_vectors

    def accept_vectors(self, vectors: npt.NDArray[np.float16]) -> None:
        """One part of accepting many rows at once, as the journal has them: much quicker than `accept`. The parts may
        run in four threads; `settle` after the last of all.

        Args:
            vectors: In the order of acceptance, shape (n, dimensions).
        """
        if self._duplicate is not None:
            self._accepted.load_vectors(vectors)

    def settle_vectors(self) -> None:
        """Make them ready, in the thread that accepted them."""
        self._accepted.settle_vectors()

    def accept_texts(self, rows: PoolRows) -> list[str]:
        """Another part: rows in the same order. What it gives back is for `ngrams`."""
        if self._duplicate is None:
            return []
        self._look_ahead = None
        normalised = normalise_all(rows.texts)
        self._accepted.load_texts(rows, normalised)
        return normalised

    def ngrams(self, normalised: Sequence[str]) -> Profiles | None:
        """The third part: the grams of what `accept_texts` gave back, in the same order, where they count."""
        return self._accepted.profiles(normalised)

    def accept_ngrams(self, profiles: Profiles | None) -> None:
        """The fourth part: what `ngrams` gave back, in the same order."""
        self._accepted.load_ngrams(profiles)

    def settle_ngrams(self) -> None:
        """Make them ready, in the thread that accepted them."""
        self._accepted.settle_ngrams()

    def settle(self) -> None:
        """Make ready what was accepted, rather than when the next row is judged."""
        self._accepted.settle()

    def judge_texts(self, candidate: Candidate) -> Comparison:
        """The cheap stages against the real and test rows: what they settle need not be encoded.

        Within a stage the test rows come first: a row that is near both is leakage.
        """
        return self.judge_texts_each([candidate])[0]

    def judge_texts_each(self, candidates: Sequence[Candidate]) -> list[Comparison]:
        """As `judge_texts`, for many at once: much quicker."""
        normalised = [normalise(candidate.text) for candidate in candidates]
        verdicts = [self._judge_form(*pair) for pair in zip(candidates, normalised, strict=True)]
        profiles = None
        left = [place for place, verdict in enumerate(verdicts) if verdict.rejection is None]
        for pool, reason in self._static_pools() if left else ():
            profiles = profiles or pool.profiles(
                [normalised[place] for place in left]
            )  # for both: they share their order
            for place, matches in zip(left, pool.lexical_each(profiles, len(left)), strict=True):
                before = verdicts[place]
                if before.rejection is None:
                    found = self._first(pool, matches, "lexical", pool.stages.lexical, candidates[place], reason)
                    verdicts[place] = (
                        found if found.rejection else Comparison(contrast=before.contrast or found.contrast)
                    )
        return verdicts

    def _judge_form(self, candidate: Candidate, normalised_text: str) -> Comparison:
        for pool, reason in self._static_pools():
            if (found := pool.exact(normalised_text)) is not None:
                return Comparison(_rejection(pool, found, "exact", 1.0, candidate, reason))
        return Comparison()

    def judge_vectors(self, candidate: Candidate, vector: Vector | None) -> Comparison:
        """The embedding stage against the real and test rows."""
        nearest, contrast = None, None
        for pool, reason in self._static_pools():
            matches = pool.near(vector)
            verdict = self._first(pool, matches, "near", pool.stages.cosine, candidate, reason)
            if pool is self._train:
                nearest = _nearest(pool, matches)
            if verdict.rejection is not None:
                return verdict._replace(nearest=nearest)
            contrast = contrast or verdict.contrast
        return Comparison(None, nearest, contrast)

    @property
    def searches(self) -> bool:
        """Whether `look_ahead` saves anything."""
        return self._duplicate is not None and (self._accepted.stages.lexical is not None or self.compares_vectors)

    @property
    def accepted_rows(self) -> int:
        """How many rows there are to search."""
        return len(self._accepted)

    def look_ahead(self, candidates: Sequence[Candidate], vectors: Sequence[Vector | None] = ()) -> None:
        """Search for candidates that are about to be judged among the accepted rows, in this order.

        Decides nothing: what comes in another order, or is not among them, is searched for when it comes.

        Args:
            candidates: Whom.
            vectors: One for each, or none at all; character n-grams alone are searched by then.
        """
        normalised = [normalise(candidate.text) for candidate in candidates]
        self._look_ahead = LookAhead(self._accepted, [candidate.id for candidate in candidates], normalised, vectors)

    def judge_accepted(self, candidate: Candidate, vector: Vector | None) -> Comparison:
        """All stages against everything accepted so far."""
        pool = self._accepted
        if self._duplicate is None or not len(pool):
            return Comparison()
        normalised_text = normalise(candidate.text)
        if (found := pool.exact(normalised_text)) is not None:
            return Comparison(_rejection(pool, found, "exact", 1.0, candidate, _repeats))
        expected = self._look_ahead.lexical(candidate.id) if self._look_ahead is not None else None
        matches = pool.lexical_each(pool.profiles([normalised_text]), 1)[0] if expected is None else expected
        lexical = self._first(pool, matches, "lexical", pool.stages.lexical, candidate, _repeats)
        if lexical.rejection is not None:
            return lexical
        expected = self._look_ahead.near(candidate.id) if self._look_ahead is not None else None
        matches = pool.near(vector) if expected is None else expected
        near = self._first(pool, matches, "near", pool.stages.cosine, candidate, _repeats)
        return near._replace(nearest=_nearest(pool, matches), contrast=lexical.contrast or near.contrast)

    def _static_pools(self) -> Iterator[tuple[Pool, ReasonOf]]:
        if self._leakage is not None and len(self._test):
            yield self._test, _leaks
        if self._duplicate is not None and len(self._train):
            yield self._train, _repeats

    def _first(
        self, pool: Pool, matches: list[Match], stage: str, threshold: float | None, candidate: Candidate,
        reason: ReasonOf,
    ) -> Comparison:  # fmt: skip
        """The objection of the nearest row that is at or above the threshold and no mere contrast."""
        contrast = None
        for found in matches:
            if threshold is None or found.similarity < threshold:
                break
            row = pool.row(found.place)
            if not (self._keeps_contrast and reason is _repeats and _is_contrast(candidate.text, row.text)):
                return Comparison(_rejection(pool, found, stage, threshold, candidate, reason))
            contrast = contrast or {"pool": pool.name, "id": row.id, "similarity": found.similarity, "stage": stage}
        return Comparison(contrast=contrast)


def _stages(check: DuplicateCheck | LeakageCheck | None) -> Stages:
    if check is None:
        return _OFF
    finds_all = isinstance(check, DuplicateCheck) and check.contrast is not None
    return Stages(check.lexical, check.threshold if check.near else None, finds_all)


def _is_contrast(one: str, other: str) -> bool:
    return is_contrast(normalise(one), normalise(other))


def _leaks(is_exact: bool, is_other_label: bool) -> Reason:
    return Reason.LEAKAGE


def _repeats(is_exact: bool, is_other_label: bool) -> Reason:
    if is_other_label:
        return Reason.LABEL_CONFLICT
    return Reason.EXACT_DUPLICATE if is_exact else Reason.NEAR_DUPLICATE


def _nearest(pool: Pool, matches: list[Match]) -> Nearest | None:
    if not matches:
        return None
    return Nearest(pool.row(matches[0].place).id, round(matches[0].similarity, 4), pool.name)


def _rejection(
    pool: Pool, found: Match, stage: str, threshold: float, candidate: Candidate, reason: ReasonOf
) -> Rejection:
    row = pool.row(found.place)
    evidence = {
        "pool": "seeds" if pool.name == "train" and row.id in candidate.seeds else pool.name,
        "id": row.id,
        "label": row.label,
        "text": row.text,
        "similarity": found.similarity,
        "stage": stage,
        "threshold": threshold,
    }
    return Rejection(reason(stage == "exact", row.label != candidate.label), evidence)


def _fill(pool: Pool, rows: Sequence[Row], vectors: npt.NDArray[np.float16] | None) -> None:
    columns = PoolRows([row.id for row in rows], [row.label for row in rows], [row.text for row in rows])
    pool.add_all(columns, normalise_all(columns.texts), vectors)
    pool.settle()
