"""The job file: every complaint names file, line and field."""

from __future__ import annotations

from pathlib import Path

import pytest

from synthgen.api import load_prepared
from synthgen.checks.length import LengthCheck
from synthgen.checks.pattern import PatternCheck
from synthgen.errors import JobError
from synthgen.job import parse_job

GOOD = """\
name: demo
data: {train: train.csv, label: intent}
targets: {late: 3, lost: 4}
models:
  - provider: local
"""


def complaint(text: str) -> str:
    with pytest.raises(JobError) as caught:
        parse_job(text, name="job.yaml")
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_job_reads_the_documented_keys() -> None:
    """Every key of the design's job file is understood."""
    job = parse_job(
        """
name: card-arrival
recipe: balance
data: {train: data/train.csv, test: data/test.csv, text: text, label: intent}
targets: {card_arrival: 200}
models:
  - provider: openai
    model: gpt-4o-mini
    base_url: http://127.0.0.1:8000/v1
    api_key_env: OPENAI_API_KEY
    limits: {requests_per_min: 10000, tokens_per_min: 2000000, max_concurrency: 512}
    params: {temperature: 0.9, max_tokens: 400}
    timeout_s: 60
prompt: {template: balance/default.j2, seeds: 5, items: 5}
attributes: {tone: [polite, angry, terse]}
checks:
  - {check: length, min_chars: 10, max_chars: 300}
  - {check: duplicate, threshold: 0.95}
  - {check: label}
budget: {max_usd: 1.50, max_tokens: 500000, max_requests: 2000, deadline: "07:00"}
seed: 0
""",
        name="job.yaml",
    )
    assert job.models[0].limits.max_concurrency == 512
    assert job.budget.deadline == "07:00"
    assert job.checks is not None
    assert job.checks[0] == LengthCheck(check="length", min_chars=10, max_chars=300)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD + "promt: {}\n", "job.yaml:6: promt: unknown key 'promt'; did you mean 'prompt'?"),
        (
            GOOD.replace("provider: local", "provider: local\n    limits: {request_per_min: 3}"),
            "job.yaml:6: models[0].limits.request_per_min: unknown key 'request_per_min'; "
            "did you mean 'requests_per_min'?",
        ),
        (
            GOOD + "checks:\n  - {check: lenth}\n",
            "job.yaml:7: checks[0]: no check is called 'lenth'; did you mean 'length'?",
        ),
        (GOOD + "checks:\n  - {check: length, min_char: 3}\n", "job.yaml:7: checks[0].min_char: unknown key"),
        (
            GOOD + "checks:\n  - {check: pattern, must_match: ['(']}\n",
            "job.yaml:7: checks[0].must_match: not a regular",
        ),
        (GOOD + "budget: {max_usd: -1}\n", "job.yaml:6: budget.max_usd: should be greater than 0"),
        (GOOD + "budget: {deadline: soon}\n", "job.yaml:6: budget.deadline: write a time of day"),
        (GOOD + "name: again\n", "job.yaml:6: name: written twice"),
        (
            GOOD.replace("late: 3", "late: many"),
            "job.yaml:3: targets.late: rows of class 'late' must be a whole number",
        ),
        (GOOD.replace("{late: 3, lost: 4}", "7"), "with `data.label` set"),
        (GOOD.replace(", label: intent", ""), "targets by class need `data.label`"),
        (GOOD.replace("provider: local", "provider: openai"), "job.yaml:5: models[0]: needs `model:`"),
        (GOOD + "schema: {text: {type: strr}}\n", "job.yaml:6: schema.text.type"),
        (GOOD + "schema: nonsense\n", "job.yaml:6: schema: write fields, or `module:Model`"),
        ("name: [x", "job.yaml:1: not valid YAML"),
        ("", "job.yaml: not a job file"),
        ("data: {}\n", "job.yaml:1: name: missing"),
    ],
)
def test_job_complaint_names_line_field_and_nearest_key(text: str, said: str) -> None:
    """A wrong job file is refused with the place and, for a typo, the known name."""
    assert said in complaint(text)


def test_job_reports_all_complaints_at_once() -> None:
    """Two mistakes are told in one go."""
    said = complaint(GOOD + "promt: 1\nbudgett: 2\n" + "seed: x\n")
    assert "seed" in complaint(GOOD + "seed: x\nlanguage: English\n")
    assert "language" in complaint(GOOD + "seed: x\nlanguage: English\n")
    assert "promt" in said


def test_job_keys_and_words_stay_text() -> None:
    """`yes`, `1` and `07:00` are what they look like, not booleans, numbers or sexagesimals."""
    job = parse_job(GOOD.replace("{late: 3, lost: 4}", "{yes: 3, 1: 4, on: 5}"), name="j")
    assert job.targets == {"yes": 3, "1": 4, "on": 5}
    assert parse_job(GOOD + "budget: {deadline: 07:00}\n", name="j").budget.deadline == "07:00"
    assert parse_job(GOOD + "attributes: {mood: [yes, no]}\n", name="j").attributes == {"mood": ["yes", "no"]}


def test_job_check_may_be_switched_off() -> None:
    """`enabled: false` is understood by every check."""
    job = parse_job(GOOD + "checks: [{check: pattern, must_match: [a], enabled: false}]\n", name="j")
    assert job.checks == [PatternCheck(check="pattern", must_match=["a"], enabled=False)]


def test_data_may_say_how_it_is_read_and_where_home_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A separator, an encoding, and `~`."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "t.csv").write_bytes("text|label\nwo ist die Straße, bitte|a\nžluť|a\n".encode("cp1250", "replace"))
    text = """\
name: t
data: {train: ~/t.csv, text: text, label: label, separator: "|", encoding: cp1250}
targets: {a: 1}
models: [{provider: local}]
"""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "job.yaml").write_text(text)
    rows = load_prepared(tmp_path / "sub" / "job.yaml").train.rows
    assert rows[0].text == "wo ist die Straße, bitte"
    with pytest.raises(JobError, match="separator"):
        parse_job(text.replace('"|"', '"--"'), name="job.yaml")
