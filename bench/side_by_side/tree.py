"""A process with all it started, as /proc tells it: who belongs to it, processor time, memory.

A peer may start workers, and a worker may outlive its parent: whoever is in the session of the first process belongs
to it, and so do their children.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Member:
    """One process.

    Attributes:
        pid, parent, session: Its numbers.
        cpu_s: Its own processor time, with that of the children it has waited for.
    """

    pid: int
    parent: int
    session: int
    cpu_s: float


def read_member(pid: int) -> Member | None:
    """One process; None where it is gone or dead and not yet waited for."""
    try:
        told = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    if told[0] in ("Z", "X"):
        return None
    return Member(pid, int(told[1]), int(told[3]), sum(map(int, told[11:15])) / TICKS_PER_S)


def members(root: int) -> list[Member]:
    """The process and all that belong to it."""
    alive = [m for entry in PROC.iterdir() if entry.name.isdigit() and (m := read_member(int(entry.name)))]
    found = {m.pid for m in alive if m.pid == root or m.session == root}
    grows = True
    while grows:
        more = {m.pid for m in alive if m.parent in found} - found
        found |= more
        grows = bool(more)
    return [m for m in alive if m.pid in found]


def memory_bytes(pids: Iterable[int]) -> int:
    """Memory of these processes together; what several share is counted once."""
    numbers = list(pids)
    read = resident_bytes if len(numbers) == 1 else _proportional
    total = 0
    for pid in numbers:
        with contextlib.suppress(OSError, IndexError, ValueError):
            total += read(pid)
    return total


def resident_bytes(pid: int) -> int:
    """Memory of one process, what it shares included.

    Raises:
        OSError, IndexError: It is gone.
    """
    return int((PROC / str(pid) / "statm").read_text().split()[1]) * PAGE_BYTES


def _proportional(pid: int) -> int:
    for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise ValueError("smaps_rollup has no Pss")


def kill(root: int) -> None:
    """SIGKILL to all of them, as a machine that goes down would do."""
    for _ in range(3):  # one that is just starting another is met the second time
        found = members(root)
        for member in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(member.pid, signal.SIGKILL)
        if not found:
            return
