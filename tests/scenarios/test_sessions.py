"""What a run keeps of its own history: sessions, losses, failures with what stood behind them."""

from __future__ import annotations

import functools
import signal
import sqlite3
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import numpy.typing as npt
import orjson
import pytest

import synthgen as package
from synthgen.encoders.hashing import HashingEncoder
from synthgen.engine.running.replay import replay_run
from synthgen.errors import JobError
from synthgen.journal import Journal, Lease, Loss
from synthgen.records import Usage
from tests.scenarios.scene import export, kill, run_json, simulator, start_run, synthgen, write_job

PRICE = {"price": {"input_usd_per_mtok": "1.0", "output_usd_per_mtok": "2.0"}}
FRUGAL = {"limits": {"max_concurrency": 1}}


def status(out: Path) -> dict[str, Any]:
    done = synthgen("status", out, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = orjson.loads(done.stdout)
    return found


@pytest.mark.slow
def test_status_tells_every_session(tmp_path: Path) -> None:
    """While one works, after it was killed, after one was interrupted, and after one was done."""
    with simulator("--latency-s", "0.2") as server:
        job = write_job(tmp_path, server.base_url, targets={"late": 400}, model={"limits": {"max_concurrency": 2}})
        process = start_run(job, tmp_path / "out")
        server.wait_for(6)
        live = status(tmp_path / "out")
        assert live["status"] == "running"
        assert [s["status"] for s in live["sessions"]] == ["running"]
        assert 0 < live["sessions"][0]["elapsed_s"] < 60
        kill(process)
        dead = status(tmp_path / "out")
        assert dead["status"] == "stopped"
        assert [s["status"] for s in dead["sessions"]] == ["crashed"]
        time.sleep(0.2)
        assert status(tmp_path / "out")["sessions"] == dead["sessions"], "a dead session does not grow older"
        before = server.stats()["granted"]
        process = start_run(job, tmp_path / "out")
        server.wait_for(before + 3)
        assert kill(process, signal.SIGINT) == 130
        server.control(latency_s=0)
        assert run_json(job, tmp_path / "out")["exit"] == 0
    found = status(tmp_path / "out")
    assert [s["status"] for s in found["sessions"]] == ["crashed", "stopped", "complete"]
    assert found["sessions"][1]["reason"] == "interrupted by SIGINT"
    assert "sessions  3, 1 of them died, " in synthgen("status", tmp_path / "out").stdout


def test_losses_count_against_the_budget_over_resumes(tmp_path: Path) -> None:
    """A dead session's lease and a call that may have been billed are spent: what is left is what may be asked, and
    `status` shows them apart from the answers."""
    with simulator() as server:
        job = write_job(tmp_path, server.base_url, model=FRUGAL, budget={"max_requests": 6})
        assert run_json(job, tmp_path / "out")["exit"] == 5
        journal = Journal.create(tmp_path / "out")
        journal.begin_session(1.0)
        journal.apply([Loss("e", "timeout", 1, Usage(50, 10), 2.0), Lease(2, Usage(100, 1000, Decimal("0.5")))])
        journal.close()
        write_job(tmp_path, server.base_url, model=FRUGAL, budget={"max_requests": 11})
        result = run_json(job, tmp_path / "out")
        assert result["exit"] == 5
        assert server.stats()["received"] == result["requests"] == 11 - 1 - 2
    found = status(tmp_path / "out")
    assert found["requests"] == 8
    assert found["losses"] == {"requests": 3, "input_tokens": 150, "output_tokens": 1010, "usd": 0.5}
    told = synthgen("status", tmp_path / "out").stdout
    assert "possibly billed without an answer: 3 requests, 1,160 tokens, $0.5000" in told


def test_given_up_slot_keeps_its_answer_and_its_cost(tmp_path: Path) -> None:
    """A withheld answer is billed all the same: body, tokens and money stand in the journal."""
    with simulator("--filtered-ratio", "0.4") as server:
        job = write_job(tmp_path, server.base_url, targets={"late": 40}, model=PRICE)
        assert run_json(job, tmp_path / "out")["failed"] > 0
    connection = sqlite3.connect(tmp_path / "out/journal.sqlite")
    for answer, input_tokens, output_tokens, usd in connection.execute(
        "SELECT answer, input_tokens, output_tokens, usd FROM failures"
    ):
        assert "content_filter" in orjson.loads(answer)["choices"][0]["finish_reason"]
        assert input_tokens > 0
        assert Decimal(usd) == input_tokens * Decimal("1e-6") + output_tokens * Decimal("2e-6")
    connection.close()


def test_interrupted_run_leaves_reasks_to_the_next_session(tmp_path: Path) -> None:
    """An unusable answer that comes while the run drains is asked again on resume, as it would have been: the rows are
    those of an undisturbed run."""
    flags = ("--malformed-ratio", "0.5", "--latency-s", "0.1", "--duplicate-ratio", "0.1")
    with simulator(*flags) as server:
        limits = {"limits": {"max_concurrency": 8}}
        calm = write_job(tmp_path / "calm", server.base_url, targets={"late": 240}, model=limits)
        assert run_json(calm, tmp_path / "calm/out")["exit"] == 0
        job = write_job(tmp_path / "rough", server.base_url, targets={"late": 240}, model=limits)
        for _ in range(3):
            before = server.stats()["granted"]
            process = start_run(job, tmp_path / "rough/out")
            server.wait_for(before + 4)
            assert kill(process, signal.SIGINT) == 130
        assert run_json(job, tmp_path / "rough/out")["exit"] == 0
    assert export(tmp_path / "rough/out") == export(tmp_path / "calm/out")


class Other(HashingEncoder):
    """Another model under the same name."""

    identity = "hashing-other"

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        return -super().encode(texts)


def test_vectors_of_two_encoders_never_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the model behind a name has changed, a run goes on only after a replay, which encodes with the new one."""
    changes: dict[str, Any] = {"encoder": "hashing", "checks": [{"check": "duplicate", "threshold": 0.8}]}
    with simulator() as server:
        job = write_job(tmp_path, server.base_url, targets={"late": 20}, **changes)
        package.run(job, out=tmp_path / "out")
        write_job(tmp_path, server.base_url, targets={"late": 40}, **changes)
        monkeypatch.setattr("synthgen.engine.judging.pools.open_encoder", lambda name: Other())
        with pytest.raises(JobError, match="hashing-512-v1 then, hashing-other now"):
            package.run(job, out=tmp_path / "out")
        work = functools.partial(replay_run, tmp_path / "out", settings=[], observe=lambda _: None)
        assert 20 <= anyio.run(work).after.accepted["late"] <= 40
        assert package.run(job, out=tmp_path / "out").exit_code == 0
