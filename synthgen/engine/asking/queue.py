"""Chooses what an endpoint is asked next: what has to be asked again first, then the next slot of the deepest stage.

A call that must be asked again gives its concurrency slot back and waits in a heap, as a value, not as a task.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from synthgen.engine.asking.endpoint import Endpoint
from synthgen.engine.asking.retry import Tries
from synthgen.engine.asking.work import AskedStage, Work
from synthgen.engine.clock import loop_clock
from synthgen.engine.stop import Stop
from synthgen.records import Message

LOOK_AGAIN_S = 0.05
MAX_PASSED_OVER = 8


class WorkQueue:
    """Work to be asked, by groups of interchangeable endpoints. Made on the running loop.

    Args:
        endpoints: Where to ask.
        stop: Ends the waiting for work.
    """

    def __init__(self, endpoints: Sequence[Endpoint], stop: Stop) -> None:
        self._endpoints, self._stop = endpoints, stop
        self._clock = loop_clock()
        self._stages: list[AskedStage] = []
        groups = 1 + max(e.group for e in endpoints)
        self._backlog: list[deque[Work]] = [deque() for _ in range(groups)]
        self._again: list[list[tuple[float, int, Work]]] = [[] for _ in range(groups)]
        self._sequence = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits that was begun."""
        return not (any(self._backlog) or any(self._again))

    def add_stage(self, stage: AskedStage) -> None:
        """Ask for one more stage. What was begun is finished first: later stages come before earlier ones."""
        self._stages.append(stage)
        self._stages.sort(key=lambda entry: -entry.number)
        self._stop.changed.notify()

    def push(self, work: Work, *, group: int, at: float) -> None:
        """Have something asked again, by an endpoint of `group`, not before `at` by the engine's clock."""
        self._sequence += 1
        heapq.heappush(self._again[group], (at, self._sequence, work))
        self._stop.changed.notify()

    def reprompt(self, work: Work, answer: str, complaint: str) -> None:
        """Ask a slot again, showing the model its own answer and what was wrong with it."""
        prompt = work.slot.request.prompt
        messages = (*prompt.messages, Message("assistant", answer), Message("user", complaint))
        request = work.slot.request._replace(prompt=replace(prompt, messages=messages))
        now = self._clock()
        again = Work(work.stage, work.slot, work.step + 1, request, Tries(now))
        self.push(again, group=work.slot.draft.model_index, at=now)

    def is_alone(self, group: int) -> bool:
        """Whether nothing of a group waits to be asked again."""
        return not self._again[group]

    def group_of(self, endpoint: Endpoint) -> list[Endpoint]:
        """Endpoints that are interchangeable with one, itself included."""
        return [e for e in self._endpoints if e.group == endpoint.group]

    def alternatives(self, endpoint: Endpoint) -> list[Endpoint]:
        """Endpoints that could take this one's work now."""
        return [e for e in self.group_of(endpoint) if e is not endpoint and e.down is None and not e.breaker.is_open]

    async def take(self, endpoint: Endpoint) -> Work | None:
        """The most urgent work for an endpoint; None once the run stops, or the endpoint is down.

        Raises:
            JobError: A prompt cannot be rendered.
        """
        while not self._stop.is_set and endpoint.down is None:
            has_to_yield = self._has_to_yield(endpoint)
            work = self._due(endpoint) or (None if has_to_yield else self._next_slot(endpoint))
            if work is not None:
                if not work.stage.is_open(work.slot.label):
                    continue  # its class was met or stalled while it waited
                return work
            await self._stop.changed.wait(timeout_s=self._look_again_s(endpoint, has_to_yield=has_to_yield))
        return None

    def _look_again_s(self, endpoint: Endpoint, *, has_to_yield: bool) -> float | None:
        """Seconds until there may be work without anything having changed; None where there will not."""
        waiting = self._again[endpoint.group]
        due_s = waiting[0][0] - self._clock() if waiting else float("inf")
        if has_to_yield or due_s <= 0:  # another has the first say, for a moment
            return LOOK_AGAIN_S
        return due_s if waiting else None

    def _due(self, endpoint: Endpoint) -> Work | None:
        """Work that is due to be asked again, here."""
        waiting = self._again[endpoint.group]
        if not waiting:
            return None
        now = self._clock()
        passed_over: list[tuple[float, int, Work]] = []
        found: Work | None = None
        while found is None and waiting and waiting[0][0] <= now and len(passed_over) < MAX_PASSED_OVER:
            entry = heapq.heappop(waiting)
            work = entry[2]
            if work.excluded is endpoint and work.excluded_until > now and self.alternatives(endpoint):
                passed_over.append(entry)
            else:
                found = work
        for entry in passed_over:
            heapq.heappush(waiting, entry)
        return found

    def _has_to_yield(self, endpoint: Endpoint) -> bool:
        """Whether another endpoint that also has room is further behind its share."""
        if len(self._endpoints) == 1:
            return False
        share = endpoint.share
        return any(e.share < share and e.limits.has_room for e in self.alternatives(endpoint))

    def _next_slot(self, endpoint: Endpoint) -> Work | None:
        """A slot that nobody asked yet. As many are made at once as can be sent at once: it takes half the time."""
        group = endpoint.group
        backlog = self._backlog[group]
        if not backlog:
            room = 1 + endpoint.limits.free_slots
            for stage in self._stages:
                if group in stage.groups and len(backlog) < room:
                    self._make_slots(stage, group, room)
        return backlog.popleft() if backlog else None

    def _make_slots(self, stage: AskedStage, group: int, room: int) -> None:
        """Fill the backlog of a group up to `room`; what falls to other groups on the way goes to theirs."""
        backlog, now = self._backlog[group], self._clock()
        while len(backlog) < room and (slot := stage.take_slot()) is not None:
            self._backlog[slot.draft.model_index].append(Work(stage, slot, 0, slot.request, Tries(now)))
            if slot.draft.model_index != group:
                self._stop.changed.notify()
