"""Vectors of the texts that rows are made from, so that a row can be compared with its own source.

A real row's is what the journal holds of it. Another text is encoded alone, never with the rows made from it: their
vectors depend on the batch they are encoded in, and its own must not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from synthgen.checks import judge_similarity
from synthgen.checks.change import ChangeCheck
from synthgen.encoders import Encoder
from synthgen.identity import content_id
from synthgen.journal import VectorEntry
from synthgen.records import Candidate, Rejection

Vector = npt.NDArray[np.float16]


class SourceLikeness:
    """Judges how near in meaning rows are to their sources. Used from the encoder's thread alone, but for `take_new`.

    Args:
        checks: Those with a bound on similarity.
        encoder: Makes vectors.
        stored: Vectors that the journal holds, by the text's digest.
    """

    def __init__(self, checks: Sequence[ChangeCheck], encoder: Encoder, stored: Mapping[str, bytes]) -> None:
        self._checks, self._encoder = checks, encoder
        self._known = dict(stored)
        self._new: list[VectorEntry] = []

    def judge(self, candidate: Candidate, vector: Vector) -> tuple[Rejection | None, Mapping[str, Any]]:
        """The first objection, and the figure to keep of the row; neither where it was made from nothing."""
        figures: Mapping[str, Any] = {}
        if not candidate.source_text:
            return None, figures
        source = self._vector_of(candidate.source_text)
        for check in self._checks:
            rejection, figures = judge_similarity(vector, source, check, source_text=candidate.source_text)
            if rejection is not None:
                return rejection, {}
        return None, figures

    def take_new(self) -> list[VectorEntry]:
        """Vectors made since it was last asked; to be in the journal before any decision that rests on them."""
        new, self._new = self._new, []
        return new

    def _vector_of(self, text: str) -> Vector:
        digest = content_id(text)
        if digest not in self._known:
            made = self._encoder.encode([text]).astype(np.float16)[0].tobytes()
            self._known[digest] = made
            self._new.append(VectorEntry(self._encoder.identity, digest, made))
        return np.frombuffer(self._known[digest], dtype=np.float16)
