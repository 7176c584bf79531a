"""A run keeps the defaults it began with; a new default is for new runs."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import orjson

from synthgen import api
from synthgen.journal import Journal
from tests.scenarios.scene import simulator, synthgen, write_job


def rules_of(run: Path) -> object:
    with closing(Journal.read(run)) as journal:
        return orjson.loads(journal.meta()["fingerprint"])["job"]["rules"]


def forget_rules(run: Path) -> None:
    """A journal as the version before wrote it: without the key."""
    with closing(sqlite3.connect(run / "journal.sqlite")) as db, db:
        (stored,) = db.execute("SELECT value FROM meta WHERE key = 'fingerprint'").fetchone()
        fingerprint = orjson.loads(stored)
        del fingerprint["job"]["rules"]
        db.execute("UPDATE meta SET value = ? WHERE key = 'fingerprint'", (orjson.dumps(fingerprint).decode(),))


def test_a_run_of_the_version_before_goes_on_by_its_rules(tmp_path: Path) -> None:
    """Resume, verify and replay read its answers as it did; naming the new rules judges them again."""
    run = tmp_path / "run"
    with simulator() as server:
        job = write_job(tmp_path, server.base_url, targets={"late": 10, "lost": 5})
        assert api.run(job, out=run).exit_code == 0
        assert rules_of(run) == 2
        forget_rules(run)
        assert synthgen("journal", "verify", run).returncode == 0
        job.write_text(job.read_text().replace("late: 10", "late: 20"))
        assert api.run(job, out=run).exit_code == 0
        assert rules_of(run) == 1
        assert synthgen("replay", run).returncode == 0
        assert rules_of(run) == 1
        job.write_text(job.read_text() + "rules: 2\n")
        assert api.run(job, out=run).exit_code == 0
        assert rules_of(run) == 2
