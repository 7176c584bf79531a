"""Personal data in the real rows: what leaves the machine, what the user is told, what a changed mind costs."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.scenarios.scene import Server, export, run_json, simulator, synthgen, write_job

MAIL, PHONE = "jane.roe@gmail.com", "+44 7911 123456"


@pytest.fixture
def server() -> Iterator[Server]:
    with simulator() as running:
        yield running


def job_with_personal_data(folder: Path, server: Server, **changes: object) -> Path:
    """A job two of whose seeds of `late` hold personal data, and one of a class that nobody asks for."""
    job = write_job(folder, server.base_url, targets={"late": 20}, **changes)
    with (folder / "train.csv").open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        for text, label in (
            (f"late again, mail {MAIL}", "late"),
            (f"late, call {PHONE}", "late"),
            (f"{MAIL}?", "other"),
        ):
            writer.writerow([text, label] if first_column(folder) == "text" else [label, text])
    return job


def first_column(folder: Path) -> str:
    return (folder / "train.csv").read_text().split(",", 1)[0]


def all_prompts(job: Path) -> str:
    done = synthgen("plan", job, "--json", "--prompts", "40")
    assert done.returncode == 0, done.stderr
    return json.dumps(json.loads(done.stdout)["prompts"])


def test_prompts_show_stand_ins_and_the_user_is_told(tmp_path: Path, server: Server) -> None:
    """By default no prompt holds an address or number of the real rows; plan and run say so, the journal keeps it."""
    job = job_with_personal_data(tmp_path, server)
    prompts = all_prompts(job)
    assert MAIL not in prompts
    assert PHONE not in prompts
    assert "alex@example.com" in prompts
    assert "2 of the rows that prompts may show hold personal data" in synthgen("plan", job).stdout
    result = run_json(job, tmp_path / "out")
    assert result["exit"] == 0
    assert "note: 2 of the rows that prompts may show" in result["stderr"]
    assert synthgen("journal", "verify", tmp_path / "out").returncode == 0
    with closing(sqlite3.connect(tmp_path / "out" / "journal.sqlite")) as journal:
        dump = "\n".join(journal.iterdump())
    journal.close()
    assert MAIL not in dump


def test_refuse_stops_before_anything_is_sent(tmp_path: Path, server: Server) -> None:
    """Exit 2 with the rows and the next step; rows of classes that nobody asks for do not count."""
    job = job_with_personal_data(tmp_path, server, seeds={"pii": "refuse"})
    done = synthgen("run", job, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "2 rows that prompts may show hold personal data" in done.stderr
    assert "train:113, train:114" in done.stderr
    assert MAIL not in done.stderr
    assert "seeds: {pii: redact}" in done.stderr
    assert server.stats()["granted"] == 0


def test_another_setting_is_another_prompt(tmp_path: Path, server: Server) -> None:
    """Where the rows hold something, `allow` changes prompts and is refused without a word; it asks the new way with."""
    job = job_with_personal_data(tmp_path, server)
    assert run_json(job, tmp_path / "out")["exit"] == 0
    changed = job.read_text() + "seeds: {pii: allow}\n"
    job.write_text(changed)
    refused = synthgen("run", job, "--out", tmp_path / "out", "--quiet")
    assert refused.returncode == 2
    assert "seeds" in refused.stderr
    assert MAIL in all_prompts(job)
    assert run_json(job, tmp_path / "out", "--on-change", "keep")["exit"] == 0


def test_another_setting_is_free_where_nothing_is_found(tmp_path: Path, server: Server) -> None:
    """A setting that changes no prompt changes no slot: the run goes on as it was."""
    job = write_job(tmp_path, server.base_url, targets={"late": 20})
    assert run_json(job, tmp_path / "out")["exit"] == 0
    before, granted = export(tmp_path / "out"), server.stats()["granted"]
    job.write_text(job.read_text() + "seeds: {pii: allow}\n")
    assert run_json(job, tmp_path / "out")["exit"] == 0
    assert export(tmp_path / "out") == before
    assert server.stats()["granted"] == granted


def test_leakage_and_copies_are_seen_in_the_rows_as_they_are(tmp_path: Path) -> None:
    """Stand-ins are for prompts only: the check of a file against the real rows still finds the real address."""
    real = tmp_path / "real.csv"
    real.write_text(f"text,label\nmy mail is {MAIL} and my card is late,a\nother words here,b\n")
    made = tmp_path / "made.csv"
    made.write_text(f"text,label\nmy mail is {MAIL} and my card is late,a\nsomething else,b\n")
    done = synthgen("check", made, "--train", real, "--check", "duplicate:near=false", "--json")
    assert json.loads(done.stdout)["reasons"] == {"exact_duplicate": 1}
