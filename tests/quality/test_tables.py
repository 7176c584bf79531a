"""Labels of several tables meet by what they are, not by how they are written."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from synthgen.errors import JobError
from synthgen.quality.evaluation import evaluate_rows
from synthgen.quality.tables import meet_by_value, read_table, write_records
from synthgen.quality.vectors import TextVectors
from synthgen.records import Row


@pytest.mark.parametrize(
    ("labels", "known", "met"),
    [
        (["0.0", "1.0"], {"0", "1"}, ["0", "1"]),
        (["0", "1"], {"0.0", "1.0"}, ["0.0", "1.0"]),
        (["True", "FALSE"], {"true", "false"}, ["true", "false"]),
        (["1", "2"], {"true", "false"}, ["1", "2"]),
        (["007", "7.0"], {"7"}, ["007", "7"]),
        (["-0.5", "1e1"], {"-0.50"}, ["-0.50", "1e1"]),
        (["a"], {"b"}, ["a"]),
    ],
)
def test_labels_meet_by_value(labels: list[str], known: set[str], met: list[str]) -> None:
    """Whole numbers and fractions, truth values; a name stays a name, also one of digits."""
    assert meet_by_value(labels, known) == met


def test_a_table_takes_the_names_of_the_one_it_is_read_like(tmp_path: Path) -> None:
    """Integers in csv, floats in parquet: the same classes."""
    (tmp_path / "a.csv").write_text("text,label\none,0\ntwo,1\n")
    pl.DataFrame({"text": ["x", "y"], "label": [0.0, 1.0]}).write_parquet(tmp_path / "b.parquet")
    first = read_table(tmp_path / "a.csv")
    assert read_table(tmp_path / "b.parquet", like=first).labels == ["0", "1"]


def test_a_test_that_nobody_teaches_is_refused() -> None:
    """A score of 0 would say nothing."""
    rows = [Row(f"r{i}", f"text number {i}", "ab"[i % 2]) for i in range(8)]
    strange = [Row(f"t{i}", f"test {i}", "zy"[i % 2]) for i in range(4)]
    with pytest.raises(JobError, match=r"no test row is of a class .*test: y, z; training: a, b"):
        evaluate_rows(rows, rows[:2], strange, classifier="tfidf", vectors=TextVectors("hashing"))


def test_columns_of_two_types_are_kept_as_text(tmp_path: Path) -> None:
    """A date here and a word there, numbers beyond 64 bits: nothing is lost, nothing fails."""
    records = [{"when": "yesterday", "id": 2**70, "text": "a"}, {"when": 7, "id": 1, "text": "b"}]
    for name in ("m.csv", "m.parquet", "m.jsonl", "m.json"):
        assert write_records(records, tmp_path / name, inputs=[]) == 2
    assert pl.read_parquet(tmp_path / "m.parquet")["when"].to_list() == ["yesterday", "7"]
    assert str(2**70) in (tmp_path / "m.csv").read_text()
    assert json.loads((tmp_path / "m.jsonl").read_text().splitlines()[0]) == records[0]
