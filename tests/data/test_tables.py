"""Real rows from files."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from synthgen.data.tables import load_rows
from synthgen.errors import JobError

ROWS = [("hello, there", "a"), ('she said "hi"', "b"), ("ünïcode\nline", "007")]


def write(path: Path) -> Path:
    frame = pl.DataFrame({"text": [t for t, _ in ROWS], "intent": [label for _, label in ROWS]})
    match path.suffix:
        case ".csv":
            frame.write_csv(path)
        case ".tsv":
            frame.write_csv(path, separator="\t")
        case ".jsonl":
            frame.write_ndjson(path)
        case ".parquet":
            frame.write_parquet(path)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_load_rows_reads_every_format_alike(tmp_path: Path, suffix: str) -> None:
    """Quotes, newlines, non-ASCII letters and leading zeros survive in every format."""
    found = load_rows(write(tmp_path / f"train{suffix}"), pool="train", text="text", label="intent")
    assert [(r.text, r.label) for r in found.rows] == ROWS
    assert [r.id for r in found.rows] == ["train:1", "train:2", "train:3"]


def test_load_rows_skips_and_counts_empty_rows(tmp_path: Path) -> None:
    """A row without text or label is left out, counted, and keeps its number."""
    path = tmp_path / "t.csv"
    path.write_text("text,intent\nhi,a\n,a\nyo,\nhey,b\n")
    found = load_rows(path, pool="train", text="text", label="intent")
    assert [r.id for r in found.rows] == ["train:1", "train:4"]
    assert found.skipped == 2


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.csv", "text,intnt\nhi,a\n", "no column 'intent'; did you mean 'intnt'? (columns: text, intnt)"),
        ("t.csv", "", "the file is empty"),
        ("t.csv", "text,intent\n", "no usable row"),
        ("t.jsonl", '{"text": "hi", "intent": "a"}\n{oops\n', "t.jsonl:2: not a JSON line"),
        ("t.jsonl", "[1]\n", "t.jsonl:1: expected a JSON object"),
        ("t.xlsx", "x", "cannot read '.xlsx' files"),
        ("t.parquet", "not parquet", "cannot be read as parquet"),
    ],
)
def test_load_rows_says_what_is_wrong(tmp_path: Path, name: str, content: str, said: str) -> None:
    """A file that cannot be used is refused with its name and the reason."""
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(JobError) as caught:
        load_rows(path, pool="train", text="text", label="intent")
    assert said in str(caught.value)
    assert name in str(caught.value)


def test_load_rows_names_a_near_file(tmp_path: Path) -> None:
    """A mistyped file name is answered with the one that is there."""
    write(tmp_path / "train.csv")
    with pytest.raises(JobError, match=r"did you mean train\.csv"):
        load_rows(tmp_path / "trian.csv", pool="train", text="text", label="intent")
