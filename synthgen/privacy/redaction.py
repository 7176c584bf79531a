"""Texts with surrogate values in the place of personal data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from synthgen.privacy.finding import Detector, Finding
from synthgen.privacy.surrogates import StandIns, is_set_aside
from synthgen.records import Row


@dataclass(frozen=True, slots=True)
class Redaction:
    """Rows in which something was found.

    Attributes:
        rows: Those rows by id, with surrogate values.
        counts: Findings by entity.
    """

    rows: Mapping[str, Row] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.rows)


NOTHING = Redaction()


def redact_rows(rows: Iterable[Row], detector: Detector) -> Redaction:
    """Look at real rows, and keep those with something in them, redacted. A value has one surrogate value in all of
    them."""
    surrogates, counts, found = StandIns(), Counter[str](), dict[str, Row]()
    for row in rows:
        findings = personal(row.text, detector)
        if findings:
            counts.update(finding.entity for finding in findings)
            found[row.id] = Row(row.id, replace_findings(row.text, findings, surrogates), row.label)
    return Redaction(found, dict(counts.most_common()))


def personal(text: str, detector: Detector) -> list[Finding]:
    """Findings less those values that belong to nobody."""
    return [f for f in detector.find(text) if not is_set_aside(f.entity, text[f.start : f.end])]


def replace_findings(text: str, findings: Sequence[Finding], surrogates: StandIns) -> str:
    """The text with a surrogate value for each finding."""
    parts, at = [], 0
    for finding in findings:
        parts += [text[at : finding.start], surrogates.of(finding.entity, text[finding.start : finding.end])]
        at = finding.end
    return "".join([*parts, text[at:]])


def describe(counts: Mapping[str, int]) -> str:
    """`3 EMAIL_ADDRESS, 1 PHONE_NUMBER`."""
    return ", ".join(f"{count:,} {entity}" for entity, count in counts.items())
