"""Rows that a candidate is compared with, by each stage that is switched on.

Compact, because a run's accepted rows only become more: ids and texts stand as bytes in one place. The exact stage
costs about 40 bytes a row, its id and its text; the lexical one about 500 more for 60 grams, the embedding one two a
dimension and its index.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from synthgen.dedup.exact import NormalisedTexts
from synthgen.dedup.ngrams import GramOrder, LexicalIndex, Profiles, joined
from synthgen.dedup.vectors import VectorIndex
from synthgen.text import normalise, utf8_length

Vector = npt.NDArray[np.float16]
# How far below its threshold the embedding stage still says what the nearest row is.
BORDERLINE = 0.05
_MIN_SIMILARITY = 0.05


@dataclass(frozen=True, slots=True)
class Stages:
    """What a pool compares besides normal forms.

    Attributes:
        lexical: Jaccard overlap of character 3-grams at or above which two texts are near, or None.
        cosine: Cosine at or above which two texts are near, or None.
        keeps_contrast: Whether a row that differs in a negation or a number only is none to object: all near rows are
            looked for then, and else the nearest only.
        margin: How far below its threshold the embedding stage still finds the nearest row.
        lexical_margin: The same of the lexical stage.
    """

    lexical: float | None
    cosine: float | None
    keeps_contrast: bool = False
    margin: float = BORDERLINE
    lexical_margin: float = 0.0


class Match(NamedTuple):
    """A row of the pool, and how near it is by one stage."""

    place: int
    similarity: float


class BatchProfile(NamedTuple):
    """The grams of one of some texts, by its number."""

    profiles: Profiles
    number: int


class PoolRow(NamedTuple):
    """What is known of a row: evidence."""

    id: str
    label: str
    text: str


class PoolRows(NamedTuple):
    """Of many rows, a column each."""

    ids: Sequence[str]
    labels: Sequence[str]
    texts: Sequence[str]


class Pool:
    """Rows by normal form, by grams and by vector.

    Args:
        name: As reports say it.
        stages: What is compared.
        dimensions: Length of the vectors, or None where nothing is encoded.
        order: Numbers the grams; needed where character n-grams are compared.

    Raises:
        ValueError: It is needed and not there.
    """

    def __init__(self, name: str, stages: Stages, dimensions: int | None, order: GramOrder | None) -> None:
        self.name, self.stages = name, stages
        self._rows = _Rows()
        self._normalised = NormalisedTexts(lambda place: normalise(self._rows[place].text))
        self._lexical = None
        if stages.lexical is not None:
            if order is None:
                raise ValueError("character n-grams are compared in the order of their numbers, and there is none")
            self._lexical = LexicalIndex(_floor(stages.lexical, stages.lexical_margin), order)
        self.nearest_from = _floor(1.0 if stages.cosine is None else stages.cosine, stages.margin)
        self._vectors = None
        self._new_vectors: list[Vector] = []
        self._new_profiles: list[BatchProfile] = []
        if stages.cosine is not None and dimensions is not None:
            self._vectors = VectorIndex(dimensions, self.nearest_from)

    def __len__(self) -> int:
        return len(self._rows)

    def add(
        self, row: PoolRow, normalised_text: str, vector: Vector | None, profile: BatchProfile | None = None
    ) -> None:
        """Add one row. Its vector and character n-grams are indexed by the next search: many at once are quicker.

        Args:
            row: What is known of it.
            normalised_text: Its normal form.
            vector: Of its text, where vectors are compared.
            profile: Its grams, where they are known.

        Raises:
            ValueError: The pool compares vectors and there is none.
        """
        if self._vectors is not None:
            if vector is None:
                raise ValueError(f"row {row.id} has no vector, and this pool compares vectors")
            self._new_vectors.append(vector)
        self._normalised.add(normalised_text, len(self._rows))
        self._rows.append(row)
        if self._lexical is not None:
            self._new_profiles.append(profile or BatchProfile(self._lexical.profiles([normalised_text]), 0))

    def _index_vectors(self) -> None:
        if self._vectors is not None and self._new_vectors:
            self._vectors.add(np.stack(self._new_vectors))
            self._new_vectors.clear()

    def _index_ngrams(self) -> None:
        if self._lexical is not None and self._new_profiles:
            batches = [list(batch) for _, batch in groupby(self._new_profiles, key=lambda new: id(new.profiles))]
            self._lexical.add(joined([batch[0].profiles.take([new.number for new in batch]) for batch in batches]))
            self._new_profiles.clear()

    def add_all(self, rows: PoolRows, normalised: Sequence[str], vectors: npt.NDArray[np.float16] | None) -> None:
        """As `add`, for many rows: much quicker. The first of very many are sorted by `settle`, or the next search."""
        if vectors is not None:
            self.load_vectors(vectors)
        self.load_texts(rows, normalised)
        self.load_ngrams(self.profiles(normalised))
        self._check_loaded()

    def load_vectors(self, vectors: npt.NDArray[np.float16]) -> None:
        """The vectors of rows that `load_texts` takes, in their order; neither waits for the other: they may be
        called in two threads, and so may `settle_vectors`. `settle` comes after all of them."""
        if self._vectors is not None and len(vectors):
            self._index_vectors()
            self._vectors.load(vectors)

    def load_texts(self, rows: PoolRows, normalised: Sequence[str]) -> None:
        """As `add_all`, of rows whose vectors and character n-grams are loaded apart."""
        self._normalised.load(normalised, len(self._rows))
        self._rows.extend(rows)

    def load_ngrams(self, profiles: Profiles | None) -> None:
        """The grams of such rows, in their order; in a third thread, where there are three, and counted in a fourth."""
        if self._lexical is not None and profiles is not None:
            self._index_ngrams()
            self._lexical.load(profiles)

    def settle_vectors(self) -> None:
        """Make ready the vectors, in the thread that loaded them."""
        if self._vectors is not None:
            self._vectors.settle()

    def settle_ngrams(self) -> None:
        """Make ready the character n-grams, likewise."""
        if self._lexical is not None:
            self._lexical.settle()

    def settle(self) -> None:
        """Make ready what was added, rather than at the next search.

        Raises:
            ValueError: The pool compares vectors or character n-grams and not every row has them.
        """
        self._check_loaded()
        self._normalised.settle()
        self.settle_ngrams()
        self.settle_vectors()

    @property
    def compares_vectors(self) -> bool:
        """Whether rows must have one."""
        return self._vectors is not None

    def _check_loaded(self) -> None:
        self._index_vectors()
        self._index_ngrams()
        for index, what in ((self._vectors, "vectors"), (self._lexical, "character n-grams")):
            if index is not None and len(index) != len(self._rows):
                raise ValueError(f"{len(self._rows)} rows and {what} of {len(index)}, and this pool compares {what}")

    def profiles(self, normalised: Sequence[str]) -> Profiles | None:
        """The grams of texts, where they count."""
        return None if self._lexical is None else self._lexical.profiles(normalised)

    def exact(self, normalised_text: str) -> Match | None:
        """The first row with the same normal form."""
        place = self._normalised.first(normalised_text)
        return None if place is None else Match(place, 1.0)

    def lexical_each(self, profiles: Profiles | None, count: int) -> list[list[Match]]:
        """For each of `count` texts, rows by overlap, from the margin below the threshold on, the nearest first and the
        earliest of equals."""
        if self._lexical is None or profiles is None:
            return [[] for _ in range(count)]
        self._index_ngrams()
        most = None if self.stages.keeps_contrast else 1
        return [[Match(*overlap) for overlap in found[:most]] for found in self._lexical.close_each(profiles)]

    def lexical_among(self, profiles: Profiles | None, count: int) -> list[list[Match]]:
        """For each of `count` texts, those before it among them, by their number, likewise; all of them."""
        if self._lexical is None or profiles is None:
            return [[] for _ in range(count)]
        return [[Match(*overlap) for overlap in found] for found in self._lexical.among(profiles)]

    def near(self, vector: Vector | None) -> list[Match]:
        """Rows by cosine, from the margin below the threshold on, likewise."""
        return [] if self._vectors is None or vector is None else self.near_each(vector[None, :])[0]

    def near_each(self, vectors: npt.NDArray[np.float16]) -> list[list[Match]]:
        """As `near`, for each of a batch: much quicker."""
        if self._vectors is None:
            return [[] for _ in vectors]
        self._index_vectors()
        if self.stages.keeps_contrast:
            return [[Match(*neighbour) for neighbour in found] for found in self._vectors.close_each(vectors)]
        return [[] if nearest is None else [Match(*nearest)] for nearest in self._vectors.nearest_each(vectors)]

    def near_among(self, vectors: npt.NDArray[np.float16]) -> list[list[Match]]:
        """For each of a batch, those before it among them, by their number, likewise; all of them."""
        if self._vectors is None:
            return [[] for _ in vectors]
        return [[Match(*neighbour) for neighbour in found] for found in self._vectors.among(vectors)]

    def row(self, place: int) -> PoolRow:
        return self._rows[place]


def _floor(threshold: float, margin: float) -> float:
    return max(threshold - margin, min(threshold, _MIN_SIMILARITY))


class _Rows:
    """Ids, labels and texts, without an object for each."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._ends = array("Q")
        self._labels = array("i")
        self._label_numbers: dict[str, int] = {}
        self._label_names: list[str] = []

    def __len__(self) -> int:
        return len(self._labels)

    def append(self, row: PoolRow) -> None:
        row_id, text = row.id.encode("utf-8", "surrogatepass"), row.text.encode("utf-8", "surrogatepass")
        middle = len(self._bytes) + len(row_id)
        self._ends.append(middle)
        self._ends.append(middle + len(text))
        self._bytes += row_id
        self._bytes += text
        self._labels.append(self._number_of(row.label))

    def extend(self, rows: PoolRows) -> None:
        """As `append`, of many: much quicker."""
        values = [""] * (2 * len(rows.ids))
        values[::2], values[1::2] = rows.ids, rows.texts
        joined = "".join(values)
        lengths = np.fromiter(map(len if joined.isascii() else utf8_length, values), dtype=np.uint64, count=len(values))
        self._ends.frombytes((lengths.cumsum(dtype=np.uint64) + np.uint64(len(self._bytes))).tobytes())
        self._bytes += joined.encode("utf-8", "surrogatepass")
        numbers = {label: self._number_of(label) for label in dict.fromkeys(rows.labels)}
        self._labels.extend(map(numbers.__getitem__, rows.labels))

    def _number_of(self, label: str) -> int:
        number = self._label_numbers.setdefault(label, len(self._label_names))
        if number == len(self._label_names):
            self._label_names.append(label)
        return number

    def __getitem__(self, place: int) -> PoolRow:
        start = self._ends[2 * place - 1] if place else 0
        middle, end = self._ends[2 * place], self._ends[2 * place + 1]
        row_id, text = (self._bytes[a:b].decode("utf-8", "surrogatepass") for a, b in ((start, middle), (middle, end)))
        return PoolRow(row_id, self._label_names[self._labels[place]], text)
