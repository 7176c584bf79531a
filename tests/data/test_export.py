"""Accepted rows to files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

from synthgen.data.export import write_rows
from synthgen.data.layouts import Task
from synthgen.errors import JobError

TASK = Task("text", "intent", ("late", "lost"))
ROWS: list[dict[str, Any]] = [
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


def breaking() -> Iterator[dict[str, Any]]:
    yield ROWS[0]
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("file_format", ["jsonl", "csv", "openai-chat", "hf"])
def test_export_that_fails_leaves_the_one_before_as_it_was(tmp_path: Path, file_format: str) -> None:
    """A full disk in the middle: the old rows stay under their own manifest, nothing half written lies about, and where
    there was nothing there is nothing."""
    output = tmp_path / "rows"
    with pytest.raises(JobError, match="No space left"):
        write_rows(breaking(), output=output, format=file_format, manifest={}, task=TASK)
    assert not list(tmp_path.iterdir())
    write_rows(ROWS, output=output, format=file_format, manifest={}, card=lambda count, file: f"{count}", task=TASK)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(JobError, match="No space left"):
        write_rows(breaking(), output=output, format=file_format, manifest={}, task=TASK)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_export_writes_the_card_with_the_count(tmp_path: Path) -> None:
    """The card is told how many rows there are and where, as seen from itself."""
    write_rows(
        ROWS, output=tmp_path / "rows.csv", format="csv", manifest={}, card=lambda count, file: f"{count} {file}"
    )
    assert (tmp_path / "rows.csv.README.md").read_text() == "3 rows.csv"
    write_rows(ROWS, output=tmp_path / "hub", format="hf", manifest={}, card=lambda count, file: f"{count} {file}")
    assert (tmp_path / "hub/README.md").read_text() == "3 data/train.parquet"
    assert pl.read_parquet(tmp_path / "hub/data/train.parquet")["text"].to_list() == [r["text"] for r in ROWS]


def test_hf_folder_replaces_only_what_an_export_made(tmp_path: Path) -> None:
    """An export's folder is replaced; a folder with anything else in it stays as it is."""
    write_rows(ROWS, output=tmp_path / "hub", format="hf", manifest={})
    assert write_rows(ROWS[:1], output=tmp_path / "hub", format="hf", manifest={}) == 1
    (tmp_path / "hub/notes.txt").write_text("mine")
    with pytest.raises(JobError, match="it holds notes"):
        write_rows(ROWS, output=tmp_path / "hub", format="hf", manifest={})
    assert (tmp_path / "hub/notes.txt").read_text() == "mine"
    (tmp_path / "empty").mkdir()
    assert write_rows(ROWS, output=tmp_path / "empty", format="hf", manifest={}) == 3
    (tmp_path / "file").write_text("x")
    with pytest.raises(JobError, match="a file of that name"):
        write_rows(ROWS, output=tmp_path / "file", format="hf", manifest={})
    with pytest.raises(JobError, match="a folder"):
        write_rows(ROWS, output=tmp_path / "hub", format="jsonl", manifest={})


