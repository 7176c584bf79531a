"""What the simulator counts. A grant is a 200 whose body was begun; a repeat is one paid for twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Purchase:
    """What a granted request cost.

    Attributes:
        digest: Hash of the exact body.
        input_tokens, output_tokens: As its usage says.
        at: Clock time of its admission.
        is_whole: False where the body is to be cut.
    """

    digest: bytes
    input_tokens: int
    output_tokens: int
    at: float
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Statistics:
    """One reading, since the start or the last reset.

    Attributes:
        received: Completion requests whose body arrived, whatever became of them.
        granted: 200s whose body was sent or at least begun.
        cut: Those of them cut in the middle of the body.
        abandoned: Requests whose client left before the answer.
        by_status: Answers by status.
        throttled: Answers with 429, quota included.
        in_flight: Requests now being worked on.
        max_in_flight: Most at once.
        granted_per_s: Granted requests by the second (from 0) in which they were admitted.
        input_tokens, output_tokens: Tokens granted.
        distinct: Different bodies granted.
        repeats: Granted requests whose exact body had been delivered whole before: paid for twice. A body that was cut
            may be asked for again without counting, as its client had no choice.
        elapsed_s: Seconds counted.
        first_admitted_s, last_granted_s: When the first request was taken on and when the last granted body was begun;
            None before there is one.
    """

    received: int
    granted: int
    cut: int
    abandoned: int
    by_status: dict[int, int]
    throttled: int
    in_flight: int
    max_in_flight: int
    granted_per_s: dict[int, int]
    input_tokens: int
    output_tokens: int
    distinct: int
    repeats: int
    elapsed_s: float
    first_admitted_s: float | None = None
    last_granted_s: float | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Tally:
    """The running counts behind `Statistics`."""

    def __init__(self, now: float) -> None:
        self.in_flight = 0
        self.reset(now)

    def reset(self, now: float) -> None:
        """Counts from zero again; what is in flight stays in flight."""
        self._start = now
        self._received = self._granted = self._cut = self._abandoned = self._repeats = 0
        self._input_tokens = self._output_tokens = 0
        self._max_in_flight = self.in_flight
        self._by_status: Counter[int] = Counter()
        self._per_s: Counter[int] = Counter()
        self._granted_digests: set[bytes] = set()
        self._whole_digests: set[bytes] = set()
        self._first_admitted: float | None = None
        self._last_granted: float | None = None

    def receive(self) -> None:
        self._received += 1

    def enter(self, now: float) -> None:
        if self._first_admitted is None:
            self._first_admitted = now
        self.in_flight += 1
        self._max_in_flight = max(self._max_in_flight, self.in_flight)

    def leave(self, *, is_abandoned: bool = False) -> None:
        self.in_flight -= 1
        self._abandoned += is_abandoned

    def answer(self, status: int) -> None:
        self._by_status[status] += 1

    def grant(self, paid: Purchase, now: float) -> None:
        self._granted += 1
        self._last_granted = now
        self._per_s[int(max(0.0, paid.at - self._start))] += 1
        self._input_tokens += paid.input_tokens
        self._output_tokens += paid.output_tokens
        self._granted_digests.add(paid.digest)
        if paid.digest in self._whole_digests:
            self._repeats += 1
        if paid.is_whole:
            self._whole_digests.add(paid.digest)
        else:
            self._cut += 1

    def read(self, now: float) -> Statistics:
        return Statistics(
            received=self._received,
            granted=self._granted,
            cut=self._cut,
            abandoned=self._abandoned,
            by_status=dict(sorted(self._by_status.items())),
            throttled=self._by_status[429],
            in_flight=self.in_flight,
            max_in_flight=self._max_in_flight,
            granted_per_s=dict(sorted(self._per_s.items())),
            input_tokens=self._input_tokens,
            output_tokens=self._output_tokens,
            distinct=len(self._granted_digests),
            repeats=self._repeats,
            elapsed_s=round(now - self._start, 3),
            first_admitted_s=self._since_start(self._first_admitted),
            last_granted_s=self._since_start(self._last_granted),
        )

    def _since_start(self, moment: float | None) -> float | None:
        return None if moment is None else round(moment - self._start, 4)
