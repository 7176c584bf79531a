"""Damage that shows in sizes and headers is told at once, before SQLite opens the file and repairs it away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from synthgen.errors import JournalError
from synthgen.journal import Journal
from tests.journal.test_store import completion

KILLED_WRITER = """
import os, signal, sys
from pathlib import Path
from synthgen.journal import Journal
from tests.journal.test_store import completion
journal = Journal.create(Path(sys.argv[1]))
if sys.argv[2] == "checkpointed":
    journal.apply([completion(i, text="x" * 900) for i in range(300)])
    journal._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
for i in range(1000, 1100):
    journal.apply([completion(i, text="x" * 900)])
os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(folder: Path, state: str = "checkpointed") -> int:
    """A journal whose writer died by SIGKILL, its log not copied back; how many answers it had committed."""
    command = [sys.executable, "-c", KILLED_WRITER, str(folder), state]
    assert subprocess.run(command, check=False, timeout=60).returncode == -signal.SIGKILL
    assert (folder / "journal.sqlite-wal").stat().st_size > 100_000
    return 400 if state == "checkpointed" else 100


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def refused(folder: Path, *said: str) -> None:
    """Opening is refused with the next step, and no byte of any file has changed."""
    before = contents(folder)
    with pytest.raises(JournalError) as caught:
        Journal.create(folder)
    assert contents(folder) == before
    for words in (*said, "next:"):
        assert words in str(caught.value)


@pytest.mark.parametrize("state", ["checkpointed", "only a log"])
def test_journal_of_a_killed_writer_is_whole(tmp_path: Path, state: str) -> None:
    """What a SIGKILL leaves is no damage: every committed answer is there."""
    answers = killed(tmp_path, state)
    journal = Journal.create(tmp_path)
    assert journal.answers() == answers
    journal.close()


def test_log_without_its_index_is_whole(tmp_path: Path) -> None:
    """After a power cut the shared-memory file may be gone or empty: the log alone is enough."""
    answers = killed(tmp_path)
    (tmp_path / "journal.sqlite-shm").unlink()
    journal = Journal.create(tmp_path)
    assert journal.answers() == answers
    journal.close()


@pytest.mark.parametrize("left", [0, 20, 32, 4096, 200_000])
def test_cut_log_is_refused(tmp_path: Path, left: int) -> None:
    """A log shorter than what was committed to it: SQLite would go on without the answers and say nothing."""
    killed(tmp_path)
    os.truncate(tmp_path / "journal.sqlite-wal", left)
    refused(tmp_path, "journal.sqlite-wal: the log was cut", "delete journal.sqlite-shm to go on with what is left")


def test_cut_log_can_be_accepted_on_purpose(tmp_path: Path) -> None:
    """The way on that the message names works: what is left of the log counts, in whole commits."""
    answers = killed(tmp_path)
    log = tmp_path / "journal.sqlite-wal"
    os.truncate(log, log.stat().st_size // 2)
    (tmp_path / "journal.sqlite-shm").unlink()
    journal = Journal.create(tmp_path)
    assert 300 < journal.answers() < answers
    journal.close()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("has_log", [True, False])
def test_cut_file_is_refused(tmp_path: Path, share: float, has_log: bool) -> None:
    """A file shorter than its header says, whether or not a log stands beside it."""
    killed(tmp_path)
    if not has_log:
        Journal.create(tmp_path).close()
    path = tmp_path / "journal.sqlite"
    os.truncate(path, int(path.stat().st_size * share))
    refused(tmp_path, "journal.sqlite: the file was cut", "the file is damaged")


def test_empty_file_beside_a_log_is_refused(tmp_path: Path) -> None:
    """SQLite would delete the log, with every answer in it; looking at it deletes nothing either."""
    killed(tmp_path)
    os.truncate(tmp_path / "journal.sqlite", 0)
    refused(tmp_path, "journal.sqlite-wal holds answers")
    before = contents(tmp_path)
    with pytest.raises(JournalError, match="holds answers"):
        Journal.read(tmp_path)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("content", [bytes(50_000), b"this is my diary\n" * 300, b"x", b"SQLite format 3\0"])
def test_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    """Zeros, a text, a lone byte, half a header."""
    (tmp_path / "journal.sqlite").write_bytes(content)
    refused(tmp_path, "not a database", "the file is damaged")


def test_empty_file_is_a_new_journal(tmp_path: Path) -> None:
    """What a crash in the first instant leaves is no damage."""
    (tmp_path / "journal.sqlite").write_bytes(b"")
    journal = Journal.create(tmp_path)
    journal.apply([completion()])
    journal.close()
