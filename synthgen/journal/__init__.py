"""The run's file: every paid answer, every decision, in one SQLite database.

`store` is the file itself, `migrations` its shape, `lock` who may write. Group commits belong to the engine.
"""

from synthgen.journal.lock import RunLock
from synthgen.journal.store import (
    JOURNAL_NAME,
    CommittedSlot,
    FailedSlot,
    Journal,
    StoredRow,
    VectorEntry,
    Write,
)

__all__ = [
    "JOURNAL_NAME",
    "CommittedSlot",
    "FailedSlot",
    "Journal",
    "RunLock",
    "StoredRow",
    "VectorEntry",
    "Write",
]
