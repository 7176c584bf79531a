"""The text is in the language that was asked for, by `py3langid`.

Every language the model knows competes, but only a clear verdict rejects: a short text in the right language often
looks a little more like a neighbour of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from synthgen.errors import JobError
from synthgen.records import Candidate, Reason, Rejection

_LEAST_CHARS = 16
_LEAST_WORDS = 3
MIN_PROBABILITY = 0.8
USUAL = ("en", "es", "fr", "de", "it", "pt", "nl", "pl", "ru", "zh", "ja", "ko", "ar", "hi", "tr", "sv")


class Language:
    """The text reads as one of `languages` (ISO 639-1), against the sixteen most usual ones.

    Raises:
        JobError: A language nobody knows.

    Texts under 16 characters or 3 words are not judged, except where a script cannot be theirs.
    """

    name = "language"

    def __init__(self, languages: Sequence[str]) -> None:
        self._languages = tuple(languages)
        _identifier(self._languages)

    def judge(self, candidate: Candidate) -> Rejection | None:
        text = candidate.text
        if text.isascii() and (len(text) < _LEAST_CHARS or len(text.split()) < _LEAST_WORDS):
            return None
        language, probability = _identify(text, self._languages)
        if language in self._languages or probability < MIN_PROBABILITY:
            return None
        return Rejection(
            Reason.LANGUAGE,
            {"language": language, "probability": round(probability, 4), "wanted": list(self._languages)},
        )


def _identify(text: str, wanted: tuple[str, ...]) -> tuple[str, float]:
    language, probability = _identifier(wanted).classify(text)
    return str(language), float(probability)


@lru_cache(maxsize=8)
def _identifier(wanted: tuple[str, ...]) -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    try:
        identifier.set_languages(sorted({*USUAL, *wanted}))
    except ValueError as error:
        raise JobError(f"language: {error}", hint="use ISO 639-1 codes, such as en, es, fr, de") from None
    return identifier
