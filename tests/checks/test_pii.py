"""Personal data in a row: rejected, redacted or flagged, entity by entity, in every text of the row."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from synthgen.checks import build_checks, measure_row, measuring, rewrite_row
from synthgen.checks.pii import Pii, PiiCheck
from synthgen.records import Candidate, Reason


def check(**settings: Any) -> Pii:
    return Pii(PiiCheck(check="pii", detector="patterns", **settings), None)


def candidate(text: str, **fields: Any) -> Candidate:
    return Candidate("r1", "s1", "a", 0, 0, text, {"text": text, **fields})


def test_pii_rejects_by_default_and_shows_only_a_mask() -> None:
    """Anything that the patterns know turns a row down; the evidence names it without repeating it."""
    rejection = check().judge(candidate("mail jane@roe.org"))
    assert rejection is not None
    assert rejection.reason is Reason.PII
    assert rejection.evidence == {"entity": "EMAIL_ADDRESS", "score": 1.0, "at": 5, "found": "j... (12 characters)"}
    assert check().judge(candidate("no mail here")) is None


def test_pii_lets_examples_pass() -> None:
    """What belongs to nobody is no personal data, so a stand-in that a model repeats costs no row."""
    assert check().judge(candidate("mail alex@example.com or call (202) 555-0101")) is None


def test_pii_does_for_each_entity_what_is_asked() -> None:
    """One kind is turned down, one replaced, one put before a person; what no list names is left alone."""
    pii = check(reject=["CREDIT_CARD"], redact=["EMAIL_ADDRESS"], flag=["PHONE_NUMBER"])
    asked = candidate("jane@roe.org, +44 7911 123456, 198.18.3.4")
    changed, found = rewrite_row([pii], asked)
    assert changed.text.endswith("@example.com, +44 7911 123456, 198.18.3.4")
    assert changed.fields == {"text": changed.text}
    assert found == {"redacted": {"EMAIL_ADDRESS": 1}}
    assert pii.judge(changed) is None
    assert measure_row(measuring([pii]), changed) == {"pii": {"PHONE_NUMBER": 1}, "review": True}
    assert pii.judge(candidate("4532 0151 1283 0366")) is not None


def test_pii_looks_at_every_text_of_a_row() -> None:
    """A response, or one of a list of tags, may hold it as well as the text; `field` keeps to one."""
    asked = candidate("fine", response="write to jane@roe.org", tags=["x", "198.18.3.4"], count=3)
    rejection = check().judge(asked)
    assert rejection is not None
    assert rejection.evidence["field"] == "response"
    assert check(field="tags", reject=["EMAIL_ADDRESS"]).judge(asked) is None
    changed, found = check(redact=["EMAIL_ADDRESS", "IP_ADDRESS"]).rewrite(asked)
    assert changed.fields["response"].endswith("@example.com")
    assert changed.fields["tags"][1].startswith("192.0.2.")
    assert changed.fields["count"] == 3
    assert found == {"redacted": {"EMAIL_ADDRESS": 1, "IP_ADDRESS": 1}}


def test_pii_redacts_the_same_way_each_time_and_rows_apart() -> None:
    """A replay gives the same row; two rows do not all get the same stand-in."""
    pii = check(redact=["EMAIL_ADDRESS"])
    asked = [candidate("jane@roe.org")._replace(id=f"r{i}") for i in range(20)]
    texts = [pii.rewrite(one)[0].text for one in asked]
    assert texts == [check(redact=["EMAIL_ADDRESS"]).rewrite(one)[0].text for one in asked]
    assert len(set(texts)) > 5


def test_pii_comes_last_among_the_checks() -> None:
    """It may be the dearest, so what a cheap check turns down is not looked at."""
    configs = [PiiCheck(check="pii", detector="patterns")]
    assert [c.name for c in build_checks(configs, language="en")] == ["language", "pii"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"reject": ["URL"], "flag": ["URL"]}, "URL is named twice"),
        ({"spacy_model": "en_core_web_sm", "detector": "patterns"}, "needs `detector: presidio`"),
        ({"min_score": 2}, "less than or equal to 1"),
    ],
)
def test_pii_settings_that_mean_nothing_are_refused(settings: dict[str, Any], said: str) -> None:
    """Before anything runs."""
    with pytest.raises(ValidationError, match=said):
        PiiCheck(check="pii", **settings)
