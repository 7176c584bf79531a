"""The mixing table, the choice of rows, and what mix refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from synthgen.cli import cli
from synthgen.errors import JobError
from synthgen.measure.farthest_point import farthest_first
from synthgen.quality.mixing import choose_rows, new_places, parse_ratio, plan_mix, synthetic_share
from synthgen.quality.tables import read_table
from tests.quality.conftest import MakeRows


def units(*rows: tuple[float, ...]) -> np.ndarray:
    found = np.array(rows, dtype=np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def test_synthetic_share_is_the_table() -> None:
    """Real only from 10,000 on; 70:30 to 50:50 above 1,000; 30:70 below; 0:100 of nothing."""
    shares = [synthetic_share(n) for n in (0, 1, 999, 1000, 9_999, 10_000, 50_000)]
    assert shares == pytest.approx([1.0, 0.7, 0.7, 0.5, 0.3, 0.0, 0.0], abs=1e-4)


def test_plan_mix_reads_the_table_as_if_all_classes_were_as_large() -> None:
    """Of ten classes, one of 20 rows is topped up as if there were 200; one of 1,000 rows not at all."""
    real = {**{f"c{i}": 1000 for i in range(9)}, "rare": 20}
    plans = {p.label: p for p in plan_mix(real, {"rare": 500, "c0": 500, "new": 30}, share=None)}
    assert (plans["rare"].wanted, plans["rare"].taken) == (47, 47)
    assert plans["c0"].taken == 0
    assert plans["new"].taken == 30
    assert "temporary, replace as soon as possible" in plans["new"].warning


def test_plan_mix_warns_above_ten_and_refuses_above_a_hundred() -> None:
    """Ten synthetic rows for each real one pass, eleven warn, over a hundred need a flag."""
    share = parse_ratio("1:1000")
    assert plan_mix({"a": 10}, {"a": 100}, share=share)[0].warning == ""
    assert "11 synthetic rows for each real one" in plan_mix({"a": 10}, {"a": 110}, share=share)[0].warning
    with pytest.raises(JobError, match="class 'a': 1,001 synthetic rows for 10 real ones, more than 100"):
        plan_mix({"a": 10}, {"a": 1001}, share=share)
    assert plan_mix({"a": 10}, {"a": 1001}, share=share, allow_extreme=True)[0].taken == 1001


@pytest.mark.parametrize("text", ["7", "a:b", "-1:2", "0:0", "1:inf"])
def test_parse_ratio_refuses_nonsense(text: str) -> None:
    """With an example of what it takes."""
    with pytest.raises(JobError, match="write real:synthetic, as 70:30"):
        parse_ratio(text)


def test_farthest_first_goes_to_the_far_corners() -> None:
    """First what is farthest from what is there, then from that too; worth can outweigh distance."""
    corners = units((1, 0, 0), (0.99, 0.1, 0), (0, 1, 0), (0, 0.9, 0.1), (0, 0, 1))
    assert farthest_first(corners, corners[:1], 2, worth=np.ones(5)) == [2, 4]
    assert farthest_first(corners, corners[:1], 1, worth=np.array([1, 1, 0.1, 1, 0.1])) == [3]
    assert sorted(farthest_first(corners, corners[:0], 5, worth=np.ones(5))) == [0, 1, 2, 3, 4]
    assert farthest_first(corners, corners[:1], 0, worth=np.ones(5)) == []


def test_choose_rows_takes_strange_rows_last() -> None:
    """A row unlike every real one is the farthest, and is only taken when nothing else is left."""
    rng = np.random.default_rng(0)
    real = units(*(np.array([1, 0, 0, 0]) + rng.normal(scale=0.3, size=(40, 4)) * [1, 1, 1, 0]))
    near = units(*(np.array([1, 0, 0, 0]) + rng.normal(scale=0.2, size=(5, 4)) * [1, 1, 1, 0]))
    candidates = np.concatenate([units((0, 0, 0, 1)), near])
    sure = np.ones(6)
    assert 0 not in choose_rows(real, candidates, 4, confidence=sure)
    assert choose_rows(real, candidates, 6, confidence=sure) == [0, 1, 2, 3, 4, 5]


def test_new_places_leave_out_what_is_said_already(make_rows: MakeRows) -> None:
    """By a real row or an earlier synthetic one."""
    real, made = make_rows("lost", 3, 1), make_rows("lost", 3, 2)
    assert new_places(real, [made[0], real[1], made[1], made[0]]) == [0, 2]


def invoke(*args: object) -> Result:
    return CliRunner().invoke(cli, ["mix", "--encoder", "hashing", *map(str, args)])


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_mix_keeps_every_real_row_and_marks_each(tmp_path: Path, make_rows: MakeRows) -> None:
    """Real columns stay, synthetic ones are renamed to them, and sure rows come before unsure ones."""
    real = write(tmp_path / "real.csv", "id,text,intent\n" + "".join(f"00{i},{r.text},lost\n" for i, r in enumerate(make_rows("lost", 12, 1))) + "99,,lost\n")  # fmt: skip
    made = [
        {
            "sentence": r.text,
            "intent": "lost",
            "provenance": {"checks": {"label_probability": 0.99 if i < 40 else 0.01}},
        }
        for i, r in enumerate(make_rows("lost", 80, 2))
    ]
    synthetic = write(tmp_path / "made.jsonl", "".join(json.dumps(row) + "\n" for row in made))
    done = invoke("--real", real, "--synthetic", synthetic, "--out", tmp_path / "mix.jsonl", "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.output.strip().splitlines()[-1])
    assert (said["real"], said["synthetic"], said["classes"]["lost"]["wanted"]) == (12, 28, 28)
    rows = [json.loads(line) for line in (tmp_path / "mix.jsonl").read_text().splitlines()]
    assert [r["id"] for r in rows if not r["synthetic"]] == [*(f"00{i}" for i in range(12)), "99"]
    taken = [r for r in rows if r["synthetic"]]
    assert all(r["text"] and r["intent"] == "lost" for r in taken)
    sure = sum(r["provenance"]["checks"]["label_probability"] > 0.5 for r in taken)
    assert sure >= 20
    again = read_table(tmp_path / "mix.jsonl")
    assert (again.text, again.label, again.skipped) == ("text", "intent", 1)


@pytest.mark.parametrize("name", ["test.csv", "my-eval.csv", "validation_mix.csv"])
def test_mix_refuses_files_named_for_evaluation(tmp_path: Path, name: str) -> None:
    """As the output, and as the real rows."""
    good, bad = write(tmp_path / "real.csv", "text,label\na b,x\n"), write(tmp_path / name, "text,label\na b,x\n")
    for real, out in ((good, tmp_path / name), (bad, tmp_path / "out.csv")):
        done = invoke("--real", real, "--synthetic", good, "--out", out)
        assert isinstance(done.exception, JobError)
        assert "this name says evaluation" in str(done.exception)


def test_mix_refuses_rows_marked_for_evaluation_or_synthetic(tmp_path: Path) -> None:
    """By their own columns; and it never writes over an input."""
    made = write(tmp_path / "made.csv", "text,label\nnew one,x\n")
    for text, why in (("text,label,split\na,x,train\nb,x,test\n", "is for evaluation"), ("text,label,synthetic\na,x,true\n", "not real rows")):  # fmt: skip
        real = write(tmp_path / "real.csv", text)
        done = invoke("--real", real, "--synthetic", made, "--out", tmp_path / "out.csv")
        assert why in str(done.exception)
    real = write(tmp_path / "real.csv", "text,label\na,x\n")
    done = invoke("--real", real, "--synthetic", made, "--out", made)
    assert "never written over" in str(done.exception)
    assert made.read_text() == "text,label\nnew one,x\n"
