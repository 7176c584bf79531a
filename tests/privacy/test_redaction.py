"""Stand-ins: the form of what they replace, nobody's own, and recognised as such."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgen.privacy import StandIns, is_set_aside, open_detector, redact_rows, replace_findings
from synthgen.privacy.finding import Finding, without_overlaps
from synthgen.privacy.patterns import PATTERNS, PatternDetector
from synthgen.records import Row

VALUES = {
    "EMAIL_ADDRESS": "jane.roe@gmail.com",
    "PHONE_NUMBER": "+44 (0)7911 123456",
    "CREDIT_CARD": "4532 0151 1283 0366",
    "IBAN_CODE": "GB82 WEST 1234 5698 7654 32",
    "IP_ADDRESS": "198.18.3.4",
    "US_SSN": "536-90-4399",
}


@pytest.mark.parametrize("entity", [*PATTERNS, "PERSON", "LOCATION", "URL", "UK_NHS"])
def test_stand_ins_belong_to_nobody(entity: str) -> None:
    """Whatever stands in for a value is known as set aside; the value is not."""
    surrogates, value = StandIns(), VALUES.get(entity, "something real")
    made = [surrogates.of(entity, f"{value}{'' if i == 0 else i}") for i in range(30)]
    assert all(is_set_aside(entity, stand_in) for stand_in in made)
    assert not is_set_aside(entity, value)


def test_stand_ins_keep_to_one_another() -> None:
    """One value has one stand-in, another value another; a telephone number keeps its form."""
    surrogates = StandIns()
    assert surrogates.of("EMAIL_ADDRESS", "a@b.com") == surrogates.of("EMAIL_ADDRESS", "A@b.com")
    assert surrogates.of("EMAIL_ADDRESS", "a@b.com") != surrogates.of("EMAIL_ADDRESS", "c@b.com")
    assert surrogates.of("PHONE_NUMBER", "09061701461") == "02025550100"
    assert surrogates.of("PHONE_NUMBER", "(212) 867-5309") == "(202) 555-0101"


@given(st.text(max_size=80), st.sampled_from(sorted(VALUES)), st.text(max_size=80))
def test_redacted_texts_hold_nothing_any_more(before: str, entity: str, after: str) -> None:
    """Whatever stands around a value: after it is replaced the detector finds only what is nobody's."""
    detector = PatternDetector()
    text = f"{before} {VALUES[entity]} {after}"
    row = redact_rows([Row("1", text, "")], detector).rows.get("1")
    redacted = row.text if row else text
    left = [
        redacted[f.start : f.end]
        for f in detector.find(redacted)
        if not is_set_aside(f.entity, redacted[f.start : f.end])
    ]
    assert not left


def test_replaced_findings_keep_the_rest() -> None:
    """What is around a finding stays to the character."""
    text = "é jane@roe.org, 🙂 jane@roe.org!"
    findings = PatternDetector().find(text)
    assert replace_findings(text, findings, StandIns()) == "é alex@example.com, 🙂 alex@example.com!"


def test_overlapping_findings_leave_the_surest() -> None:
    """By score, then by length."""
    a, b, c = Finding("A", 0, 5, 0.5), Finding("B", 3, 9, 0.9), Finding("C", 9, 12, 0.1)
    assert without_overlaps([a, c, b]) == [b, c]


def test_rows_without_personal_data_are_not_in_a_redaction() -> None:
    """Only rows with findings are kept, with counts; a row that holds an example is not one."""
    rows = [Row("1", "mail jane@roe.org", "a"), Row("2", "no mail", "a"), Row("3", "to you@example.com", "b")]
    found = redact_rows(rows, PatternDetector())
    assert {i: r.text for i, r in found.rows.items()} == {"1": "mail alex@example.com"}
    assert found.counts == {"EMAIL_ADDRESS": 1}


def test_detector_refuses_what_it_has_no_pattern_for() -> None:
    """An unknown entity is named with the nearest, and the next step."""
    from synthgen.errors import JobError
    from synthgen.job import SeedsConfig

    with pytest.raises(JobError, match="no pattern for EMAIL_ADRESS; did you mean EMAIL_ADDRESS"):
        open_detector(SeedsConfig(), ["EMAIL_ADRESS"])
