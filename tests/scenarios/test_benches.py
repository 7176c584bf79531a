"""The benches' small versions hold what the full ones measure."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bench.soak import soak_virtually
from bench.stage import environment

PATIENCE_S = 120.0


def measure(program: str, *words: str) -> None:
    """One program, which must miss nothing."""
    command = [sys.executable, "-m", program, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, env=environment(), check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("part", ["random", "commit", "server"])
def test_a_run_killed_anywhere_gives_the_same_rows(part: str) -> None:
    """SIGKILL at random moments, inside a commit, or of the server: the calm run's bytes, at no more than what was in
    flight, and a message that names the next step where the run could go on no more."""
    measure("bench.crash", part, "--quick")


@pytest.mark.slow
@pytest.mark.parametrize("part", ["full", "truncated", "read-only", "shared"])
def test_a_failing_disk_ends_the_run_and_loses_nothing(part: str) -> None:
    """A full disk, a truncated journal, a directory that cannot be written, a second run: exit 4, a message with the
    next step, no request sent in vain, and the run is completed once the disk is in order."""
    measure("tests.scenarios.disk", part, "--quick")


def test_a_full_disk_ends_the_run_where_no_disk_can_be_mounted() -> None:
    """The same by a limit on the size of a file, where a test may not mount anything."""
    measure("tests.scenarios.disk", "full", "read-only", "--quick", "--no-namespace")


@pytest.mark.slow
def test_nothing_is_asked_after_a_deadline() -> None:
    """Over a kill and resumes, no request comes once the deadline is over; without one the run is completed."""
    measure("tests.scenarios.budget", "deadline", "--quick")


def test_minutes_of_virtual_time_leave_nothing_behind() -> None:
    """The whole engine for some virtual minutes against every fault: it ends at its deadline, keeps every answer, and
    leaves no task and nothing in flight."""
    figures = {figure.what: figure for figure in soak_virtually(1.0)}
    judged = {what: f.is_met for what, f in figures.items() if f.is_met is not None and "received" not in what}
    assert len(judged) >= 8
    assert all(judged.values()), figures
