"""Personal data by presidio-analyzer's recognisers (the extra `pii`): many countries' numbers, words beside them.

Nothing is fetched: the words of a text come from a blank spaCy pipeline, or from a model that is already installed,
which also finds names and places; the list of domain endings is the one in the package. Importing it takes seconds (it
brings spaCy and torch), so nobody does unless a job asks for it.
"""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from synthgen.errors import JobError
from synthgen.privacy.finding import Finding, without_overlaps

_OF_MODEL = ("PERSON", "LOCATION", "NRP", "ORGANIZATION")
_INSTALL = "pip install 'synthgen[pii]', or `detector: patterns`, which needs no package"
# Whatever a pattern recogniser finds holds a figure, an @, a colon or a dot within a word.
_MAY_HOLD = re.compile(r"[\d@:]|\.\w")


class PresidioDetector:
    """Finds what presidio's recognisers do.

    Args:
        entities: What to look for, by presidio's names.
        min_score: Least score of a finding, 0 to 1.
        language: ISO 639-1 code of the texts.
        spacy_model: Name or folder of an installed spaCy model, which names and places need; None has no model.

    Raises:
        JobError: presidio-analyzer or the model is not installed, or an entity is unknown.
    """

    def __init__(
        self, entities: Sequence[str], *, min_score: float, language: str = "en", spacy_model: str | None = None
    ) -> None:
        self._entities, self._min_score, self._language = tuple(entities), min_score, language
        self._has_model = spacy_model is not None
        pipeline = _pipeline(language, spacy_model)
        self._engine = _engine(self._entities, language, pipeline, has_model=self._has_model)

    @property
    def entities(self) -> Sequence[str]:
        return self._entities

    def find(self, text: str) -> list[Finding]:
        if not self._has_model and _MAY_HOLD.search(text) is None:
            return []
        found = self._engine.analyze(
            text, language=self._language, entities=list(self._entities), score_threshold=self._min_score
        )
        return without_overlaps(Finding(f.entity_type, f.start, f.end, round(float(f.score), 4)) for f in found)


def _pipeline(language: str, model: str | None) -> Any:
    """spaCy's words of a text, with its names where there is a model."""
    try:
        import presidio_analyzer  # noqa: F401
        import spacy
    except ImportError:
        raise JobError(
            "pii: `detector: presidio` needs presidio-analyzer, which is not installed", hint=_INSTALL
        ) from None
    try:
        return spacy.blank(language) if model is None else spacy.load(model)
    except (OSError, ImportError) as error:
        what = f"spaCy knows no language '{language}'" if model is None else f"no spaCy model '{model}' is installed"
        hint = "name an installed model or the folder of one" if model else "set `language` to an ISO 639-1 code"
        raise JobError(f"pii: {what}: {str(error).splitlines()[0]}", hint=hint) from None


def _engine(entities: Sequence[str], language: str, pipeline: Any, *, has_model: bool) -> Any:
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.predefined_recognizers import SpacyRecognizer

    logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
    by_entity = _recognizers(language)
    chosen = {id(r): r for entity in entities for r in by_entity.get(entity, ())}
    recognizers = list(chosen.values())
    asked_of_model = [entity for entity in entities if entity in _OF_MODEL]
    if asked_of_model and not has_model:
        raise JobError(
            f"pii: {asked_of_model[0]} is found by a spaCy model, and none is named",
            hint="add `spacy_model:` with an installed model, such as en_core_web_sm",
        )
    if asked_of_model:
        recognizers.append(SpacyRecognizer(supported_language=language, supported_entities=asked_of_model))
    _refuse_unknown(entities, {*by_entity, *_OF_MODEL})
    registry = RecognizerRegistry(recognizers=recognizers, supported_languages=[language])
    return AnalyzerEngine(
        registry=registry, nlp_engine=_word_engine(language, pipeline), supported_languages=[language]
    )


def _refuse_unknown(entities: Sequence[str], known: set[str]) -> None:
    for entity in entities:
        if entity not in known:
            near = difflib.get_close_matches(entity, known, n=1, cutoff=0.4)
            guess = f"; did you mean {near[0]}?" if near else ""
            raise JobError(
                f"pii: presidio knows no entity {entity}{guess}", hint=f"it knows {', '.join(sorted(known))}"
            )


def _word_engine(language: str, pipeline: Any) -> Any:
    """presidio's own engine over a pipeline that is already there: it would download one that is not."""
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    class WordEngine(SpacyNlpEngine):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(models=[{"lang_code": language, "model_name": "loaded"}])
            self.nlp = {language: pipeline}

        def _doc_to_nlp_artifact(self, doc: Any, language: str) -> Any:
            artifacts = super()._doc_to_nlp_artifact(doc, language)
            if not any(artifacts.lemmas):  # a blank pipeline has words but no lemmas: context is looked up in these
                artifacts.lemmas = [token.lower_ for token in doc]
                artifacts.keywords = artifacts.set_keywords(self, artifacts.lemmas, language)
            return artifacts

    return WordEngine()


def _recognizers(language: str) -> Mapping[str, list[Any]]:
    """Everything presidio finds by form, by entity; nothing that asks a service or a network of its own."""
    from presidio_analyzer import PatternRecognizer, predefined_recognizers

    found: dict[str, list[Any]] = {}
    for name in predefined_recognizers.__all__:
        kind = getattr(predefined_recognizers, name)
        is_by_form = isinstance(kind, type) and issubclass(kind, PatternRecognizer)
        if not (is_by_form or name == "PhoneRecognizer"):
            continue
        recognizer = _offline(kind)(supported_language=language)
        for entity in recognizer.supported_entities:
            found.setdefault(entity, []).append(recognizer)
    return found


def _offline(kind: Any) -> Any:
    """The recogniser of addresses asks for the newest list of domain endings: the one it brings will do."""
    from presidio_analyzer.predefined_recognizers import EmailRecognizer

    if kind is not EmailRecognizer:
        return kind
    import tldextract

    endings = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=())

    class OfflineEmailRecognizer(EmailRecognizer):  # type: ignore[misc]
        def validate_result(self, pattern_text: str) -> bool:
            return bool(endings(pattern_text).top_domain_under_public_suffix)

    return OfflineEmailRecognizer
