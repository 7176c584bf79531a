"""How many threads linear algebra may use."""

from __future__ import annotations

from threadpoolctl import threadpool_limits


def one_thread() -> threadpool_limits:
    """A block in which BLAS keeps to one thread.

    For many small matrices: a second thread waits for the first. A fit of 77 classes took 0.32 s on one thread and 0.51
    s (three times the processor time) on two, drift of 360 rows 3.1 s of processor time against 6.7 (2026-11-21).
    """
    return threadpool_limits(1)
