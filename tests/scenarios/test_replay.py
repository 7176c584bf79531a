"""Replay and second chances: answers that are paid for judged again, by the real command."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pytest

import synthgen as package
from synthgen.encoders.hashing import HashingEncoder
from synthgen.journal import Journal
from tests.scenarios.scene import export, kill, run_json, simulator, start_run, synthgen, write_job

FAULTS = ("--duplicate-ratio", "0.15", "--malformed-ratio", "0.05", "--refusal-ratio", "0.03")
NEAR: dict[str, Any] = {
    "encoder": "hashing",
    "targets": {"late": 60, "lost": 30},
    "checks": [{"check": "duplicate", "threshold": 0.6}, {"check": "label", "min_probability": 0.05}],
}


def replay_json(out: Path, *settings: str) -> dict[str, Any]:
    """A replay to its end; what `--json` printed, with what it told on stderr."""
    flags = [part for setting in settings for part in ("--set", setting)]
    done = synthgen("replay", out, *flags, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = orjson.loads(done.stdout.strip().splitlines()[-1])
    return {**found, "told": done.stderr}


def test_replay_makes_the_same_rows_again_without_a_server(tmp_path: Path) -> None:
    """As the job stands: every byte the same, though template and job file are gone and nobody answers."""
    with simulator(*FAULTS) as server:
        job = write_job(tmp_path, server.base_url, **NEAR)
        result = run_json(job, tmp_path / "out")
        assert result["exit"] == 0
    rows = export(tmp_path / "out")
    job.unlink()
    (tmp_path / "plain.j2").unlink()
    replayed = replay_json(tmp_path / "out")
    assert export(tmp_path / "out") == rows
    assert replayed["accepted"] == replayed["accepted_before"] == {"late": 60, "lost": 30}
    assert replayed["rejected"] == replayed["rejected_before"] == result["rejected"]
    assert replayed["changes"] == []


def test_replay_with_another_threshold_and_back(tmp_path: Path) -> None:
    """A stricter threshold keeps fewer rows and asks nothing; the job file, run again, goes back to the first rows."""
    with simulator(*FAULTS) as server:
        job = write_job(tmp_path, server.base_url, **NEAR)
        run_json(job, tmp_path / "out")
        rows, received = export(tmp_path / "out"), server.stats()["received"]
        strict = replay_json(tmp_path / "out", "checks.duplicate.threshold=0.3")
        assert sum(strict["accepted"].values()) < 90
        assert strict["rejected"]["near_duplicate"] > strict["rejected_before"].get("near_duplicate", 0)
        assert "job.yaml still says otherwise" in strict["told"]
        assert ".threshold: 0.6 -> 0.3" in strict["told"]
        assert len(export(tmp_path / "out").splitlines()) == sum(strict["accepted"].values())
        assert server.stats()["received"] == received
        assert run_json(job, tmp_path / "out")["exit"] == 0
        assert server.stats()["received"] == received
    assert export(tmp_path / "out") == rows


@pytest.mark.slow
def test_replay_stops_before_a_slot_without_an_answer(tmp_path: Path) -> None:
    """A killed run's answers are judged in order as far as they go; the run that goes on has the undisturbed rows."""
    with simulator(*FAULTS, "--latency-s", "0.03", "--latency-kind", "jitter") as server:
        limits = {"limits": {"max_concurrency": 8}}
        calm = write_job(tmp_path / "calm", server.base_url, model=limits, **NEAR)
        run_json(calm, tmp_path / "calm/out")
        granted = server.stats()["granted"]
        job = write_job(tmp_path / "rough", server.base_url, model=limits, **NEAR)
        process = start_run(job, tmp_path / "rough/out")
        server.wait_for(granted + 16)
        kill(process)
        replayed = replay_json(tmp_path / "rough/out", "retry.max_reasks=1")
        calm_rows = export(tmp_path / "calm/out").splitlines()
        some = export(tmp_path / "rough/out").splitlines()
        assert 0 < len(some) == sum(replayed["accepted"].values()) < 90
        assert some == calm_rows[: len(some)]
        run_json(job, tmp_path / "rough/out")
    assert export(tmp_path / "rough/out").splitlines() == calm_rows


def test_replay_judges_starved_classes_anew(tmp_path: Path) -> None:
    """A class given up for a check that was too strict has its rows once the check lets them pass."""
    checks = [{"check": "duplicate", "near": False}, {"check": "length", "max_chars": 5}]
    with simulator() as server:
        job = write_job(tmp_path, server.base_url, checks=checks, targets={"late": 20}, starvation={"patience": 12})
        assert run_json(job, tmp_path / "out")["exit"] == 6
    replayed = replay_json(tmp_path / "out", "checks.length.max_chars=500")
    assert replayed["accepted_before"] == {}
    assert replayed["accepted"] == {"late": 20}
    assert replayed["starved"] == []


def test_replay_with_a_lower_target_keeps_the_first_rows(tmp_path: Path) -> None:
    """Targets are free to change: exactly that many rows."""
    with simulator() as server:
        job = write_job(tmp_path, server.base_url, targets={"late": 60})
        run_json(job, tmp_path / "out")
    rows = export(tmp_path / "out").splitlines()
    assert replay_json(tmp_path / "out", "targets.late=25", "starvation.patience=10")["accepted"] == {"late": 25}
    assert export(tmp_path / "out").splitlines() == rows[:25]


