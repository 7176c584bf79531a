"""Real processes on a real simulator: who belongs to a run, when it first asked, what a kill costs."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.side_by_side import tree
from bench.side_by_side.catalogue import ENGINE, PEERS, Peer
from bench.side_by_side.environments import Environment, prepare
from bench.side_by_side.running import Order, Watcher, carry_out, kill_at_half

HERE = Environment(sys.executable)
BY_NAME = {peer.name: peer for peer in PEERS}
HOLD = "import time; held = bytearray({mib} << 20); held[::4096] = b'x' * len(held[::4096]); print(flush=True); time.sleep(60)"
PARENT = """
import subprocess, sys
is_apart = sys.argv[2] == "apart"
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE, start_new_session=is_apart)
child.stdout.readline()
print(child.pid, flush=True)
if sys.argv[2] != "leave":
    child.wait()
"""


def wait_until(is_so: Callable[[], bool]) -> bool:
    until = time.monotonic() + 20
    while not is_so() and time.monotonic() < until:
        time.sleep(0.01)
    return is_so()


@pytest.mark.parametrize("how", ["stay", "leave", "apart"])
def test_a_worker_counts_and_is_killed_even_where_its_parent_is_gone(how: str) -> None:
    """A child belongs to its parent's run by descent and by session: its memory is counted, and the kill
    meets it."""
    command = [sys.executable, "-c", PARENT, HOLD.format(mib=80), how]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        if how == "leave":
            process.wait()
        found = tree.members(process.pid)
        pids = [member.pid for member in found]
        assert child in pids
        assert (process.pid in pids) == (how != "leave")
        assert 80 < tree.memory_bytes(found) / tree.MIB < 300
        tree.kill(process.pid)
        assert wait_until(lambda: not tree.is_alive(child))
    assert tree.members(process.pid) == []


class Counting:
    """A server whose counts grow by ten at each look; it is first asked at the second."""

    def __init__(self) -> None:
        self.looks = 0

    def stats(self) -> dict[str, Any]:
        self.looks += 1
        first = 0.1 if self.looks > 1 else None
        return {"elapsed_s": self.looks / 10, "received": 12 * self.looks, "granted": 10 * self.looks} | {
            "first_admitted_s": first
        }


def test_a_watcher_keeps_every_look_until_the_process_ends_or_enough_is_counted() -> None:
    """All looks, the processor time before the first request, and why it stopped looking."""
    command = [sys.executable, "-c", "import time; time.sleep(30)"]
    with subprocess.Popen(command, start_new_session=True) as process:
        server = Counting()
        watcher = Watcher(process, server, every_s=0.01)  # type: ignore[arg-type]
        assert watcher.watch(20, until=lambda told: told["granted"] >= 50) == "reached"
        assert watcher.looks == [(i / 10, 10 * i) for i in range(1, 6)]
        assert watcher.start_cpu_s is not None
        assert watcher.peak_bytes > tree.MIB
        assert watcher.watch(0.05) == "late"
        process.kill()
        process.wait()
        assert watcher.watch(20) == "ended"


def test_a_run_is_timed_by_what_the_server_saw() -> None:
    """Rows, the first request between start and end, the rate over the seconds asked, processor time and memory."""
    order = Order("100ms", 0, rows=120, in_flight=30, limit_s=60)
    run = carry_out(BY_NAME["bare"], HERE, order, {"latency_s": 0.05})
    assert (run.outcome, run.rows.kept, run.rows.malformed, run.served["granted"]) == ("done", 120, 0, 120), run
    assert run.start_up_s is not None
    assert run.asking_s is not None
    assert 0 < run.start_up_s < run.start_up_s + run.asking_s <= run.wall_s
    assert run.asking_s >= 4 * 0.05 * 0.99
    assert run.per_s == pytest.approx(120 / run.asking_s)
    assert 0 < run.cpu_ms < 1000 * run.wall_s
    assert run.peak_mib > 5


def test_the_end_of_a_heavy_tail_does_not_count_for_the_rate() -> None:
    """The rate is that of the share that counts, from the server's counts while it ran."""
    settings = {"latency_s": 0.05, "latency_kind": "lognormal", "seed": 1}
    order = Order("tail", 0, rows=200, in_flight=50, limit_s=60, counted_ratio=0.9)
    run = carry_out(BY_NAME["bare"], HERE, order, settings)
    assert run.is_done
    assert run.asking_s is not None
    whole_s = run.served["last_granted_s"] - run.served["first_admitted_s"]
    assert 0.05 < run.asking_s < 0.8 * whole_s
    assert run.per_s == pytest.approx(0.9 * 200 / run.asking_s)


