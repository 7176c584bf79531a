"""A function of the user's own as a check."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from synthgen.checks import build_checks
from synthgen.checks.function import FunctionCheck
from synthgen.checks.protocol import Check
from synthgen.data.models import load_check
from synthgen.errors import JobError
from synthgen.job import Job, parse_job
from synthgen.quality.checking import parse_check
from synthgen.records import Reason
from tests.checks.conftest import MakeRow

SOURCE = """
def shouts(text, fields):
    if text.isupper():
        return "all in capitals"
    return None

def counted(text, fields):
    return ("too many", {"fields": sorted(fields), "at": {1, 2}}) if "!!" in text else None

def breaks(text, fields):
    return fields["nowhere"]

def answers(text, fields):
    return False

def leaves(text, fields):
    raise SystemExit(3)

def one(text):
    return None

async def later(text, fields):
    return None

number = 7
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "own_checks.py").write_text(SOURCE)
    (tmp_path / "own_broken.py").write_text("import nothing_of_that_name\n")
    yield tmp_path
    for name in ("own_checks", "own_broken"):
        sys.modules.pop(name, None)


def build(folder: Path, name: str, **keys: Any) -> Check:
    config = FunctionCheck(check=name, **keys)
    (check,) = build_checks([config], language=None, load=functools.partial(load_check, base=folder))
    return check


def test_function_passes_a_row_by_none_and_rejects_it_by_a_reason(folder: Path, row: MakeRow) -> None:
    """The evidence names the function and its reason, and what else it says, as JSON values."""
    shouts = build(folder, "own_checks:shouts")
    assert shouts.judge(row("quiet")) is None
    rejection = shouts.judge(row("LOUD"))
    assert rejection is not None
    assert (rejection.reason, rejection.evidence) == (
        Reason.CHECK,
        {"check": "own_checks:shouts", "why": "all in capitals"},
    )
    rejection = build(folder, "own_checks:counted").judge(row("hey!!"))
    assert rejection is not None
    assert rejection.evidence == {
        "check": "own_checks:counted",
        "fields": ["text"],
        "at": "{1, 2}",
        "why": "too many",
    }


@pytest.mark.parametrize(
    ("name", "evidence"),
    [
        ("breaks", {"why": "the function failed", "exception": "KeyError: 'nowhere'"}),
        ("leaves", {"why": "the function failed", "exception": "SystemExit: 3"}),
        ("answers", {"why": "the function returned neither None nor a reason", "returned": "False"}),
    ],
)
def test_function_that_fails_rejects_the_row_and_says_so(
    folder: Path, row: MakeRow, name: str, evidence: dict[str, str]
) -> None:
    """No exception of the user's code ends a run: it is the row's evidence."""
    rejection = build(folder, f"own_checks:{name}").judge(row("a text"))
    assert rejection is not None
    assert rejection.evidence == {"check": f"own_checks:{name}", **evidence}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("own_missing:f", "cannot import 'own_missing'"),
        ("own_broken:f", "No module named 'nothing_of_that_name'"),
        ("own_checks:nothing", "has no 'nothing'"),
        ("own_checks:number", "is no function"),
        ("own_checks:one", "cannot be called with (text, fields)"),
        ("own_checks:later", "is async"),
    ],
)
def test_function_that_cannot_be_used_is_refused_before_the_run(folder: Path, name: str, words: str) -> None:
    """A job error when the checks are built, never a traceback."""
    with pytest.raises(JobError) as caught:
        build(folder, name)
    assert words in str(caught.value)


def test_function_reads_another_field_and_judges_last(folder: Path, row: MakeRow) -> None:
    """`field` works as for any check of a text; what costs nobody knows how much comes after ours."""
    check = build(folder, "own_checks:shouts", field="answer")
    rejection = check.judge(row("quiet")._replace(fields={"answer": "LOUD"}))
    assert rejection is not None
    assert rejection.evidence["field"] == "answer"
    configs = [FunctionCheck(check="own_checks:shouts"), *map(parse_check, ("pii:detector=patterns", "length"))]
    load = functools.partial(load_check, base=folder)
    built = build_checks(configs, language="en", load=load)
    assert [c.name for c in built] == ["length", "language", "pii", "own_checks:shouts"]


JOB = "name: j\ndata: {train: a.csv}\ntargets: 3\nchecks:\n- {check: length, min_chars: 2}\n- check: CHECK\n"


def test_job_with_a_function_imports_nothing_and_goes_through_the_journal() -> None:
    """Reading a job runs nobody's code; the job as the journal keeps it reads as the same job."""
    job = parse_job(JOB.replace("CHECK", "own_checks:shouts"), name="job.yaml")
    assert "own_checks" not in sys.modules
    assert Job.model_validate(job.model_dump(mode="json", by_alias=True)) == job
    assert Job.model_validate(job.model_dump(mode="json")) == job
    assert job.model_dump(mode="json")["checks"][0] == {
        "enabled": True, "field": None, "check": "length",
        "min_chars": 2, "max_chars": None, "min_words": None, "max_words": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("lenght", "job.yaml:6: checks[1]: no check is called 'lenght'; did you mean 'length'?"),
        ("a-b:c", "job.yaml:6: checks[1].check: "),
        ("[1]", "job.yaml:6: checks[1]: no check is called"),
    ],
)
def test_a_check_that_is_none_is_refused_with_its_line(written: str, words: str) -> None:
    """File, line, field, and the nearest name."""
    with pytest.raises(JobError) as caught:
        parse_job(JOB.replace("CHECK", written), name="job.yaml")
    assert words in str(caught.value)


def test_parse_check_reads_a_function_with_settings() -> None:
    """On the command line, too; a known check's name stays that check's."""
    config = parse_check("own_checks:shouts:field=answer")
    assert (config.check, config.model_dump()["field"]) == ("own_checks:shouts", "answer")
    with pytest.raises(JobError, match="is no setting"):
        parse_check("length:shouts")