def test_replay_encodes_nothing_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Vectors of real rows and of every row that was decided on are kept: after a changed threshold none is made anew."""
    encoded: list[tuple[str, ...]] = []

    class Counting(HashingEncoder):
        def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
            encoded.append(tuple(texts))
            return super().encode(texts)

    monkeypatch.setattr("synthgen.engine.judging.pools.open_encoder", lambda name: Counting())
    with simulator(*FAULTS) as server:
        package.run(write_job(tmp_path, server.base_url, **NEAR), out=tmp_path / "out")
        assert len(encoded) > 25
        journal = Journal.read(tmp_path / "out")
        decided = {tuple(row.text for row in slot.rows if row.vector is not None) for slot in journal.slots()}
        journal.close()
        assert len(decided & set(encoded)) > 20
        real = {line.rpartition(",")[0] for line in (tmp_path / "train.csv").read_text().splitlines()}
        encoded.clear()
        checks = [{"check": "duplicate", "threshold": 0.7}, {"check": "label", "min_probability": 0.05}]
        job = write_job(tmp_path, server.base_url, **{**NEAR, "checks": checks})
        result = package.run(job, out=tmp_path / "out")
    assert result.exit_code == 0
    assert not set(encoded) & decided
    assert not {text for texts in encoded for text in texts} & real


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """A small run that is complete."""
    with simulator() as server:
        job = write_job(tmp_path, server.base_url, targets={"late": 8})
        assert run_json(job, tmp_path / "out")["exit"] == 0
    return tmp_path / "out"


def mistake(*args: str | Path) -> tuple[int, str]:
    done = synthgen(*args)
    assert "Traceback" not in done.stderr
    assert "next:" in done.stderr
    return done.returncode, done.stderr


def test_replay_mistakes_are_told_and_change_nothing(finished: Path) -> None:
    """Unknown keys, keys that would ask, data that changed or went, a folder without a run: one message, same rows."""
    rows = export(finished)
    for setting, said in (
        ("checks.duplicate.treshold=1", "did you mean 'threshold'?"),
        ("prompt.seeds=1", "--set prompt.seeds: decides what is asked, and a replay asks for nothing"),
        ("targets.lat=5", "--set targets.lat=5: targets.lat: no real row of class 'lat'"),
    ):
        code, told = mistake("replay", finished, "--set", setting)
        assert code == 2
        assert said in told
    train = finished.parent / "train.csv"
    content = train.read_bytes()
    train.write_bytes(content + b"one more,late\n")
    assert "train.csv: not the data.train the run was judged with" in mistake("replay", finished)[1]
    train.unlink()
    assert "train.csv: No such file or directory: the run's data.train is needed" in mistake("replay", finished)[1]
    train.write_bytes(content)
    assert mistake("replay", finished.parent)[0] == 4
    assert not (finished.parent / "run.lock").exists()
    assert export(finished) == rows


def test_replay_of_a_live_run_is_refused(tmp_path: Path) -> None:
    """A run directory has one owner."""
    with simulator("--latency-s", "0.2") as server:
        job = write_job(tmp_path, server.base_url, model={"limits": {"max_concurrency": 2}})
        process = start_run(job, tmp_path / "out")
        server.wait_for(4)
        for command in ("replay", "retry-failed"):
            code, told = mistake(command, tmp_path / "out")
            assert code == 4
            assert "another run works here" in told
        assert kill(process, signal.SIGINT) == 130


def retry_failed(out: Path) -> dict[str, Any]:
    done = synthgen("retry-failed", out, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = orjson.loads(done.stdout)
    return found


@pytest.mark.slow
def test_retried_slots_stand_where_they_would_have_stood(tmp_path: Path) -> None:
    """Slots given up are asked again, rows after them are judged anew, nothing else is bought: in the end it is the
    dataset of a run in which nothing failed."""
    with simulator("--duplicate-ratio", "0.15") as server:
        calm = write_job(tmp_path / "calm", server.base_url, targets={"late": 60})
        run_json(calm, tmp_path / "calm/out")
        server.control(filtered_ratio=0.4)
        slow = {"limits": {"max_concurrency": 1}}
        budget = {"max_requests": 14}
        job = write_job(tmp_path / "rough", server.base_url, targets={"late": 60}, budget=budget, model=slow)
        first = run_json(job, tmp_path / "rough/out")
        assert first["exit"] == 5
        assert first["failed"] > 1
        server.control(filtered_ratio=0)
        found = retry_failed(tmp_path / "rough/out")
        assert found["reopened"] == found["classes"]["late"] == first["failed"]
        assert found["forgotten"] > 0
        status = orjson.loads(synthgen("status", tmp_path / "rough/out", "--json").stdout)
        assert (status["failed"], status["requests"]) == (0, first["requests"])
        write_job(tmp_path / "rough", server.base_url, targets={"late": 60})
        assert run_json(job, tmp_path / "rough/out")["exit"] == 0
    assert export(tmp_path / "rough/out") == export(tmp_path / "calm/out")


@pytest.mark.slow
def test_retry_of_a_complete_run_changes_nothing(tmp_path: Path) -> None:
    """Every class has its rows: failed slots stay as they are, and so does every row."""
    with simulator("--filtered-ratio", "0.3") as server:
        job = write_job(tmp_path, server.base_url, targets={"late": 40})
        result = run_json(job, tmp_path / "out")
    assert result["exit"] == 0
    assert result["failed"] > 0
    rows = export(tmp_path / "out")
    assert retry_failed(tmp_path / "out") == {
        "run_dir": str(tmp_path / "out"),
        "reopened": 0,
        "classes": {},
        "left": result["failed"],
        "forgotten": 0,
        "is_complete": True,
    }
    assert export(tmp_path / "out") == rows
    assert "every class has its rows" in synthgen("retry-failed", tmp_path / "out").stdout
