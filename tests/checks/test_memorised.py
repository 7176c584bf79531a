"""The memorised check: a long passage of a real row is turned down, with the row and the passage."""

from __future__ import annotations

from synthgen.checks import build_checks
from synthgen.checks.memorised import MemorisedCheck
from synthgen.records import Reason, Row
from tests.checks.conftest import MakeRow

REAL = [Row("train:1", "I lost my black bag on the night bus to the harbour", "lost")]


def test_memorised_passages_are_rejected(row: MakeRow) -> None:
    """Six words in a row where five are allowed; five pass; without real rows nothing is memorised."""
    (check,) = build_checks([MemorisedCheck(check="memorised", max_words=5)], language=None, real=REAL)
    rejection = check.judge(row("Help: my black bag on the night train!"))
    assert rejection is not None
    assert rejection.reason is Reason.MEMORISED
    assert rejection.evidence["shared"] == "my black bag on the night"
    assert (rejection.evidence["id"], rejection.evidence["words"]) == ("train:1", 6)
    assert check.judge(row("a black bag on the night train")) is None
    (unable,) = build_checks([MemorisedCheck(check="memorised")], language=None)
    assert unable.judge(row(REAL[0].text)) is None