def lines(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def test_openai_chat_rows_are_what_fine_tuning_takes(tmp_path: Path) -> None:
    """Nothing but messages: the classes in the system turn, the text, the class; provenance line by line beside it."""
    write_rows(ROWS, output=tmp_path / "rows.jsonl", format="openai-chat", manifest={}, task=TASK)
    first = lines(tmp_path / "rows.jsonl")[0]
    assert first == {
        "messages": [
            {
                "role": "system",
                "content": "Classify the text. Answer with one of these classes and nothing else: late, lost.",
            },
            {"role": "user", "content": "row 0, with a comma"},
            {"role": "assistant", "content": "late"},
        ]
    }
    beside = lines(tmp_path / "rows.jsonl.provenance.jsonl")
    assert [row["id"] for row in beside] == ["r1:0", "r1:1", "r1:2"]
    assert all(row["synthetic"] is True and row["provenance"]["slot"] == "s1:x" for row in beside)


def test_alpaca_and_sharegpt_rows(tmp_path: Path) -> None:
    """Both keep id and mark; a name that ends in .json holds one array instead of lines."""
    task = replace(TASK, instruction="Which?")
    write_rows(ROWS, output=tmp_path / "a.json", format="alpaca", manifest={}, task=task)
    assert orjson.loads((tmp_path / "a.json").read_bytes())[1] == {
        "instruction": "Which?",
        "input": "row 1, with a comma",
        "output": "late",
        "id": "r1:1",
        "synthetic": True,
    }
    write_rows(ROWS, output=tmp_path / "s.jsonl", format="sharegpt", manifest={}, task=task)
    turns = lines(tmp_path / "s.jsonl")[2]["conversations"]
    assert [(t["from"], t["value"]) for t in turns] == [
        ("system", "Which?"),
        ("human", "row 2, with a comma"),
        ("gpt", "late"),
    ]
    write_rows([], output=tmp_path / "none.json", format="alpaca", manifest={}, task=task)
    assert orjson.loads((tmp_path / "none.json").read_bytes()) == []


def test_rows_without_classes_need_a_question_and_an_answer(tmp_path: Path) -> None:
    """Instruction data keeps its own fields as turns; text alone is no conversation, and that is said."""
    rows = [{"instruction": "Add", "input": "1 and 2", "output": 3, "id": "r1:a", "synthetic": True, "provenance": {}}]
    task = Task("instruction", "")
    write_rows(rows, output=tmp_path / "a.jsonl", format="alpaca", manifest={}, task=task)
    assert lines(tmp_path / "a.jsonl")[0]["output"] == "3"
    write_rows(rows, output=tmp_path / "c.jsonl", format="openai-chat", manifest={}, task=task)
    assert [m["content"] for m in lines(tmp_path / "c.jsonl")[0]["messages"]] == ["Add\n\n1 and 2", "3"]
    with pytest.raises(JobError, match="no class, and no pair of fields"):
        write_rows(ROWS, output=tmp_path / "x.jsonl", format="alpaca", manifest={}, task=Task("text", ""))
    assert not (tmp_path / "x.jsonl").exists()


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


PAIR = {"instruction": "Add the numbers.", "input": "1 and 2", "response": "3", "kind": "open"}


def written(tmp_path: Path, row: dict[str, Any], format: str, task: Task) -> dict[str, Any]:
    rows = [{**row, "id": "r1:a", "synthetic": True, "provenance": {}}]
    output = tmp_path / f"{format}.jsonl"
    write_rows(rows, output=output, format=format, manifest={}, task=task)
    found: dict[str, Any] = lines(output)[0]
    return found


def test_instruction_rows_are_exchanges_also_where_they_have_a_class(tmp_path: Path) -> None:
    """The pair of fields goes before the class: an instruction of kind `open` is not a text to be called `open`."""
    task = Task("instruction", "kind", ("open", "classification"))
    chat = written(tmp_path, PAIR, "openai-chat", task)
    assert chat == {
        "messages": [
            {"role": "user", "content": "Add the numbers.\n\n1 and 2"},
            {"role": "assistant", "content": "3"},
        ]
    }
    alpaca = written(tmp_path, PAIR, "alpaca", task)
    assert (alpaca["instruction"], alpaca["input"], alpaca["output"]) == ("Add the numbers.", "1 and 2", "3")
    assert written(tmp_path, {**PAIR, "input": None}, "alpaca", task)["input"] == ""
    by_text = written(tmp_path, {"task": "Add 1 and 2.", "response": "3"}, "sharegpt", Task("task", ""))
    assert [turn["value"] for turn in by_text["conversations"]] == ["Add 1 and 2.", "3"]


def test_further_exchanges_and_a_system_become_turns(tmp_path: Path) -> None:
    """`follow_up` and `follow_up_response`, and `system`; an unanswered one is left out; alpaca has them as history."""
    row = {
        **PAIR,
        "system": "Be brief.",
        "follow_up": "And 4?",
        "follow_up_response": "7",
        "follow_up_2": "Why?",
        "follow_up_response_2": " ",
    }
    turns = written(tmp_path, row, "sharegpt", Task("instruction", ""))["conversations"]
    assert [turn["from"] for turn in turns] == ["system", "human", "gpt", "human", "gpt"]
    assert [turn["value"] for turn in turns[3:]] == ["And 4?", "7"]
    alpaca = written(tmp_path, row, "alpaca", Task("instruction", ""))
    assert (alpaca["instruction"], alpaca["output"], alpaca["system"]) == ("And 4?", "7", "Be brief.")
    assert alpaca["history"] == [["Add the numbers.\n\n1 and 2", "3"]]


@pytest.mark.parametrize("format", ["openai-chat", "alpaca", "sharegpt"])
def test_an_answer_that_says_nothing_is_not_exported(tmp_path: Path, format: str) -> None:
    """What no trainer takes is refused with its row, and the export before it stays as it was."""
    written(tmp_path, PAIR, format, Task("instruction", ""))
    before = (tmp_path / f"{format}.jsonl").read_bytes()
    with pytest.raises(JobError, match=r"row 1: .* is empty"):
        written(tmp_path, {**PAIR, "response": "  "}, format, Task("instruction", ""))
    assert (tmp_path / f"{format}.jsonl").read_bytes() == before
    assert not list(tmp_path.glob("*.partial"))
