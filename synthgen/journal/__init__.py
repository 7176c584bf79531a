"""The run's file: every paid answer, every decision, in one SQLite database.

`store` opens the file, to read or for its one writer; the SQL stands by subject (`answers`, `decisions`, `sessions`,
`vectors`, `verdicts`). `entries` is what goes in and out, `migrations` its shape, `files` whether it is whole, `lock`
who may write. Group commits belong to the engine.
"""

from synthgen.journal.entries import (
    AcceptedMark,
    AcceptedPage,
    AcceptedVectors,
    CommittedSlot,
    FailedSlot,
    Lease,
    LimitChange,
    Loss,
    StoredRow,
    StoredSession,
    StoredSlot,
    StoredVerdict,
    VectorEntry,
    Write,
)
from synthgen.journal.figures import Judgement
from synthgen.journal.lock import RunHeld, RunLock
from synthgen.journal.store import JOURNAL_NAME, Journal, WritableJournal
from synthgen.journal.vectors import ENCODER_KEY, vector_digests

__all__ = [
    "ENCODER_KEY",
    "JOURNAL_NAME",
    "AcceptedMark",
    "AcceptedPage",
    "AcceptedVectors",
    "CommittedSlot",
    "FailedSlot",
    "Journal",
    "Judgement",
    "Lease",
    "LimitChange",
    "Loss",
    "RunHeld",
    "RunLock",
    "StoredRow",
    "StoredSession",
    "StoredSlot",
    "StoredVerdict",
    "VectorEntry",
    "WritableJournal",
    "Write",
    "vector_digests",
]
