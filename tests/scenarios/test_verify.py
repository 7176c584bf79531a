"""`journal verify` finds nothing in what runs write, and names each kind of thing that was tampered with."""

from __future__ import annotations

import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from synthgen.engine.audit.verify import verify_run
from synthgen.errors import JournalError
from tests.scenarios.scene import kill, run_json, simulator, start_run, synthgen, write_job, write_rows

FAULTS = (
    "--duplicate-ratio", "0.2", "--malformed-ratio", "0.1", "--refusal-ratio", "0.05", "--filtered-ratio", "0.05",
)  # fmt: skip
NEAR: dict[str, Any] = {
    "encoder": "hashing",
    "targets": {"late": 60, "lost": 30},
    "checks": [
        {"check": "duplicate", "threshold": 0.45},
        {"check": "leakage", "threshold": 0.45},
        {"check": "label", "min_probability": 0.05},
        {"check": "length", "max_chars": 120},
    ],
    "prompt": {"template": "plain.j2", "seeds": 3, "items": 4, "pick": "diverse"},
    "data": {"train": "train.csv", "test": "test.csv", "text": "text", "label": "intent"},
    "attributes": {"tone": ["calm", "cross"]},
}


def verify(out: Path) -> dict[str, Any]:
    """The real command; what `--json` printed, with its exit code."""
    done = synthgen("journal", "verify", out, "--json")
    assert "Traceback" not in done.stderr
    assert done.stdout.strip(), done.stderr
    found: dict[str, Any] = orjson.loads(done.stdout.strip().splitlines()[-1])
    return {**found, "exit": done.returncode, "told": done.stderr}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was killed, resumed and met its targets, with every kind of rejection in it."""
    folder = tmp_path_factory.mktemp("sound")
    with simulator(*FAULTS, "--latency-s", "0.01") as server:
        job = write_job(folder, server.base_url, model={"limits": {"max_concurrency": 8}}, **NEAR)
        write_rows(folder / "test.csv", labels={"late": 5})
        process = start_run(job, folder / "out")
        server.wait_for(12)
        kill(process)
        result = run_json(job, folder / "out")
    assert result["exit"] == 0
    assert {"near_duplicate", "malformed", "too_long"} <= set(result["rejected"])
    assert result["failed"] > 0
    return folder / "out"


def test_verify_finds_nothing_in_a_sound_run(sound: Path) -> None:
    """Killed, resumed, with failures and re-asks, diverse seeds and vectors: every slot id and decision is derived."""
    found = verify(sound)
    assert found["exit"] == 0, found
    assert found["is_clean"] is True
    assert found["skipped"] == found["notes"] == found["differences"] == []
    checked = found["checked"]
    assert checked["decisions"] == checked["row ids"] > 100
    assert checked["slot ids"] == checked["answered slots"] + checked["failed slots"] + checked["answers not judged"]
    assert checked["failed slots"] > 0
    assert checked["pairs compared (near)"] == checked["pairs compared (exact)"] > 100


@pytest.fixture
def copied(sound: Path, tmp_path: Path) -> Iterator[tuple[Path, sqlite3.Connection]]:
    """A copy of the sound run to tamper with. Its data files are where the journal says: beside the first one."""
    shutil.copytree(sound, tmp_path / "out")
    connection = sqlite3.connect(tmp_path / "out/journal.sqlite", isolation_level=None)
    yield tmp_path / "out", connection
    connection.close()


ACCEPTED = "(position, item) = (SELECT position, item FROM decisions WHERE reason IS NULL ORDER BY position LIMIT 1)"
NEARED = ACCEPTED.replace("reason IS NULL", "reason IS NULL AND nearest IS NOT NULL")
REPEATED = "(position, item) = (SELECT position, item FROM decisions WHERE reason = 'near_duplicate' ORDER BY position LIMIT 1)"
JUDGED = "(label, ordinal) = (SELECT label, ordinal FROM slots WHERE NOT is_failed ORDER BY position LIMIT 1 OFFSET 3)"
TAMPERINGS = {
    "a rejection that never was": (
        f"UPDATE decisions SET reason = 'too_short' WHERE {ACCEPTED}",
        "decision",
        "accepted",
    ),
    "an acceptance that never was": (
        f"UPDATE decisions SET reason = NULL WHERE {REPEATED}",
        "decision",
        "near_duplicate",
    ),
    "another reason": (f"UPDATE decisions SET reason = 'leakage' WHERE {REPEATED}", "decision", "near_duplicate"),
    "surplus that was none": (
        f"UPDATE decisions SET reason = 'surplus' WHERE {REPEATED}",
        "decision",
        "near_duplicate",
    ),
    "another text": (f"UPDATE decisions SET text = 'bought by nobody' WHERE {ACCEPTED}", "text", ""),
    "another field": (f"""UPDATE decisions SET fields = '{{"text": "x"}}' WHERE {ACCEPTED}""", "text", ""),
    "another neighbour": (
        f"UPDATE decisions SET nearest = json_set(nearest, '$.id', 'train:1x') WHERE {NEARED}",
        "nearest",
        "",
    ),
    "another similarity": (
        f"UPDATE decisions SET nearest = json_set(nearest, '$.similarity', 0.1234) WHERE {NEARED}",
        "nearest",
        "",
    ),
    "another witness": (
        f"UPDATE decisions SET evidence = json_set(evidence, '$.id', 'train:1x') WHERE {REPEATED}",
        "nearest",
        "",
    ),
    "another row id": (f"UPDATE decisions SET row_id = 'r1:mine' WHERE {ACCEPTED}", "row id", "r1:"),
    "no vector": (f"UPDATE decisions SET vector = NULL WHERE {ACCEPTED}", "vector", ""),
    "an item less": (f"DELETE FROM decisions WHERE {ACCEPTED}", "items", ""),
    "an answer gone": (f"DELETE FROM completions WHERE {JUDGED}", "answer", "no answer to judge"),
    "another answer": (
        f"""UPDATE completions SET text = '{{"items": []}}' WHERE {JUDGED}""",
        "items",
        "1 in its answer",
    ),
    "another slot id in the answer": (f"UPDATE completions SET slot_id = 's1:x' WHERE {JUDGED}", "slot id", "s1:x"),
    "another ordinal": (f"UPDATE slots SET ordinal = 999 WHERE {JUDGED}", "order", "slot"),
    "a slot gone": (f"DELETE FROM slots WHERE {JUDGED}", "order", ""),
    "a failure gone": ("DELETE FROM failures", "failure", "no failure"),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_verify_names_what_was_tampered_with(copied: tuple[Path, sqlite3.Connection], name: str) -> None:
    """Each thing that can be wrong is found, and told with what it should be."""
    out, connection = copied
    sql, what, derived = TAMPERINGS[name]
    tampered = connection.execute(sql).rowcount
    assert tampered > 0
    found = verify_run(out)
    assert not found.is_clean
    first = next(d for d in found.differences if d.what == what)
    assert derived in first.derived
    assert found.difference_count <= 11 + tampered, "one wrong thing is not a wrong thing everywhere after it"


def test_verify_looks_at_the_promises_from_outside(copied: tuple[Path, sqlite3.Connection]) -> None:
    """Two accepted rows with one text, and a witness that is another text, are found without what decided."""
    out, connection = copied
    two = "SELECT position, item FROM decisions WHERE reason IS NULL ORDER BY position LIMIT 2"
    assert connection.execute(f"UPDATE decisions SET text = 'one text' WHERE (position, item) IN ({two})").rowcount == 2
    found = verify_run(out)
    assert any(d.what == "promise" and "exact similarity 1.0" in d.derived for d in found.differences)


def test_verify_derives_slot_ids_from_the_job(copied: tuple[Path, sqlite3.Connection]) -> None:
    """A slot id that answer and slot agree on, and that does not follow from the job."""
    out, connection = copied
    connection.execute(f"UPDATE completions SET slot_id = 's1:x' WHERE {JUDGED}")
    connection.execute(f"UPDATE slots SET slot_id = 's1:x' WHERE {JUDGED}")
    found = verify(out)
    assert found["exit"] == 4
    assert "slot id: recorded s1:x; derived s1:" in found["told"]
    assert "row id" in {d["what"] for d in found["differences"]}
    assert "next:" in found["told"]


def test_verify_names_a_damaged_page(copied: tuple[Path, sqlite3.Connection]) -> None:
    """One flipped byte in the head of a page: named, nothing else claimed, no traceback."""
    out, connection = copied
    (root,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'completions_by_slot'").fetchone()
    connection.close()
    path = out / "journal.sqlite"
    content = bytearray(path.read_bytes())
    content[(root - 1) * 4096 + 4] ^= 0xFF
    path.write_bytes(content)
    found = verify(out)
    assert found["exit"] == 4
    assert found["differences"][0]["what"] == "file"
    assert "everything but the file" in found["skipped"][0]


@pytest.mark.slow
def test_verify_of_a_live_run(tmp_path: Path) -> None:
    """While a run writes, another process verifies what is there, and the run goes on."""
    with simulator(*FAULTS, "--latency-s", "0.1") as server:
        job = write_job(tmp_path, server.base_url, targets={"late": 400}, model={"limits": {"max_concurrency": 4}})
        process = start_run(job, tmp_path / "out")
        server.wait_for(40)
        found = verify(tmp_path / "out")
        assert process.poll() is None
        assert found["exit"] == 0, found
        assert found["checked"]["decisions"] > 20
        assert kill(process, signal.SIGINT) == 130
    assert verify(tmp_path / "out")["exit"] == 0


def change_prompt(folder: Path, base_url: str) -> tuple[Path, tuple[str, ...]]:
    prompt = {"template": "plain.j2", "seeds": 2, "items": 4}
    return write_job(folder, base_url, targets={"late": 60}, prompt=prompt), ("--on-change", "keep")


def raise_and_lower(folder: Path, base_url: str) -> tuple[Path, tuple[str, ...]]:
    return write_job(folder, base_url, targets={"late": 15, "lost": 20}), ()


@pytest.mark.parametrize("change", [change_prompt, raise_and_lower])
def test_verify_of_a_run_whose_job_changed(
    tmp_path: Path, change: Callable[[Path, str], tuple[Path, tuple[str, ...]]]
) -> None:
    """Slots asked under an earlier job are counted apart; rows beyond a lowered target are noted, not blamed."""
    with simulator(*FAULTS) as server:
        run_json(write_job(tmp_path, server.base_url, targets={"late": 30}), tmp_path / "out")
        job, flags = change(tmp_path, server.base_url)
        assert run_json(job, tmp_path / "out", *flags)["exit"] == 0
    found = verify(tmp_path / "out")
    assert found["exit"] == 0, found
    if change is change_prompt:
        assert found["checked"]["slots asked under an earlier job"] >= 8
        assert found["checked"]["slot ids"] >= 4
    else:
        assert found["notes"] == ["class 'late': 30 rows accepted, 15 wanted: accepted under a higher target"]


def test_verify_without_the_data_says_what_it_left_out(tmp_path: Path) -> None:
    """The file and its own agreement are checked; what needs the data files is said to be skipped, and why."""
    with simulator() as server:
        run_json(write_job(tmp_path, server.base_url, targets={"late": 10}), tmp_path / "out")
    (tmp_path / "train.csv").unlink()
    found = verify(tmp_path / "out")
    assert found["exit"] == 0
    assert "train.csv: No such file" in found["skipped"][0]
    assert "decisions" not in found["checked"]
    assert found["checked"]["answered slots"] > 0


def test_verify_of_no_run_says_so(tmp_path: Path) -> None:
    """A folder without a journal."""
    with pytest.raises(JournalError, match="no run here"):
        verify_run(tmp_path)
