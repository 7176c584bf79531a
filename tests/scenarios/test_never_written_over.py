"""No command writes over a file that the run was made from, whatever the flag that takes the path."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.scenarios.scene import run_here, simulator, synthgen, write_job


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job, its table, a test table, and a finished run."""
    made = tmp_path_factory.mktemp("made")
    with simulator() as server:
        data = {"train": "train.csv", "test": "test.csv", "text": "text", "label": "intent"}
        job = write_job(made, server.base_url, targets={"late": 5, "lost": 5}, data=data)
        (made / "test.csv").write_text("text,intent\nis my parcel in the post,late\nI lost a hat,lost\n")
        assert run_here(job, made / "run")["exit"] == 0
    os.link(made / "train.csv", made / "other-name.csv")
    return made


@pytest.mark.parametrize("name", ["train.csv", "./run/../train.csv", "other-name.csv", "test.csv", "job.yaml"])
@pytest.mark.parametrize(
    "command", [["export", "--format", "csv", "--output"], ["review", "--csv-out"], ["report", "--output"]]
)
def test_a_file_that_the_run_reads_is_left_as_it_is(folder: Path, command: list[str], name: str) -> None:
    """Exit 2, one sentence, and the bytes stay."""
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    done = synthgen(command[0], folder / "run", *command[1:], folder / name)
    assert done.returncode == 2, done.stdout
    assert name.rpartition("/")[2] in done.stderr
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_events_are_appended_to_an_event_log_alone(folder: Path) -> None:
    """A table or a job file is no event log."""
    for name in ("train.csv", "job.yaml"):
        before = (folder / name).read_bytes()
        done = synthgen("run", folder / "job.yaml", "--out", folder / "run", "--events", folder / name)
        assert (done.returncode, (folder / name).read_bytes()) == (2, before), done.stderr
    for _ in range(2):
        done = synthgen(
            "run", folder / "job.yaml", "--out", folder / "run", "--quiet", "--events", folder / "log.jsonl"
        )
        assert done.returncode == 0, done.stderr
