"""What a machine can be sure of by its form, and what only looks like it."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from synthgen.privacy.patterns import PatternDetector

REAL_DATA = Path(__file__).parents[3] / "shared" / "data"


def found(text: str) -> list[tuple[str, str]]:
    return [(f.entity, text[f.start : f.end]) for f in PatternDetector().find(text)]


@pytest.mark.parametrize(
    ("text", "entity", "value"),
    [
        ("write to jane.roe+bank@mail.example-bank.co.uk.", "EMAIL_ADDRESS", "jane.roe+bank@mail.example-bank.co.uk"),
        ("café@müller.de please", "EMAIL_ADDRESS", "café@müller.de"),
        ("<jane@roe.org>", "EMAIL_ADDRESS", "jane@roe.org"),
        ("call +44 7911 123456 now", "PHONE_NUMBER", "+44 7911 123456"),
        ("Call 09061701461. Claim", "PHONE_NUMBER", "09061701461"),
        ("it is (212) 867-5309, ok?", "PHONE_NUMBER", "(212) 867-5309"),
        ("212-867-5309", "PHONE_NUMBER", "212-867-5309"),
        ("llámame al 612 345 678", "PHONE_NUMBER", "612 345 678"),
        ("appelez le 06 12 34 56 78", "PHONE_NUMBER", "06 12 34 56 78"),
        ("my phone number is 8675309", "PHONE_NUMBER", "8675309"),
        ("card 4532 0151 1283 0366!", "CREDIT_CARD", "4532 0151 1283 0366"),
        ("378282246310005", "CREDIT_CARD", "378282246310005"),
        ("IBAN GB82 WEST 1234 5698 7654 32 is mine", "IBAN_CODE", "GB82 WEST 1234 5698 7654 32"),
        ("de89370400440532013000", "IBAN_CODE", "de89370400440532013000"),
        ("from 203.0.114.9 today", "IP_ADDRESS", "203.0.114.9"),
        ("at 2a00:1450:4001:81b::200e", "IP_ADDRESS", "2a00:1450:4001:81b::200e"),
        ("ssn 536-90-4399", "US_SSN", "536-90-4399"),
    ],
)
def test_patterns_find_what_has_a_form(text: str, entity: str, value: str) -> None:
    """Each entity in the ways that people write it, whole, and nothing beside it."""
    assert found(text) == [(entity, value)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "order 5521987744 has not come",
        "card ending 4532 0151 1283 0367",  # the last digit is wrong
        "GB82 WEST 1234 5698 7654 33",
        "on 12/05/2021 at 10:30:15",
        "2021-05-12 11",
        "1,234,567.89 euros",
        "version 3.11.7 and 1.2.3.4.5",
        "999.999.1.1 is no address",
        "127.0.0.1 is this machine",
        "000-12-3456",
        "user@localhost",
        "2 @ 3.50 each",
        "the ratio is 10::20 or so",
        "0000000000000000",
        "see you @ 8",
        "call it 1698660.18 euros",
        "ISBN 978-3-16-148410-0",
    ],
)
def test_patterns_leave_other_numbers_alone(text: str) -> None:
    """Order numbers, amounts, dates, versions and what fails its own check are not personal data."""
    assert found(text) == []


def test_patterns_do_not_overlap() -> None:
    """Of two readings of one stretch the surer is kept: a card's digits are not also a telephone number."""
    text = "call me about 4532 0151 1283 0366"
    assert found(text) == [("CREDIT_CARD", "4532 0151 1283 0366")]


def test_patterns_take_long_texts_in_good_time() -> None:
    """A hundred thousand hostile characters are no trap for the expressions."""
    import time

    began = time.process_time()
    for part in ("a.", "1 ", "1-", "AB12 ", "@a.", "1.", "ab:", "(1"):
        PatternDetector().find(part * (100_000 // len(part)))
    assert time.process_time() - began < 20


def test_patterns_on_real_rows() -> None:
    """10,003 customers' questions hold none; of 5,574 messages the 200 odd numbers to call are found."""
    if not REAL_DATA.is_dir():
        pytest.skip("the shared real data is not here")
    detector = PatternDetector()
    with (REAL_DATA / "banking77" / "train.csv").open(encoding="utf-8", newline="") as file:
        assert not [row for row in csv.DictReader(file) if detector.find(row["text"])]
    lines = (REAL_DATA / "sms_spam" / "SMSSpamCollection").read_text(encoding="utf-8").splitlines()
    hits = dict.fromkeys(("ham", "spam"), 0)
    for line in lines:
        label, text = line.split("\t", 1)
        hits[label] += bool(detector.find(text))
    assert hits["spam"] > 300
    assert hits["ham"] < 15
