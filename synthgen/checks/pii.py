"""Personal data in a row: rejected, replaced, or put before a person, entity by entity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from synthgen.checks.protocol import Setting
from synthgen.identity import derive_seed
from synthgen.job.checks import CheckBlock
from synthgen.job.model import PiiSettings
from synthgen.privacy import Finding, StandIns, is_set_aside, open_detector, replace_findings
from synthgen.records import Candidate, Reason, Rejection

_REMEMBERED_TEXTS = 64
_VARIETY = 1000


class PiiCheck(CheckBlock, PiiSettings):
    """Personal data in a row, in any of its texts. Values set aside for examples (example.com, 555-01xx) are none.

    Attributes:
        field: The field whose text is looked at; None is all of them.
        detector: As for `seeds`; here presidio is the default.
        reject: Entities, by presidio's names, that turn a row down. Where none of the three lists is written: all that
            `patterns` knows (with a model, names and places too).
        redact: Entities that are replaced by surrogate values.
        flag: Entities that put a row first in the spot check.
    """

    field: str | None = None
    check: Literal["pii"]
    detector: Literal["patterns", "presidio"] = "presidio"
    reject: list[str] = Field(default_factory=list)
    redact: list[str] = Field(default_factory=list)
    flag: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _names_each_once(self) -> PiiCheck:
        named = [*self.reject, *self.redact, *self.flag]
        twice = next((entity for entity in named if named.count(entity) > 1), None)
        if twice is not None:
            raise PydanticCustomError("pii", "{entity} is named twice: reject, redact or flag it", {"entity": twice})
        return self

    def build(self, setting: Setting) -> Pii:
        return Pii(self, setting.language)


class Pii:
    """Looks at every text of a row, or at one field.

    Args:
        config: What to do about which entity.
        language: The job's, for presidio.

    Raises:
        JobError: The detector cannot be used.
    """

    name = "pii"
    cost = 120

    def __init__(self, config: PiiCheck, language: str | None) -> None:
        named = (*config.reject, *config.redact, *config.flag)
        detector = open_detector(config, named, language=language)
        self._field = config.field
        self._redact, self._flag = frozenset(config.redact), frozenset(config.flag)
        self._reject = frozenset(config.reject if named else detector.entities)
        # A row is looked at up to three times: to redact, to judge, to flag.
        self._find = lru_cache(maxsize=_REMEMBERED_TEXTS)(detector.find)

    def rewrite(self, candidate: Candidate) -> tuple[Candidate, Mapping[str, Any]]:
        """The row with surrogate values for what is to be redacted, and what was, for its results."""
        if not self._redact:
            return candidate, {}
        counts: Counter[str] = Counter()
        stand_ins = StandIns(first=derive_seed(0, "stand-ins", candidate.id) % _VARIETY)

        def mended(value: Any) -> Any:
            if isinstance(value, list):
                return [mended(part) for part in value]
            if not isinstance(value, str):
                return value
            found = list(self._found(value, self._redact))
            counts.update(finding.entity for finding in found)
            return replace_findings(value, found, stand_ins) if found else value

        if self._field is None:
            fields = {name: mended(value) for name, value in candidate.fields.items()}
            in_fields = Counter(counts)
            text = mended(candidate.text)
            counts = in_fields or counts  # the text is one of the fields, where there are any
        else:
            fields = {n: mended(v) if n == self._field else v for n, v in candidate.fields.items()}
            is_text = candidate.fields.get(self._field) == candidate.text
            text = fields[self._field] if is_text else candidate.text
        if not counts:
            return candidate, {}
        return candidate._replace(text=text, fields=fields), {"redacted": dict(counts)}

    def judge(self, candidate: Candidate) -> Rejection | None:
        for name, text in self._texts(candidate):
            for finding in self._found(text, self._reject):
                place = {"field": name} if name else {}
                evidence = {"entity": finding.entity, "score": finding.score, "at": finding.start, **place}
                return Rejection(Reason.PII, {**evidence, "found": masked(text[finding.start : finding.end])})
        return None

    def measure(self, candidate: Candidate) -> Mapping[str, Any]:
        """What a person should look at."""
        found = Counter(
            finding.entity for _, text in self._texts(candidate) for finding in self._found(text, self._flag)
        )
        return {"pii": dict(found), "review": True} if found else {}

    def _texts(self, candidate: Candidate) -> Iterator[tuple[str, str]]:
        """Each text once, the row's own first, with the name of its field (none for the row's own)."""
        if self._field is None:
            yield "", candidate.text
        for name, value in candidate.fields.items():
            if self._field not in (None, name):
                continue
            for text in value if isinstance(value, list) else [value]:
                if isinstance(text, str) and (self._field is not None or text != candidate.text):
                    yield name, text

    def _found(self, text: str, entities: frozenset[str]) -> Iterator[Finding]:
        if entities:
            for finding in self._find(text):
                if finding.entity in entities and not is_set_aside(finding.entity, text[finding.start : finding.end]):
                    yield finding


def masked(value: str) -> str:
    """Enough to find it in the row, not enough to keep: `j... (16 characters)`."""
    return f"{value[:1]}... ({len(value)} characters)"
