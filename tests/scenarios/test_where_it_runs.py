"""Where a run runs: in another thread than the main one, with few open files, when its terminal goes away."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from synthgen import api
from synthgen.engine.running.run import RunResult
from tests.scenarios.scene import PATIENCE_S, kill, run_json, simulator, start_run, write_job


def test_a_run_in_another_thread_ends_as_in_the_main_one(tmp_path: Path) -> None:
    """Signals are the main thread's: a worker's run is met without them."""
    found: list[RunResult] = []
    with simulator() as server:
        job = write_job(tmp_path, server.base_url, targets={"late": 10, "lost": 5})
        thread = threading.Thread(target=lambda: found.append(api.run(job, out=tmp_path / "run")), daemon=True)
        thread.start()
        thread.join(PATIENCE_S)
    assert found
    assert found[0].exit_code == 0


@pytest.mark.parametrize(("soft", "hard"), [(100, 4096), (100, 100)])
def test_few_open_files_are_raised_or_kept_to_and_said(soft: int, hard: int, tmp_path: Path) -> None:
    """More in flight than the system allows files for: the soft limit goes up, else fewer requests are sent at once."""
    with simulator("--latency-s", "0.05") as server:
        limits = {"limits": {"max_concurrency": 500}}
        job = write_job(tmp_path, server.base_url, targets={"late": 60, "lost": 40}, model=limits)
        command = [sys.executable, "-m", "synthgen", "run", str(job), "--out", str(tmp_path / "run")]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard)),
        )
    assert done.returncode == 0, done.stderr
    assert ("allows no more open files" in done.stderr) == (hard == 100)


def test_a_closed_terminal_lets_what_is_in_flight_come(tmp_path: Path) -> None:
    """SIGHUP drains as SIGTERM does: nothing that was paid for is paid for again."""
    limits = {"limits": {"max_concurrency": 8}}
    with simulator("--latency-s", "0.2") as server:
        job = write_job(tmp_path, server.base_url, targets={"late": 200, "lost": 100}, model=limits)
        process = start_run(job, tmp_path / "run")
        server.wait_for(10)
        assert kill(process, signal.SIGHUP) == 130
        assert run_json(job, tmp_path / "run")["exit"] == 0
        assert server.stats()["repeats"] == 0
