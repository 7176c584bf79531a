"""Near-duplicates out of rows that nobody generated here: the decider of a run, over a list of texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from synthgen.dedup import Deduplicator
from synthgen.encoders import Encoder, open_encoder
from synthgen.errors import JobError
from synthgen.job import DuplicateCheck
from synthgen.records import Candidate, Row

BATCH_ROWS = 1024
BORDERLINE = 0.05
NO_ENCODER = "none"
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class DedupSettings:
    """What counts as the same row.

    Attributes:
        threshold: Cosine at or above which two texts are the same.
        lexical: Jaccard overlap of character 3-grams at or above which they are; None looks at no character n-grams.
        encoder: As a job file names it; `none` looks at no embeddings.
        has_borderline: Whether the nearest row of a kept one is reported where it is just below a threshold.
    """

    threshold: float = 0.95
    lexical: float | None = 0.7
    encoder: str = "all-MiniLM-L6-v2"
    has_borderline: bool = False

    def __post_init__(self) -> None:
        for name, value in (("threshold", self.threshold), ("lexical", self.lexical)):
            if value is not None and not 0 < value <= 1:
                raise JobError(f"{name}: must be above 0 and at most 1, not {value}")


@dataclass(frozen=True, slots=True)
class Pair:
    """A row and the one it was compared with.

    Attributes:
        row: Its number, from 0.
        other: The other's number in its pool, from 0.
        pool: `kept`, or `against` for the rows that were only compared with.
        similarity: 1, the Jaccard overlap or the cosine.
        stage: `exact`, `lexical` or `near`.
    """

    row: int
    other: int
    pool: str
    similarity: float
    stage: str

    @property
    def duplicate_of(self) -> str:
        """The other row for people: its number from 1, behind `against:` where it is of the other file."""
        return f"against:{self.other + 1}" if self.pool == "against" else str(self.other + 1)


@dataclass(slots=True)
class DedupResult:
    """What became of the rows.

    Attributes:
        kept: Numbers of the rows that stay, from 0, ascending.
        removed: The others, each with the row it repeats, which is kept or one that was compared with.
        borderline: Kept rows with the nearest row just below a threshold, where that was asked for.
        empty: How many of the kept rows hold no text; they are compared with nothing.
        encoded: How many texts were encoded: what character n-grams settle is not.
        encoder: The encoder's identity, or None.
    """

    kept: list[int] = field(default_factory=list)
    removed: list[Pair] = field(default_factory=list)
    borderline: list[Pair] = field(default_factory=list)
    empty: int = 0
    encoded: int = 0
    encoder: str | None = None

    def counts(self) -> Mapping[str, int]:
        """Removed rows by stage, those that repeat the other file's under `against`."""
        found = Counter("against" if pair.pool == "against" else pair.stage for pair in self.removed)
        return {name: found[name] for name in ("exact", "lexical", "near", "against")}


def dedup_texts(
    texts: Sequence[str],
    *,
    against: Sequence[str] = (),
    settings: DedupSettings | None = None,
    encoder: Encoder | None = None,
    on_progress: Progress | None = None,
) -> DedupResult:
    """Keep the first of every group of near texts, in the order given.

    No two kept texts are at or above the threshold of a stage that is on, and every removed one names a row that is
    kept, or in `against`, and at or above it.

    Args:
        texts: The rows' texts.
        against: Other texts that no kept row may be near; they may be near each other.
        settings: What counts as the same; None takes the defaults of a job.
        encoder: One that is open already; None opens the one that `settings` name.
        on_progress: Called with what is done, how many rows of how many.

    Raises:
        JobError: A setting is out of bounds, or the encoder cannot be loaded.
    """
    settings = settings or DedupSettings()
    if encoder is None and settings.encoder != NO_ENCODER:
        encoder = open_encoder(settings.encoder)
    return _Work(settings, encoder, texts, against, on_progress or _ignore).run()


class _Work:
    def __init__(
        self, settings: DedupSettings, encoder: Encoder | None, texts: Sequence[str], against: Sequence[str],
        on_progress: Progress,
    ) -> None:  # fmt: skip
        self._texts, self._against, self._encoder, self._report = texts, against, encoder, on_progress
        self._result = DedupResult(encoder=encoder.identity if encoder else None)
        margin = BORDERLINE if settings.has_borderline else 0.0
        self._dedup = Deduplicator(
            DuplicateCheck(
                check="duplicate", threshold=settings.threshold, lexical=settings.lexical, near=encoder is not None
            ),
            None,
            encoder.dimensions if encoder else None,
            ranked=chain(texts, against),
            margin=margin,
            lexical_margin=margin,
        )

    def run(self) -> DedupResult:
        vectors = [
            self._encode([self._against[number] for number in numbers])
            for numbers in self._batches("reading the rows compared with", self._against)
        ]
        if self._against:
            others = [Row(str(number), text, "") for number, text in enumerate(self._against)]
            self._dedup.add_real(others, np.concatenate(vectors) if self._encoder else None)
        for numbers in self._batches("rows", self._texts):
            self._decide([number for number in numbers if self._texts[number].strip()])
        empty = [number for number, text in enumerate(self._texts) if not text.strip()]
        self._result.empty = len(empty)
        self._result.kept = sorted(self._result.kept + empty)
        return self._result

    def _batches(self, what: str, texts: Sequence[str]) -> Iterator[range]:
        for start in range(0, len(texts), BATCH_ROWS):
            self._report(what, start, len(texts))
            yield range(start, min(start + BATCH_ROWS, len(texts)))
        self._report(what, len(texts), len(texts))

    def _decide(self, numbers: Sequence[int]) -> None:
        batch = [Candidate(str(number), "", "", number, 0, self._texts[number], {}) for number in numbers]
        encode = partial(self._encode_some, batch) if self._encoder else None
        for number, verdict in zip(numbers, self._dedup.decide_each(batch, encode), strict=True):
            if verdict.rejection is not None:
                found = verdict.rejection.evidence
                self._result.removed.append(
                    _pair(number, found["id"], found["pool"], found["similarity"], found["stage"])
                )
                continue
            self._result.kept.append(number)
            if verdict.near_misses:
                _, pool, other, similarity, stage = min(verdict.near_misses, key=lambda miss: (miss.gap, int(miss.id)))
                self._result.borderline.append(_pair(number, other, pool, similarity, stage))

    def _encode_some(self, batch: Sequence[Candidate], places: Sequence[int]) -> npt.NDArray[np.float16]:
        return self._encode([batch[place].text for place in places])

    def _encode(self, texts: Sequence[str]) -> npt.NDArray[np.float16]:
        if self._encoder is None:
            return np.empty((len(texts), 0), dtype=np.float16)
        self._result.encoded += len(texts)
        return self._encoder.encode(texts).astype(np.float16)


def _pair(row: int, other: str, pool: str, similarity: float, stage: str) -> Pair:
    return Pair(row, int(other), "kept" if pool == "accepted" else "against", similarity, stage)


def as_columns(pairs: Sequence[Pair]) -> dict[str, list[Any]]:
    """What is added to removed rows: the row that each repeats, how near it is, and by which stage."""
    return {
        "duplicate_of": [pair.duplicate_of for pair in pairs],
        "similarity": [round(pair.similarity, 6) for pair in pairs],
        "stage": [pair.stage for pair in pairs],
    }


def _ignore(what: str, done: int, total: int) -> None:
    pass
