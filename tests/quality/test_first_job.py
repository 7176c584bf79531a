"""`synthgen init`: finds the columns, proposes targets, writes a job file that plans, and overwrites nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from synthgen.api import load_prepared
from synthgen.cli import cli
from synthgen.job import parse_job
from synthgen.quality.columns import guess_label, guess_text
from synthgen.quality.splitting import split_places
from synthgen.records import Row
from tests.quality.conftest import MakeRows


def invoke(*args: object) -> Result:
    return CliRunner().invoke(cli, ["init", *map(str, args)])


def write(path: Path, rows: list[Row], header: str = "message,topic") -> Path:
    path.write_text(header + "\n" + "".join(f'"{r.text}","{r.label}"\n' for r in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("labels", [("lost", "late"), ("007", "true"), ("a: b", '#x "" y'), ("größe", "日本")])
def test_init_writes_a_job_that_plans(tmp_path: Path, make_rows: MakeRows, labels: tuple[str, str]) -> None:
    """Whatever the classes are called; rarer classes get more beside their rows."""
    rows = [Row("", r.text, labels[0]) for r in make_rows("lost", 40, 1)]
    rows += [Row("", r.text, labels[1]) for r in make_rows("late", 5, 1)]
    data = write(tmp_path / "my rows.csv", rows)
    done = invoke(data, "--output", tmp_path / "jobs" / "job.yaml")
    assert done.exit_code == 0, done.output
    assert "no test rows" in done.output
    prepared = load_prepared(tmp_path / "jobs" / "job.yaml")
    read = [label.replace('""', '"') for label in labels]
    assert prepared.targets == {read[1]: 12, read[0]: 94}
    maker = prepared.slot_maker()
    assert maker.make(read[1], 0).request.prompt.messages


def test_init_overwrites_nothing(tmp_path: Path, make_rows: MakeRows) -> None:
    """Neither a job file nor the files of a split."""
    data = write(tmp_path / "rows.csv", make_rows("lost", 20, 1) + make_rows("late", 20, 1))
    job = tmp_path / "job.yaml"
    job.write_text("mine")
    assert "is there already" in str(invoke(data, "--output", job).exception)
    assert job.read_text() == "mine"
    (tmp_path / "rows-test.csv").write_text("mine")
    assert "is there already" in str(invoke(data, "--output", tmp_path / "new.yaml", "--split", 0.2).exception)
    assert not (tmp_path / "rows-train.csv").exists()


def test_init_splits_only_when_asked(tmp_path: Path, make_rows: MakeRows) -> None:
    """The same share of every class, all rows in one of the two files, and the job names both."""
    data = write(tmp_path / "rows.csv", make_rows("lost", 20, 1) + make_rows("late", 10, 1))
    done = invoke(data, "--output", tmp_path / "job.yaml", "--split", 0.2)
    assert done.exit_code == 0, done.output
    prepared = load_prepared(tmp_path / "job.yaml")
    assert prepared.test is not None
    assert {label: len(rows) for label, rows in prepared.test.by_label().items()} == {"lost": 4, "late": 2}
    assert len(prepared.train.rows) == 24
    assert not {r.text for r in prepared.train.rows} & {r.text for r in prepared.test.rows}


def test_init_without_classes_or_rare_ones(tmp_path: Path, make_rows: MakeRows) -> None:
    """A table of texts only asks for rows; a class of two rows is left out and told."""
    texts = tmp_path / "texts.jsonl"
    texts.write_text("".join(f'{{"body": "{r.text}"}}\n' for r in make_rows("lost", 30, 1)))
    assert invoke(texts, "--output", tmp_path / "one.yaml").exit_code == 0
    assert load_prepared(tmp_path / "one.yaml").targets == {"": 70}
    data = write(tmp_path / "rows.csv", make_rows("lost", 30, 1) + make_rows("late", 2, 1))
    done = invoke(data, "--output", tmp_path / "two.yaml")
    assert "Left out, having fewer than 3 rows to write after: late" in done.output
    assert list(load_prepared(tmp_path / "two.yaml").targets) == ["lost"]


def test_guesses_by_name_then_by_content() -> None:
    """Usual names first; else the longest texts, and the fewest values that say something."""
    records = [{"id": str(i), "a": f"some long words {i}", "b": "xyz"[i % 3], "c": f"u{i}"} for i in range(30)]
    assert guess_text(records, ["id", "a", "b", "c"], but=None) == "a"
    assert guess_label(records, ["id", "a", "b", "c"], but="a") == "b"
    assert guess_label(records, ["id", "a", "c"], but="a") is None
    named = [{"intent": "x", "Text": "hm", "notes": "a very long remark"}]
    assert guess_text(named, ["intent", "Text", "notes"], but=None) == "Text"
    assert guess_label(named, ["intent", "Text", "notes"], but="Text") == "intent"


def test_split_places_keeps_equal_rows_together() -> None:
    """Repeats go the same way, a text under two classes is never tested on, and a class keeps a row to train on."""
    rows = [Row("", f"text {i % 10}", "a") for i in range(40)] + [Row("", "text 3", "b"), Row("", "only", "c")]
    held = split_places(rows, 0.3, seed=1)
    assert {rows[i].text for i in held}.isdisjoint(rows[i].text for i in range(42) if i not in held)
    assert "text 3" not in {rows[i].text for i in held}
    assert 8 <= len(held) <= 12
    assert 41 not in held
    assert held == split_places(rows, 0.3, seed=1) != split_places(rows, 0.3, seed=2)


def test_init_prints_what_it_found_as_json(tmp_path: Path, make_rows: MakeRows) -> None:
    """One object as the last line of stdout; what is for people goes to stderr. Personal data is pointed out."""
    rows = [*make_rows("lost", 12, 1), *make_rows("late", 3, 1), Row("", "mail jane@roe.org", "late")]
    data = write(tmp_path / "rows.csv", rows)
    done = invoke(data, "--output", tmp_path / "job.yaml", "--split", "0.25", "--json")
    assert done.exit_code == 0, done.output
    assert len(done.stdout.strip().splitlines()) == 1
    found = json.loads(done.stdout)
    assert found["has_test"]
    assert found["train"].endswith("rows-train.csv")
    assert found["classes"]["late"]["target"] > 0
    assert (
        any("1 EMAIL_ADDRESS" in note for note in found["notes"]) or "jane" in (tmp_path / "rows-test.csv").read_text()
    )
    assert "written" in done.stderr


@pytest.mark.parametrize("name", ["2024", "1e3", "null", "yes", "0x1F", "2024-12-01", "a b", "part[12]"])
def test_whatever_init_writes_plan_reads(tmp_path: Path, name: str) -> None:
    """Names and paths that YAML would read as something else are quoted."""
    rows = "\n".join(f"where is my {word} today,{label}" for word in "abcdefgh" for label in ("lost", "found"))
    (tmp_path / f"{name}.csv").write_text(f"text,label\n{rows}\n")
    runner = CliRunner()
    done = runner.invoke(cli, ["init", str(tmp_path / f"{name}.csv"), "--output", str(tmp_path / "job.yaml")])
    assert done.exit_code == 0, done.output
    job = parse_job((tmp_path / "job.yaml").read_text(), name="job.yaml")
    assert job.data.train == f"{name}.csv"


def test_init_says_what_is_odd_about_the_classes(tmp_path: Path) -> None:
    """Classes that look alike and a text with two classes, before a job is written on them."""
    rows = [f"free money number {i} waits,{label}" for i in range(4) for label in ("spam", "SPAM")]
    (tmp_path / "t.csv").write_text("text,label\n" + "\n".join(rows) + "\n")
    done = CliRunner().invoke(cli, ["init", str(tmp_path / "t.csv"), "--output", str(tmp_path / "job.yaml")])
    assert done.exit_code == 0, done.output
    text = (tmp_path / "job.yaml").read_text()
    assert "look like one class" in text
    assert "more than one class: 4" in text
