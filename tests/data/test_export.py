"""Accepted rows to files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import orjson
import polars as pl
import pytest

from synthgen.data.export import write_rows
from synthgen.errors import JobError

ROWS = [
    {
        "text": f"row {i}, with a comma",
        "intent": "late",
        "id": f"r1:{i}",
        "synthetic": True,
        "provenance": {
            "slot": "s1:x",
            "seeds": ["train:1", "train:2"],
            "nearest": {"id": "train:9", "similarity": 0.5},
        },
    }
    for i in range(3)
]


@pytest.mark.parametrize("file_format", ["jsonl", "csv", "parquet"])
def test_export_keeps_rows_and_provenance(tmp_path: Path, file_format: str) -> None:
    """Every format carries the job's fields, the id, the mark and where a row came from."""
    output = tmp_path / f"rows.{file_format}"
    assert write_rows(ROWS, output=output, format=file_format, manifest={"name": "x"}) == 3
    if file_format == "jsonl":
        assert [orjson.loads(line) for line in output.read_bytes().splitlines()] == ROWS
        return
    frame = pl.read_csv(output) if file_format == "csv" else pl.read_parquet(output)
    assert frame["text"].to_list() == [r["text"] for r in ROWS]
    assert frame["synthetic"].to_list() == [True] * 3
    assert frame["seeds"].to_list() == ["train:1;train:2"] * 3
    assert frame["nearest_similarity"].to_list() == [0.5] * 3


def test_export_manifest_describes_the_file(tmp_path: Path) -> None:
    """The manifest holds the digest of the very bytes written, and the same rows give the same bytes."""
    output = tmp_path / "rows.csv"
    write_rows(ROWS, output=output, format="csv", manifest={"name": "x"})
    first = output.read_bytes()
    manifest = orjson.loads((tmp_path / "rows.csv.manifest.json").read_bytes())
    assert manifest["sha256"] == hashlib.sha256(first).hexdigest()
    assert manifest["rows"] == 3
    write_rows(ROWS, output=output, format="csv", manifest={"name": "x"})
    assert output.read_bytes() == first


def test_export_that_fails_leaves_no_manifest_and_the_old_file(tmp_path: Path) -> None:
    """A crash in the middle of an export leaves the old rows, and no manifest to vouch for them."""
    output = tmp_path / "rows.jsonl"
    write_rows(ROWS, output=output, format="jsonl", manifest={})

    def breaking() -> object:
        yield ROWS[0]
        raise OSError(28, "No space left on device")

    with pytest.raises(JobError, match="No space left"):
        write_rows(breaking(), output=output, format="jsonl", manifest={})  # type: ignore[arg-type]
    assert len(output.read_bytes().splitlines()) == 3
    assert not (tmp_path / "rows.jsonl.manifest.json").exists()


@pytest.mark.parametrize("name", ["test.csv", "my_eval.jsonl", "x-validation.csv", "dev.csv"])
def test_export_refuses_evaluation_files(tmp_path: Path, name: str) -> None:
    """Synthetic rows are not written under a name that says evaluation."""
    with pytest.raises(JobError, match="never for evaluation"):
        write_rows(ROWS, output=tmp_path / name, format="csv", manifest={})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["contest.csv", "latest.csv", "device.csv", "rows.csv"])
def test_export_allows_names_that_only_look_alike(tmp_path: Path, name: str) -> None:
    """A name that merely contains the letters is fine."""
    assert write_rows(ROWS, output=tmp_path / name, format="csv", manifest={}) == 3
