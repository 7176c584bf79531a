"""What is written to a journal and read from it, as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from synthgen.records import Completion, Decision, Failure, Usage


@dataclass(frozen=True, slots=True)
class FailedSlot:
    """A slot failed permanently.

    Attributes:
        answer: Raw text behind the failure, where there was one.
        usage: What the far side said it cost. It describes; `Loss` is what is counted.
    """

    slot_id: str
    label: str
    ordinal: int
    step: int
    failure: Failure
    endpoint: str
    attempts: int
    failed_at: float
    answer: str | None = None
    usage: Usage = field(default_factory=Usage)


class CommittedSlot(NamedTuple):
    """A slot that was judged, with what became of its items.

    Attributes:
        slot_id: Its id.
        label: Its class.
        ordinal: Its number within the class.
        is_failed: Whether it was passed over because no answer could be had.
        decisions: One for each item of its answer.
    """

    slot_id: str
    label: str
    ordinal: int
    is_failed: bool
    decisions: tuple[Decision, ...]


@dataclass(frozen=True, slots=True)
class VectorEntry:
    """A real row's encoded text, float16 bytes."""

    encoder: str
    digest: str
    vector: bytes


@dataclass(frozen=True, slots=True)
class Loss:
    """Spend that brought no answer, or may have: it counts against the budget over all resumes.

    Attributes:
        endpoint: Endpoint that was asked; empty for a crashed session's.
        code: The failure's code, or `crash`.
        requests: Calls it stands for.
        usage: Upper bound of what the far side may charge for them.
        at: Unix time.
        label: Class of the slot, or None where it stands for a whole session.
        ordinal: Number of the slot within its class, or None.
        step: Which re-prompt it was, or None.
    """

    endpoint: str
    code: str
    requests: int
    usage: Usage
    at: float
    label: str | None = None
    ordinal: int | None = None
    step: int | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """Upper bound of what the running session may have in flight and not accounted for; replaces the one before.

    Written before it is used up: if the process dies, the next session books it as a loss.
    """

    requests: int
    usage: Usage


@dataclass(frozen=True, slots=True)
class LimitChange:
    """One change of an endpoint's limits, and why.

    Attributes:
        endpoint: Which.
        at: Unix time.
        max_concurrency: Requests in flight allowed from now on.
        requests_per_s: Rate allowed from now on, or None for no limit.
        in_flight: Requests in flight when it changed.
        why: For a person.
    """

    endpoint: str
    at: float
    max_concurrency: int
    requests_per_s: float | None
    in_flight: int
    why: str


Write: TypeAlias = Completion | FailedSlot | CommittedSlot | VectorEntry | Loss | Lease | LimitChange


class AcceptedPage(NamedTuple):
    """What later rows are compared with, of some that were accepted: a column each, without an object for a row.

    Attributes:
        last: Position and item of the last of them.
        ids: Row ids.
        labels: Their classes.
        texts: Their texts.
    """

    last: tuple[int, int]
    ids: Sequence[str]
    labels: Sequence[str]
    texts: Sequence[str]


class AcceptedVectors(NamedTuple):
    """The vectors of such rows, of those that have one.

    Attributes:
        last: Position and item of the last of them.
        labels: Their classes.
        vectors: Stored float16 values, one vector after the other, all of one length.
    """

    last: tuple[int, int]
    labels: Sequence[str]
    vectors: bytes


@dataclass(frozen=True, slots=True)
class StoredRow:
    """An item as the journal has it: accepted where `reason` is None."""

    row_id: str
    slot_id: str
    label: str
    ordinal: int
    item: int
    reason: str | None
    text: str
    fields: Mapping[str, Any]
    evidence: Mapping[str, Any]
    nearest: Mapping[str, Any]
    results: Mapping[str, Any]
    draft: Mapping[str, Any]
    model: str
    vector: bytes | None


@dataclass(frozen=True, slots=True)
class StoredSession:
    """One process's work on a run.

    Attributes:
        id: 1 for the first.
        started_at: Unix time.
        ended_at: Unix time; None while it runs, and for one that died.
        status: `running`, `complete`, `stopped`, `failed` (an error ended it) or `crashed` (seen by the next session).
        reason: Why it ended, for a person.
        elapsed_s: Seconds it worked; for a crashed one, until its last answer; None while it runs.
        lease: Upper bound of what it may have in flight.
    """

    id: int
    started_at: float
    ended_at: float | None
    status: str
    reason: str
    elapsed_s: float | None
    lease: Lease


@dataclass(frozen=True, slots=True)
class StoredSlot:
    """A judged slot as the journal has it, with its items whether or not its answer is there.

    Attributes:
        position: Its place in commit order.
        rows: Its items; `draft` is empty and `model` unknown here.
    """

    position: int
    slot_id: str
    label: str
    ordinal: int
    is_failed: bool
    rows: tuple[StoredRow, ...]


@dataclass(frozen=True, slots=True)
class StoredVerdict:
    """One thing that a person did about an accepted row.

    Attributes:
        reviewer: Who.
        row_id: About which row.
        act: A verdict's word, `undo` (takes back this person's last verdict on the row) or `note`.
        note: Free words, or None.
        at: Unix time.
    """

    reviewer: str
    row_id: str
    act: str
    note: str | None
    at: float


@dataclass(frozen=True, slots=True)
class AcceptedMark:
    """An accepted row without its text: enough to draw a sample from a hundred thousand.

    Attributes:
        row_id: Its id.
        label: Its class.
        position: Place of its slot in commit order.
        item: Its place in the slot's answer.
        results: What the checks that passed kept.
    """

    row_id: str
    label: str
    position: int
    item: int
    results: Mapping[str, Any]