def test_a_script_that_fails_is_a_failed_run_with_its_last_words() -> None:
    """The suite goes on; why is in the run."""
    peer = Peer("nobody", "nobody", "no_such_script", "script")
    run = carry_out(peer, HERE, Order("100ms", 0, rows=4, in_flight=2, limit_s=30), {})
    assert (run.outcome, run.rows.kept, run.start_up_s, run.per_s) == ("failed", 0, None, 0.0)
    assert "no_such_script" in run.why


def test_a_run_that_does_not_end_is_stopped_at_its_limit() -> None:
    """Late, with what the server has counted."""
    order = Order("faults", 0, rows=8, in_flight=2, limit_s=1.5)
    run = carry_out(BY_NAME["cookbook"], HERE, order, {"latency_s": 30.0})
    assert run.outcome in ("late", "hung")
    assert not run.is_done
    assert run.wall_s < 15
    assert run.served["granted"] == 0


def test_a_script_without_a_journal_buys_everything_again_after_a_kill() -> None:
    """The cookbook's script is killed at half: the same command asks for all rows anew, and none is lost."""
    order = Order("kill", 0, rows=80, in_flight=8, limit_s=60, is_resumable=True)
    run = kill_at_half(BY_NAME["cookbook"], HERE, order, {"latency_s": 0.05})
    assert (run.outcome, run.rows.kept, run.rows.doubled) == ("done", 80, 0), run
    at_kill = run.more["bought_at_kill"]
    assert 40 <= at_kill < 80
    assert run.more["asked_again"] == 80
    assert run.served["repeats"] >= at_kill - 8


def test_the_engine_goes_on_after_a_kill() -> None:
    """It asks only for what is missing, and what was in flight."""
    order = Order("kill", 0, rows=80, in_flight=8, limit_s=60, is_resumable=True)
    run = kill_at_half(ENGINE, HERE, order, {"latency_s": 0.05})
    assert (run.outcome, run.rows.kept, run.rows.malformed) == ("done", 80, 0), run
    assert run.served["granted"] <= 80 + 3 * 8
    assert run.served["repeats"] <= 8


def test_a_peer_that_never_comes_to_half_is_told_apart() -> None:
    """There is nothing to resume then."""
    order = Order("kill", 0, rows=8, in_flight=2, limit_s=1.0)
    run = kill_at_half(BY_NAME["cookbook"], HERE, order, {"latency_s": 30.0})
    assert not run.is_done
    assert run.rows.kept == 0


def test_a_peer_that_cannot_be_installed_is_a_reason(tmp_path: Path) -> None:
    """In words, without an address, and nothing is left behind; the next try begins anew."""
    peer = Peer("lost", "lost", "bare", "library", requirements=(str(tmp_path / "lost-1.0-py3-none-any.whl"),))
    home = prepare(peer, folder=tmp_path / "envs")
    assert home.python is None
    assert home.why
    assert "://" not in home.why
    assert not (tmp_path / "envs" / "lost").exists()


def test_our_own_scripts_need_no_environment_of_their_own() -> None:
    """They are run by the interpreter of the suite."""
    assert prepare(BY_NAME["bare"]).python == sys.executable
