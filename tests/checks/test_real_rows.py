"""Real rows are what the checks must let through. The figures in the checks' docstrings are held here."""

from __future__ import annotations

import pytest

from synthgen.checks.chatter import Chatter
from synthgen.checks.language import Language
from synthgen.checks.placeholder import Placeholder
from synthgen.checks.protocol import Check
from synthgen.checks.refusal import Refusal
from synthgen.checks.repetitive import Repetitive
from tests.checks.conftest import MakeRow, RealRows

WRONGLY: dict[str, tuple[Check, dict[str, int]]] = {
    "refusal": (Refusal(), {}),
    "chatter": (Chatter(), {"sms_spam": 2}),
    "placeholder": (
        Placeholder(),
        {"banking77 test": 1, "msbot_lu en": 7, "msbot_lu de": 1, "sms_spam": 9},
    ),
    "repetitive": (Repetitive(0.3), {"sms_spam": 3}),
}


def counted(check: Check, rows: RealRows, row: MakeRow) -> dict[str, int]:
    hits = {name: sum(check.judge(row(text, label)) is not None for label, text in of) for name, of in rows.items()}
    return {name: count for name, count in hits.items() if count}


@pytest.mark.parametrize("name", WRONGLY)
def test_checks_let_real_rows_through(name: str, real_rows: RealRows, row: MakeRow) -> None:
    """Of 30,889 real rows, no more than these few are taken for an assistant's words, blanks or loops."""
    check, at_most = WRONGLY[name]
    assert sum(map(len, real_rows.values())) == 30_889
    hits = counted(check, real_rows, row)
    assert all(count <= at_most.get(name, 0) for name, count in hits.items()), hits


def test_language_tells_real_rows_apart(real_rows: RealRows, row: MakeRow) -> None:
    """Of every tenth real row next to none is taken for another language's; other languages' are recognised."""
    some = {name: rows[::10] for name, rows in real_rows.items()}
    for name, wanted in {"banking77 train": "en", "sms_spam": "en", "msbot_lu es": "es", "msbot_lu de": "de"}.items():
        assert counted(Language([wanted]), {name: some[name]}, row).get(name, 0) <= 2
    for language in ("es", "fr", "de"):
        name = f"msbot_lu {language}"
        assert counted(Language(["en"]), {name: some[name]}, row)[name] >= 0.85 * len(some[name])
