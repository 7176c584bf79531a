"""The checks of a job on a file: as in a run, with reasons and evidence, and never a row lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from synthgen.checks.length import LengthCheck
from synthgen.checks.pattern import PatternCheck
from synthgen.cli import cli
from synthgen.errors import JobError
from synthgen.quality.checking import check_rows, parse_check, read_checks
from synthgen.quality.vectors import TextVectors
from synthgen.records import Row
from tests.quality.conftest import MakeRows

CLASSES = ("lost", "broken", "late", "fare")


def test_parse_check_reads_names_settings_and_lists() -> None:
    """Numbers as numbers, lists with bars."""
    assert parse_check("length:min_chars=3,max_words=9") == LengthCheck(check="length", min_chars=3, max_words=9)
    assert parse_check("pattern:must_not_match=foo|bar") == PatternCheck(check="pattern", must_not_match=["foo", "bar"])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("lenght", "no check is called 'lenght'; did you mean 'length'"),
        ("length:min_chrs=3", "did you mean 'min_chars'"),
        ("length:min_chars", "'min_chars' is no setting"),
        ("length:min_chars=many", "valid integer"),
        ("pattern:must_match=(", "not a regular expression"),
    ],
)
def test_parse_check_says_what_is_wrong(text: str, why: str) -> None:
    """With the nearest known name."""
    with pytest.raises(JobError, match=why):
        parse_check(text)


def test_read_checks_takes_a_list_or_a_job_file(tmp_path: Path) -> None:
    """Switched-off checks are left out; a wrong one is told with its line."""
    path = tmp_path / "checks.yaml"
    path.write_text("- {check: length, min_chars: 3}\n- {check: refusal, enabled: false}\n")
    assert [c.check for c in read_checks(path)] == ["length"]
    path.write_text("name: x\nchecks:\n  - {check: length, min_chars: 3}\n  - {check: lable}\n")
    with pytest.raises(JobError, match=r"checks\.yaml:4: .*did you mean 'label'"):
        read_checks(path)
    path.write_text("name: x\n")
    with pytest.raises(JobError, match="holds no list of checks"):
        read_checks(path)


def test_planted_wrong_labels_are_found(make_rows: MakeRows) -> None:
    """Rows of other classes under this one's name are rejected, with what they read as; few good ones are lost."""
    train = [row for c in CLASSES for row in make_rows(c, 60, 1)]
    good = make_rows("lost", 60, 2)
    planted = [Row(f"p{r.id}", r.text, "lost") for c in ("broken", "late") for r in make_rows(c, 10, 3)]
    found = check_rows([*good, *planted], [parse_check("label")], train=train, vectors=TextVectors("hashing"))
    rejected = [r is not None for r in found.rejections]
    assert sum(rejected[60:]) >= 14
    assert sum(rejected[:60]) <= 3
    evidence = next(r for r in found.rejections[60:] if r is not None).evidence
    assert evidence["predicted"] in CLASSES
    said = found.as_json([r.label for r in [*good, *planted]])
    assert said["label_check"]["accuracy"] > 0.7
    assert said["classes"]["lost"]["kept"] == 80 - sum(rejected)


def test_checks_that_lack_their_rows_say_so(make_rows: MakeRows) -> None:
    """Each with the option that brings them."""
    lacking = {
        "label": "--train",
        "leakage": "--test",
        "copied_seed": "duplicate",
        "unchanged": "which row each of its rows was made from",
        "change:level=low": "which row each of its rows was made from",
        "length:field=response,min_chars=3": "--text-column response",
    }
    for name, hint in lacking.items():
        with pytest.raises(JobError) as caught:
            check_rows(make_rows("lost", 3, 1), [parse_check(name)], vectors=TextVectors("hashing"))
        assert hint in str(caught.value)


def invoke(*args: object) -> Result:
    return CliRunner().invoke(cli, ["check", "--encoder", "hashing", *map(str, args)])


def test_check_command_parts_a_file_in_two(tmp_path: Path, make_rows: MakeRows) -> None:
    """Every row is in one of the two, untouched but for reason and evidence; of two equal rows the first stays."""
    rows = [{"n": i, "text": r.text, "label": r.label, "deep": {"a": [1, None]}} for i, r in enumerate(make_rows("lost", 6, 1))]  # fmt: skip
    rows += [{"n": 6, "text": rows[0]["text"].upper(), "label": "lost"}, {"n": 7, "text": "hi", "label": "lost"}, {"n": 8, "text": "", "label": "lost"}, {"n": 9, "text": "As an AI language model, I cannot do that.", "label": "lost"}]  # fmt: skip
    source = tmp_path / "rows.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    before = source.read_bytes()
    done = invoke(source, "--check", "length:min_chars=5", "--check", "refusal", "--check", "duplicate:near=false", "--output", tmp_path / "kept.jsonl", "--removed", tmp_path / "removed.jsonl", "--json")  # fmt: skip
    assert done.exit_code == 0, done.output
    said = json.loads(done.output.strip().splitlines()[-1])
    assert (said["kept"], said["removed"], said["without_text_or_label"]) == (6, 3, 1)
    assert said["reasons"] == {"exact_duplicate": 1, "too_short": 1, "refusal": 1}
    assert [json.loads(line) for line in (tmp_path / "kept.jsonl").read_text().splitlines()] == rows[:6]
    removed = [json.loads(line) for line in (tmp_path / "removed.jsonl").read_text().splitlines()]
    assert [(r["n"], r["reason"]) for r in removed] == [(6, "exact_duplicate"), (7, "too_short"), (8, "invalid"), (9, "refusal")]  # fmt: skip
    assert removed[0]["evidence_text"] == rows[0]["text"]
    assert source.read_bytes() == before


def test_check_command_refuses_to_write_over_anything_it_read(tmp_path: Path) -> None:
    """The input, or one file twice; and it asks for a check."""
    source = tmp_path / "rows.csv"
    source.write_text("text,label\na b c,x\n")
    assert "never written over" in str(invoke(source, "--check", "refusal", "--output", source).exception)
    out = tmp_path / "out.csv"
    done = invoke(source, "--check", "refusal", "--output", out, "--removed", out)
    assert "are one file" in str(done.exception)
    assert "which checks?" in str(invoke(source).exception)
    assert not out.exists()


def test_check_command_writes_what_it_is_not_sure_of(tmp_path: Path, make_rows: MakeRows) -> None:
    """Rows of a class that the real rows do not have are kept and written for review, and the report says how many."""
    train, made = tmp_path / "real.csv", tmp_path / "made.csv"
    rows = [row for c in ("lost", "late") for row in make_rows(c, 20, 1)]
    train.write_text("text,label\n" + "".join(f"{r.text},{r.label}\n" for r in rows))
    made.write_text("text,label\n" + "".join(f"{r.text},fare\n" for r in make_rows("fare", 3, 2)))
    done = invoke(made, "--train", train, "--check", "label", "--review", tmp_path / "review.csv")
    assert done.exit_code == 0, done.output
    assert "unable to judge 3" in done.output
    assert (tmp_path / "review.csv").read_text().count("unjudged") == 3
