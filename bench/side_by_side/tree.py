"""A process with all it started: who belongs to it, processor time, memory (by psutil).

A peer may start workers, and a worker may outlive its parent: whoever is in the session of the first process belongs
to it, and so do their children.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress

import psutil

MIB = 1 << 20


def members(root: int) -> list[psutil.Process]:
    """The living ones of the process and all that belong to it."""
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if process.pid == root or os.getsid(process.pid) == root:
                found |= {p.pid: p for p in (process, *process.children(recursive=True))}
    return [p for p in found.values() if is_alive(p.pid)]


def is_alive(pid: int) -> bool:
    """Whether a process is there, and not only waits to be waited for."""
    with suppress(psutil.Error):
        return bool(psutil.Process(pid).status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD))
    return False


def cpu_s(processes: Sequence[psutil.Process]) -> float:
    """Their processor time, with that of the children they have waited for."""
    total = 0.0
    for process in processes:
        with suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def memory_bytes(processes: Iterable[psutil.Process]) -> int:
    """Memory of these processes together; what several share is counted once."""
    total, each = 0, list(processes)
    for process in each:
        with suppress(psutil.Error):
            total += process.memory_info().rss if len(each) == 1 else process.memory_full_info().pss
    return total


def kill(root: int) -> None:
    """SIGKILL to all of them, as a machine that goes down would do."""
    for _ in range(3):  # one that is just starting another is met the second time
        for process in members(root):
            with suppress(psutil.Error):
                process.kill()
