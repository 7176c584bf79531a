"""Whether a candidate is new among the real, test and accepted rows: a cascade, cheap first.

Exact (equal normal forms), lexical (Jaccard overlap of character 3-grams), embedding (cosine). Two promises: no kept
pair at or above the threshold of any stage that is on, and every removed row names a kept or real row it duplicates at
or above it. What a cheap stage settles is never encoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from synthgen.dedup.contrast import is_contrast
from synthgen.dedup.exact import normalise_all
from synthgen.dedup.look_ahead import LookAhead
from synthgen.dedup.ngrams import GramOrder, Profiles
from synthgen.dedup.pool import BORDERLINE, Match, Pool, PoolRow, PoolRows, Stages, Vector
from synthgen.job import DuplicateCheck, LeakageCheck
from synthgen.records import Candidate, Nearest, Reason, Rejection, Row
from synthgen.text import normalise

RANKED_ROWS = 20_000
_OFF = Stages(None, None)


class NearMiss(NamedTuple):
    """The nearest row that one stage found below its threshold, within the margin.

    Attributes:
        gap: How far below.
        pool: `train`, `test` or `accepted`.
        id: The row's.
        similarity: The Jaccard overlap or the cosine.
        stage: `lexical` or `near`.
    """

    gap: float
    pool: str
    id: str
    similarity: float
    stage: str


class Comparison(NamedTuple):
    """What stands against a candidate.

    Attributes:
        rejection: The objection, or None.
        nearest: The nearest row by embedding, where one is close to the threshold or above it.
        contrast: The near row that differs from it in a negation or a number only, where such rows are kept.
        near_misses: Of each stage and pool that does not object.
    """

    rejection: Rejection | None = None
    nearest: Nearest | None = None
    contrast: Mapping[str, Any] | None = None
    near_misses: tuple[NearMiss, ...] = ()


_NEW = Comparison()
_STAGES = ("exact", "lexical", "near")
# Vectors of those candidates of a batch whose numbers are given, in that order.
Encode = Callable[[Sequence[int]], npt.NDArray[np.float16]]


class Deduplicator:
    """Compares candidates with three pools.

    `decide_each` decides a whole batch. Where other checks stand between the stages, its parts are called one by one:
    `judge_texts_each` and `judge_vectors_each` depend only on the real and test rows, so they may run early and in any
    order, in one thread; `judge_accepted` and `accept` must be called in slot order, and may be in another.

    Args:
        duplicate: The job's duplicate check, or None where duplicates are welcome.
        leakage: The job's leakage check, or None.
        dimensions: Length of the vectors, or None where nothing is encoded.
        ranked: Texts whose grams are ranked by rarity; decides nothing but speed.
        margin: How far below its threshold the embedding stage still finds the nearest row.
        lexical_margin: The same of the lexical stage.
    """

    def __init__(
        self,
        duplicate: DuplicateCheck | None,
        leakage: LeakageCheck | None,
        dimensions: int | None,
        ranked: Iterable[str] = (),
        *,
        margin: float = BORDERLINE,
        lexical_margin: float = 0.0,
    ) -> None:
        self._duplicate, self._leakage = duplicate, leakage
        repeats, leaks = (_stages(check, margin, lexical_margin) for check in (duplicate, leakage))
        static, growing = None, None
        if repeats.lexical is not None or leaks.lexical is not None:
            static = GramOrder(normalise_all(list(islice(ranked, RANKED_ROWS))))
            growing = deepcopy(static)  # two: they are used in two threads
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
            normalised_text, ahead, profile = self._normalised(candidate), self._look_ahead, None
            if ahead is not None:
                profile = ahead.profile_of(candidate.id)
                if not ahead.note_accepted(candidate.id, len(self._accepted)):
                    self._look_ahead = None
            self._accepted.add(row, normalised_text, vector, profile)

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

    def judge_texts_each(
        self, candidates: Sequence[Candidate], normalised: Sequence[str] | None = None
    ) -> list[Comparison]:
        """The cheap stages against the real and test rows: what they settle need not be encoded.

        Within a stage the test rows come first: a row that is near both is leakage.

        Args:
            candidates: Many at once are much quicker.
            normalised: Their normal forms, where they are known.
        """
        normalised = normalised or [normalise(candidate.text) for candidate in candidates]
        verdicts = [self._judge_form(*pair) for pair in zip(candidates, normalised, strict=True)]
        left = [number for number, verdict in enumerate(verdicts) if verdict.rejection is None]
        profiles = None
        for pool in self._static_pools() if left else ():
            # for both: they share their order
            profiles = profiles or pool.profiles([normalised[number] for number in left])
            for number, matches in zip(left, pool.lexical_each(profiles, len(left)), strict=True):
                if verdicts[number].rejection is None:
                    verdicts[number] = _first(pool, matches, "lexical", candidates[number])
        return verdicts

    def _judge_form(self, candidate: Candidate, normalised_text: str) -> Comparison:
        for pool in self._static_pools():
            if (found := pool.exact(normalised_text)) is not None:
                return Comparison(_rejection(pool, found, "exact", 1.0, candidate))
        return _NEW

    def judge_vectors(self, candidate: Candidate, vector: Vector | None) -> Comparison:
        """The embedding stage against the real and test rows."""
        return self.judge_vectors_each([candidate], [vector])[0]

    def judge_vectors_each(self, candidates: Sequence[Candidate], vectors: Sequence[Vector | None]) -> list[Comparison]:
        """As `judge_vectors`, for many at once: much quicker."""
        verdicts = [_NEW] * len(candidates)
        known = {number: vector for number, vector in enumerate(vectors) if vector is not None}
        for pool in self._static_pools():
            left = [number for number in known if verdicts[number].rejection is None]
            if not left:
                break
            found = pool.near_each(np.stack([known[number] for number in left]))
            for number, matches in zip(left, found, strict=True):
                nearest = _nearest(pool, matches) if pool is self._train else None
                verdict = _first(pool, matches, "near", candidates[number])
                verdicts[number] = verdict._replace(nearest=nearest)
        return verdicts

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
        ahead = self._expect(candidates, [normalise(candidate.text) for candidate in candidates])
        if vectors and self.compares_vectors:
            known = ((number, vectors[number]) for number in ahead.unsettled())
            ahead.search_vectors({number: vector for number, vector in known if vector is not None})

    def _expect(self, candidates: Sequence[Candidate], normalised: Sequence[str]) -> LookAhead:
        self._look_ahead = LookAhead(self._accepted, [candidate.id for candidate in candidates], normalised)
        return self._look_ahead

    def judge_accepted(self, candidate: Candidate, vector: Vector | None) -> Comparison:
        """All stages against everything accepted so far."""
        pool = self._accepted
        if self._duplicate is None or not len(pool):
            return _NEW
        normalised_text = self._normalised(candidate)
        if (found := pool.exact(normalised_text)) is not None:
            return Comparison(_rejection(pool, found, "exact", 1.0, candidate))
        expected = self._look_ahead.lexical(candidate.id) if self._look_ahead is not None else None
        matches = pool.lexical_each(pool.profiles([normalised_text]), 1)[0] if expected is None else expected
        lexical = _first(pool, matches, "lexical", candidate)
        if lexical.rejection is not None:
            return lexical
        expected = self._look_ahead.near(candidate.id) if self._look_ahead is not None else None
        matches = pool.near(vector) if expected is None else expected
        near = _first(pool, matches, "near", candidate)
        misses = lexical.near_misses + near.near_misses
        return Comparison(near.rejection, _nearest(pool, matches), lexical.contrast or near.contrast, misses)

    def _normalised(self, candidate: Candidate) -> str:
        known = self._look_ahead.normalised(candidate.id) if self._look_ahead is not None else None
        return normalise(candidate.text) if known is None else known

    def decide_each(self, candidates: Sequence[Candidate], encode: Encode | None) -> list[Comparison]:
        """Judge a batch and accept what is new, in its order, exactly as one row after the other.

        Of all pools the cheapest stage that objects is named, by its nearest row: real and test rows before accepted
        ones, and the earliest of equals.

        Args:
            candidates: Each with an id of its own.
            encode: Asked for the vectors of rows that no cheaper stage settles; None where embeddings do not count.
        """
        if not candidates:
            return []
        normalised = normalise_all([candidate.text for candidate in candidates])
        texts = self.judge_texts_each(candidates, normalised)
        ahead = self._expect(candidates, normalised)
        wanted = [number for number in ahead.unsettled() if texts[number].rejection is None]
        vectors = dict(zip(wanted, encode(wanted), strict=True)) if encode is not None and wanted else {}
        ahead.search_vectors(vectors)
        judged = self.judge_vectors_each([candidates[number] for number in vectors], list(vectors.values()))
        near = dict(zip(vectors, judged, strict=True))
        verdicts: list[Comparison] = []
        for number, candidate in enumerate(candidates):
            vector = vectors.get(number)
            parts = [texts[number], near.get(number, _NEW), self.judge_accepted(candidate, vector)]
            verdict = min((part for part in parts if part.rejection is not None), key=_cost, default=None)
            if verdict is None:
                self.accept(candidate, vector)
                verdict = Comparison(near_misses=tuple(miss for part in parts for miss in part.near_misses))
            verdicts.append(verdict)
        return verdicts

    def _static_pools(self) -> Iterator[Pool]:
        if self._leakage is not None and len(self._test):
            yield self._test
        if self._duplicate is not None and len(self._train):
            yield self._train


def _first(pool: Pool, matches: list[Match], stage: str, candidate: Candidate) -> Comparison:
    """The objection of the nearest row that is at or above the threshold and no mere contrast."""
    threshold = pool.stages.lexical if stage == "lexical" else pool.stages.cosine
    if not matches or threshold is None:
        return _NEW
    contrast = None
    for found in matches:
        row = pool.row(found.place)
        if found.similarity < threshold:
            miss = NearMiss(threshold - found.similarity, pool.name, row.id, found.similarity, stage)
            return Comparison(contrast=contrast, near_misses=(miss,))
        if not (pool.stages.keeps_contrast and is_contrast(normalise(candidate.text), normalise(row.text))):
            return Comparison(_rejection(pool, found, stage, threshold, candidate))
        contrast = contrast or {"pool": pool.name, "id": row.id, "similarity": found.similarity, "stage": stage}
    return Comparison(contrast=contrast)


def _stages(check: DuplicateCheck | LeakageCheck | None, margin: float, lexical_margin: float) -> Stages:
    if check is None:
        return _OFF
    keeps_contrast = isinstance(check, DuplicateCheck) and check.contrast == "keep"
    return Stages(check.lexical, check.threshold if check.near else None, keeps_contrast, margin, lexical_margin)


def _cost(verdict: Comparison) -> tuple[int, float]:
    """The cheaper stage first, then the nearer row."""
    assert verdict.rejection is not None
    evidence = verdict.rejection.evidence
    return _STAGES.index(evidence["stage"]), -evidence["similarity"]


def _nearest(pool: Pool, matches: list[Match]) -> Nearest | None:
    if not matches:
        return None
    return Nearest(pool.row(matches[0].place).id, round(matches[0].similarity, 4), pool.name)


def _rejection(pool: Pool, found: Match, stage: str, threshold: float, candidate: Candidate) -> Rejection:
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
    if pool.name == "test":
        return Rejection(Reason.LEAKAGE, evidence)
    repeat = Reason.EXACT_DUPLICATE if stage == "exact" else Reason.NEAR_DUPLICATE
    return Rejection(Reason.LABEL_CONFLICT if row.label != candidate.label else repeat, evidence)


def _fill(pool: Pool, rows: Sequence[Row], vectors: npt.NDArray[np.float16] | None) -> None:
    columns = PoolRows([row.id for row in rows], [row.label for row in rows], [row.text for row in rows])
    pool.add_all(columns, normalise_all(columns.texts), vectors)
    pool.settle()
