"""The language that was asked for, with the benefit of the doubt."""

from __future__ import annotations

import subprocess
import sys

import pytest

from synthgen.checks.language import Language
from synthgen.errors import JobError
from synthgen.records import Reason
from tests.checks.conftest import MakeRow


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("¿Dónde está mi tarjeta nueva?", "es"),
        ("Wo ist denn meine neue Karte geblieben?", "de"),
        ("Где моя карта? Я жду уже неделю", "ru"),
        ("我的卡在哪里", "zh"),
        ("今日は天気がいいですね", "ja"),
        ("मेरा कार्ड कब आएगा?", "hi"),
        ("บัตรของฉันอยู่ที่ไหน", "th"),
    ],
)
def test_language_rejects_another_language(row: MakeRow, text: str, language: str) -> None:
    """The evidence says what it reads as and how sure that is; a text in its own language passes."""
    rejection = Language(["en"]).judge(row(text))
    assert rejection is not None
    assert rejection.reason is Reason.LANGUAGE
    assert rejection.evidence["language"] == language
    assert Language(["en", language]).judge(row(text)) is None


@pytest.mark.parametrize(
    "text",
    [
        "Where is my card?",
        "ok",
        "café",
        "no no",
        "Wo?",
        "😀😀😀 😀😀😀 😀😀😀 😀😀😀",
        "12 34 56 78 90 12",
        "Where’s it — late?",
    ],
)
def test_language_gives_the_benefit_of_the_doubt(row: MakeRow, text: str) -> None:
    """English, too short to tell, or no language at all."""
    assert Language(["en"]).judge(row(text)) is None


def test_language_that_nobody_knows_is_a_mistake_in_the_job() -> None:
    """Found when the job is built, with the next step."""
    with pytest.raises(JobError, match="xq"):
        Language(["xq"])


def test_language_loads_its_model_only_when_used() -> None:
    """Start-up does not pay for what a job may not ask for."""
    program = "import sys, synthgen.checks; print({'py3langid', 'sklearn', 'torch'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"
