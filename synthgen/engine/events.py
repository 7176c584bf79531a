"""What happens during a run, as values. The progress display and any other observer read these and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from synthgen.records import Spend, Usage


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The run begins or goes on. Counts are what earlier sessions left; `notes` are for the user to know."""

    name: str
    targets: Mapping[str, int]
    accepted: Mapping[str, int]
    rejected: Mapping[str, int]
    answers: int
    usage: Usage
    is_resumed: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Preparing:
    """Work that has to end before rows can be judged: `done` of `total`."""

    what: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class RequestSettled:
    """One call ended. `code` is `ok` or the failure's code."""

    label: str
    ordinal: int
    endpoint: str
    code: str
    latency_s: float
    usage: Usage
    in_flight: int


@dataclass(frozen=True, slots=True)
class RowAccepted:
    """One row was accepted."""

    label: str
    row_id: str
    text: str


@dataclass(frozen=True, slots=True)
class RowRejected:
    """One item was rejected."""

    label: str
    row_id: str
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class SlotCommitted:
    """One slot was judged; `accepted` and `target` are its class's totals now."""

    label: str
    ordinal: int
    is_failed: bool
    accepted: int
    target: int


@dataclass(frozen=True, slots=True)
class StageProgress:
    """A slot of a stage before the last was judged: how many of its class were by now, and rows accepted there."""

    stage: str
    label: str
    slots: int
    accepted: int


@dataclass(frozen=True, slots=True)
class ClassMet:
    """A class has all its rows."""

    label: str
    accepted: int


@dataclass(frozen=True, slots=True)
class ClassStarved:
    """A class was stalled: its last answers brought too little."""

    label: str
    accepted: int
    target: int
    recent_answers: int
    recent_accepted: int


@dataclass(frozen=True, slots=True)
class LimitChanged:
    """What an endpoint is taken to allow changed. None means no rate is known."""

    endpoint: str
    max_concurrency: int
    requests_per_s: float | None
    in_flight: int
    why: str


@dataclass(frozen=True, slots=True)
class BudgetState:
    """How much of the budget is spent over all resumes, and reserved for what is in flight.

    `used_ratio` is the share of the tightest bound that is spent.
    """

    spent: Spend
    reserved: Spend
    used_ratio: float


@dataclass(frozen=True, slots=True)
class EncoderState:
    """What the encoder did for a stage's rows this session: `texts` encoded, candidates `spared` (character n-grams
    settled them against the real rows), seconds it worked and their share of the time since rows could be judged."""

    texts: int
    spared: int
    busy_s: float
    busy_ratio: float


@dataclass(frozen=True, slots=True)
class EndpointPaused:
    """An endpoint answers nobody and is asked again after a while."""

    endpoint: str
    code: str
    wait_s: float


@dataclass(frozen=True, slots=True)
class Draining:
    """Nothing more is asked; `in_flight` answers are waited for."""

    reason: str
    in_flight: int


Event: TypeAlias = (
    RunStarted
    | Preparing
    | RequestSettled
    | RowAccepted
    | RowRejected
    | SlotCommitted
    | StageProgress
    | ClassMet
    | ClassStarved
    | LimitChanged
    | BudgetState
    | EncoderState
    | EndpointPaused
    | Draining
)
Observer: TypeAlias = Callable[[Event], None]
