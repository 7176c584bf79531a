"""`synthgen dedup` on files of all kinds, and the function with the same result."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

import synthgen
from synthgen.cli.dedup import command
from synthgen.errors import JobError

ROWS = [
    {"id": 11, "text": "Why has my new card not arrived yet?", "label": "late"},
    {"id": 12, "text": "Why has my new card not arived yet?", "label": "late"},
    {"id": 13, "text": "I was charged twice", "label": "twice"},
    {"id": 14, "text": "why has my new card not arrived yet", "label": "late"},
]


def write(path: Path) -> Path:
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    elif path.suffix == ".parquet":
        pl.DataFrame(ROWS).write_parquet(path)
    else:
        pl.DataFrame(ROWS).write_csv(path, separator="\t" if path.suffix == ".tsv" else ",")
    return path


def read(path: Path) -> list[dict[str, object]]:
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    if path.suffix == ".parquet":
        return pl.read_parquet(path).to_dicts()
    return pl.read_csv(path, separator="\t" if path.suffix == ".tsv" else ",").to_dicts()


def dedup(*args: object) -> dict[str, object]:
    done = CliRunner().invoke(command, [*map(str, args), "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout.splitlines()[-1])
    assert isinstance(facts, dict)
    return facts


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_dedup_command_writes_kept_and_removed_rows(tmp_path: Path, suffix: str) -> None:
    """All columns in all formats; removed rows say whom they repeat, how near, and by which stage."""
    source = write(tmp_path / f"rows{suffix}")
    kept, gone = tmp_path / f"kept{suffix}", tmp_path / f"gone{suffix}"
    facts = dedup(source, "--output", kept, "--removed", gone, "--encoder", "hashing")
    assert read(kept) == [ROWS[0], ROWS[2]]
    removed = read(gone)
    assert [list(row) for row in removed] == [["id", "text", "label", "duplicate_of", "similarity", "stage"]] * 2
    assert [(row["id"], str(row["duplicate_of"]), row["stage"]) for row in removed] == [
        (12, "1", "lexical"),
        (14, "1", "exact"),
    ]
    assert (facts["kept"], facts["removed"]) == (2, {"exact": 1, "lexical": 1, "near": 0, "against": 0})


def test_dedup_command_against_real_rows(tmp_path: Path) -> None:
    """What stands in the other file goes."""
    source, real = write(tmp_path / "rows.csv"), tmp_path / "real.jsonl"
    real.write_text('{"text": "I was charged twice!"}\n')
    facts = dedup(source, "--output", tmp_path / "kept.csv", "--against", real, "--encoder", "none")
    assert facts["removed"] == {"exact": 1, "lexical": 1, "near": 0, "against": 1}


def test_dedup_command_shows_people_what_it_did(tmp_path: Path) -> None:
    """Counts, the pairs nearest to the threshold, and no control character of the data."""
    source = tmp_path / "rows.jsonl"
    source.write_text('{"q": "clear \\u001b[2J the whole screen"}\n{"q": "clear \\u001b[2J the whole screeen"}\n')
    args = [str(source), "--output", str(tmp_path / "k.jsonl"), "--encoder", "none", "--show-borderline"]
    done = CliRunner().invoke(command, args, catch_exceptions=False)
    assert "1 of 2 rows kept" in done.stdout
    assert "lexical  row 2" in done.stdout
    assert "\x1b" not in done.stdout


def test_dedup_command_tells_a_missing_column(tmp_path: Path) -> None:
    """With the columns there are and the option to name one; nothing is written."""
    source = tmp_path / "rows.jsonl"
    source.write_text('{"question": "a", "id": 1}\n')
    with pytest.raises(JobError, match=r"no column 'text'.*question") as error:
        CliRunner().invoke(command, [str(source), "--output", str(tmp_path / "k.jsonl")], catch_exceptions=False)
    assert "--text-column" in str(error.value)
    assert not (tmp_path / "k.jsonl").exists()


def test_dedup_rows_is_the_command_as_a_function() -> None:
    """Texts or mappings; the same numbers."""
    result = synthgen.dedup_rows(ROWS, encoder="none")
    assert result.kept == [0, 2]
    assert synthgen.dedup_rows([str(row["text"]) for row in ROWS], encoder="none").kept == [0, 2]
    with pytest.raises(JobError, match=r"rows\[0\].*'words'"):
        synthgen.dedup_rows(ROWS, text="words", encoder="none")
