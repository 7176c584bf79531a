"""The detector that a job asks for."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Protocol

from synthgen.errors import JobError
from synthgen.privacy.finding import Detector
from synthgen.privacy.patterns import PATTERNS, PatternDetector

DEFAULT_ENTITIES = tuple(PATTERNS)


class DetectorSettings(Protocol):
    """What `seeds` and the check `pii` both say."""

    @property
    def detector(self) -> str: ...
    @property
    def min_score(self) -> float: ...
    @property
    def spacy_model(self) -> str | None: ...


def open_detector(settings: DetectorSettings, entities: Sequence[str] = (), *, language: str | None = None) -> Detector:
    """Make it.

    Args:
        settings: Which one, and how.
        entities: What it looks for; empty is everything that the patterns know, and with a model names and places.
        language: ISO 639-1 code of the texts; None is English.

    Raises:
        JobError: It needs a package or a model that is not installed, or does not know an entity.
    """
    names = (*DEFAULT_ENTITIES, *(("PERSON", "LOCATION") if settings.spacy_model else ()))
    wanted = tuple(entities) or names
    if settings.detector == "patterns":
        _refuse_unknown(wanted)
        return PatternDetector(wanted)
    from synthgen.privacy.presidio import PresidioDetector

    return PresidioDetector(
        wanted, min_score=settings.min_score, language=language or "en", spacy_model=settings.spacy_model
    )


def _refuse_unknown(entities: Sequence[str]) -> None:
    for entity in entities:
        if entity not in PATTERNS:
            near = difflib.get_close_matches(entity, PATTERNS, n=1, cutoff=0.5)
            guess = f"; did you mean {near[0]}?" if near else ""
            raise JobError(
                f"pii: there is no pattern for {entity}{guess} (there are: {', '.join(PATTERNS)})",
                hint="`detector: presidio` knows many more",
            )
