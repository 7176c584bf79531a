"""A job's checks become judges, cheapest first."""

from __future__ import annotations

from synthgen.checks import build_checks
from synthgen.checks.chatter import ChatterCheck
from synthgen.checks.label import LabelCheck
from synthgen.checks.language import LanguageCheck
from synthgen.checks.length import LengthCheck
from synthgen.checks.pattern import PatternCheck
from synthgen.checks.placeholder import PlaceholderCheck
from synthgen.checks.refusal import RefusalCheck
from synthgen.checks.repetitive import RepetitiveCheck
from synthgen.checks.seeds import CopiedSeedCheck
from synthgen.job import CheckConfig, DuplicateCheck, LeakageCheck
from tests.checks.conftest import MakeRow

ALL: list[CheckConfig] = [
    LanguageCheck(check="language", languages=["en"]),
    CopiedSeedCheck(check="copied_seed"),
    LabelCheck(check="label"),
    RepetitiveCheck(check="repetitive"),
    ChatterCheck(check="chatter"),
    DuplicateCheck(check="duplicate"),
    RefusalCheck(check="refusal"),
    PlaceholderCheck(check="placeholder"),
    LeakageCheck(check="leakage"),
    PatternCheck(check="pattern", must_match=["a"]),
    LengthCheck(check="length", min_chars=3),
]


def test_build_checks_puts_the_cheapest_first_and_leaves_other_rooms_theirs() -> None:
    """Duplicates, leakage and labels look at other rows and are judged elsewhere."""
    names = [check.name for check in build_checks(ALL, language=None)]
    assert names == ["length", "pattern", "placeholder", "refusal", "chatter", "repetitive", "copied_seed", "language"]


def test_build_checks_adds_the_jobs_language() -> None:
    """A job that names its language has it checked, once."""
    assert [check.name for check in build_checks([], language="en")] == ["language"]
    assert [check.name for check in build_checks(ALL, language="de")].count("language") == 1
    assert build_checks([], language=None) == []


def test_build_checks_empty_language_list_takes_the_jobs(row: MakeRow) -> None:
    """`check: language` without languages means the job's own; where there is none, nothing is checked."""
    config = LanguageCheck(check="language")
    german = "Wo ist denn meine neue Karte geblieben?"
    (check,) = build_checks([config], language="de")
    assert check.judge(row(german)) is None
    assert check.judge(row("Where on earth is my new card?")) is not None
    assert build_checks([config], language=None) == []


def test_build_checks_keeps_every_one_of_a_kind(row: MakeRow) -> None:
    """Two pattern checks, for two classes, are two checks."""
    configs = [PatternCheck(check="pattern", must_match=[word], labels=[word]) for word in ("card", "loan")]
    checks = build_checks(configs, language=None)
    objections = [[c.judge(row("my card", label)) is not None for c in checks] for label in ("card", "loan", "other")]
    assert objections == [[False, False], [False, True], [False, False]]


def test_a_check_of_another_field_reads_that_field(row: MakeRow) -> None:
    """The response is judged, not the instruction; the evidence names the field; a row without it passes."""
    (check,) = build_checks([LengthCheck(check="length", field="response", min_chars=5)], language=None)
    answered = row("Name a prime.")._replace(fields={"text": "Name a prime.", "response": "7"})
    rejection = check.judge(answered)
    assert rejection is not None
    assert (rejection.evidence["field"], rejection.evidence["chars"]) == ("response", 1)
    assert check.judge(row("x")) is None
    assert check.judge(answered._replace(fields={"response": ["a list"]})) is None
