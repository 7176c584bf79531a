"""How many connections this process may have open: the soft limit is raised to what a run needs, as far as it goes."""

from __future__ import annotations

import contextlib

# Journals with their logs, the lock, data files, the event loop, standard streams: 32 in a run of five stages
# (2026-12-01); as many again for a model's files and sockets that are just closing.
OWN_FILES = 64


def allow_connections(wanted: int) -> int:
    """Make room for so many connections at once.

    Args:
        wanted: Connections at most.

    Returns:
        How many there may be: `wanted`, or fewer where the system's hard limit is lower, and at least 1.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + OWN_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        most = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        with contextlib.suppress(ValueError, OSError):  # macOS refuses more than kern.maxfilesperproc
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return wanted if soft == resource.RLIM_INFINITY else max(1, min(wanted, soft - OWN_FILES))
