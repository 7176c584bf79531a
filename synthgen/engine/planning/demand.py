"""What to ask for next: enough that the targets are met, little more.

Per class it knows what was accepted, what is on its way and what an answer has brought so far; it says whether one
more slot is wanted. Slots of a class are asked in order, so the committer never waits for a slot that was jumped over.
How much is asked ahead changes only what is paid for, never which rows are accepted.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from synthgen.engine.planning.interleaving import Interleaving
from synthgen.engine.planning.sources import Sources
from synthgen.job import Job, StarvationConfig

PRIOR_YIELD_RATIO = 0.7
PRIOR_ANSWERS = 4
# What a systematic failure may cost: one answer could be bad luck, eight of a kind are not. It is also where the search
# for an endpoint's limits begins.
FIRST_WAVE = 8
CAUTION = 0.5


@dataclass(slots=True)
class Allowance:
    """Slots that may still be asked, over all stages."""

    left: float = math.inf


def first_wave_of(job: Job) -> int | None:
    """Answers that a job may pay for before one could be read; None by the first rules, which knew no such bound."""
    return FIRST_WAVE if job.rules >= 2 else None


@dataclass(slots=True)
class Tally:
    """What a stage's accounts have in common.

    Attributes:
        upstream: Of the stage before, which brings what is wanted here; None for the first.
        waiting: Slots asked, or found in the journal, and not yet judged.
        changed: Classes of which more or less may be wanted than when `Demand` last looked.
        has_readable: Whether an answer of any class could be read into the job's fields.
    """

    upstream: Tally | None = None
    waiting: int = 0
    changed: set[str] = field(default_factory=set)
    has_readable: bool = False

    def note(self, label: str) -> None:
        """How much of a class is wanted, here and so in every stage before, or can be asked may have changed."""
        self.changed.add(label)
        if self.upstream is not None:
            self.upstream.note(label)


@dataclass(slots=True)
class ClassDemand:
    """One class's account.

    Attributes:
        label: The class.
        target: Accepted rows wanted.
        items: Rows asked for in each answer.
        starvation: When the class counts as stalled.
        tally: Of its stage.
        sources: The rows that a later stage works on, as far as there are any; None where slots need none.
        accepted: Rows accepted.
        committed: Slots judged; the next ordinal to judge.
        next_ask: The next ordinal to ask.
        waiting: Ordinals asked (or found in the journal) and not yet judged, each with the rows it is expected to
            bring; None while its answer has not come.
        recent: Rows accepted from each of the last answers.
        is_stalled: Whether it has stalled: its last answers brought too little.
        first_wave: Slots that may be asked until one answer could be read into the job's fields, and answers after
            which the class stalls where none could; None asks and waits as for any other low yield.
        has_readable: Whether an answer could be read.
        unreadable: Answers judged so far, where none could be.
    """

    label: str
    target: int
    items: int
    starvation: StarvationConfig
    tally: Tally
    sources: Sources | None = None
    accepted: int = 0
    committed: int = 0
    next_ask: int = 0
    waiting: dict[int, float | None] = field(default_factory=dict)
    recent: deque[int] = field(default_factory=deque)
    is_stalled: bool = False
    first_wave: int | None = None
    has_readable: bool = False
    unreadable: int = 0
    _answers: int = 0
    _brought: int = 0
    _known_rows: float = 0.0
    _unanswered: int = 0
    _unread: set[int] = field(default_factory=set)
    _counted: int = 0

    def _note_change(self) -> None:
        self.tally.waiting += len(self.waiting) - self._counted
        self._counted = len(self.waiting)
        self.tally.note(self.label)

    def _looks_stalled(self) -> bool:
        """Whether a whole patience of answers waits to be judged and hardly a row of them survived: more is asked only
        once these are judged, so that a class that brings nothing costs its patience and no more."""
        evaluated = len(self.waiting) - self._unanswered
        if len(self.waiting) < self.starvation.patience:
            return False
        return self._known_rows < self.starvation.min_yield_ratio * self.items * evaluated

    def resume(self, *, accepted: int, committed: int, recent: Sequence[int], unreadable: int | None = None) -> None:
        """Go on from what earlier sessions left: rows accepted, slots judged, rows from each of the last answers, and
        how many answers there were where none could be read."""
        self.has_readable, self.unreadable = unreadable is None and committed > 0, unreadable or 0
        self.accepted, self.committed, self.next_ask = accepted, committed, committed
        self.recent.extend(recent)
        self._answers, self._brought = len(recent), sum(recent)

    @property
    def is_met(self) -> bool:
        return self.accepted >= self.target

    @property
    def is_open(self) -> bool:
        return not self.is_met and not self.is_stalled

    @property
    def yield_rows(self) -> float:
        """Rows an answer is expected to bring: observed, leaning on a prior while there are few answers."""
        prior = PRIOR_YIELD_RATIO * self.items * PRIOR_ANSWERS
        return (prior + self._brought) / (PRIOR_ANSWERS + self._answers)

    def is_wanted(self) -> bool:
        """Whether one more slot should be asked.

        What is waiting is counted a little below its expectation (half a standard deviation): a small overshoot costs
        less than one more round trip at the end.
        """
        if not self.is_open or self._is_out_of_rows():
            return False
        if self._is_wave_full():
            return False
        if not self.waiting:
            return self.accepted < self._rows_wanted()
        if self._unread or self._looks_stalled():
            return False
        return self._expected_rows() < self._rows_wanted()

    def _is_wave_full(self) -> bool:
        """Whether as much was asked as may be before one answer could be read."""
        if self.first_wave is None or self.has_readable:
            return False
        return self.unreadable + len(self.waiting) >= self.first_wave

    def has_room(self, more: int) -> bool:
        """Whether, with `more` rows accepted beside those accounted for, one more is wanted."""
        return self.accepted + more < self.target

    def is_upstream_exhausted(self) -> bool:
        """Whether the class stalled in the stage before, and all that this one brought is judged."""
        sources = self.sources
        return (
            sources is not None and sources.is_exhausted(self.label) and self.committed >= sources.available(self.label)
        )

    def stall(self) -> None:
        """Ask for no more of it, although it is not met."""
        self.is_stalled = True
        self.tally.note(self.label)

    def _rows_wanted(self) -> float:
        """Accepted rows in all that it is asked for."""
        return self.target

    def _is_out_of_rows(self) -> bool:
        """Whether the next slot has no row to work on yet."""
        return self.sources is not None and self.next_ordinal() >= self.sources.available(self.label)

    def expected_slots(self) -> float:
        """Slots in all that it will have asked when it is met, if little is lost: what feeds it brings rows for these.

        Until answers have shown its yield, every row is taken to pass: a stage before that is asked for too little asks
        for the rest later, one that is asked for too much has spent the money.
        """
        per_answer = (self.items * PRIOR_ANSWERS + self._brought) / (PRIOR_ANSWERS + self._answers)
        expected = self._known_rows + self._unanswered * per_answer
        return self.next_ask + max(0.0, (self._rows_wanted() - self.accepted - expected) / per_answer)

    def _expected_rows(self) -> float:
        """Rows accepted, rows that came and are not judged, and rows expected of what is on its way, a little below the
        expectation."""
        per_answer = self.yield_rows
        expected = self._known_rows + self._unanswered * per_answer
        share = min(1.0, per_answer / self.items)
        deviation = math.sqrt(self._unanswered * self.items * share * (1 - share))
        return self.accepted + expected - CAUTION * deviation

    def note_asked(self, ordinal: int) -> None:
        """Account for a slot that was asked."""
        self.waiting[ordinal] = None
        self._unanswered += 1
        self._note_change()

    def note_stored(self, ordinal: int) -> None:
        """Account for a slot whose answer the journal holds: until it was looked at, nobody knows what is missing."""
        self._unread.add(ordinal)
        self.note_asked(ordinal)

    def note_read(self, ordinal: int) -> None:
        """A stored answer was looked at; it may have to be asked again."""
        if ordinal in self._unread:
            self._unread.discard(ordinal)
            self._note_change()

    def note_readable(self) -> None:
        """An answer could be read: from here on as much is asked as the limits allow."""
        if not self.has_readable:
            self.has_readable = self.tally.has_readable = True
            self._note_change()

    def note_evaluated(self, ordinal: int, rows: float) -> None:
        """Account for an answer that came, with the rows that survived so far."""
        self._forget(ordinal)
        self.waiting[ordinal] = rows
        self._known_rows += rows
        self._note_change()

    def note_uncertain(self, ordinal: int) -> None:
        """Account for a slot that may never be answered: no row is expected of it."""
        if self.waiting.get(ordinal, 0.0) is None:
            self.waiting[ordinal] = 0.0
            self._unanswered -= 1
            self._note_change()

    def note_withdrawn(self, ordinal: int) -> None:
        """Account for an answer that is not enough: its slot is to be asked again, in another session."""
        self._forget(ordinal)
        self._note_change()

    def _forget(self, ordinal: int) -> None:
        rows = self.waiting.pop(ordinal, 0.0)
        self._unread.discard(ordinal)
        if rows is None:
            self._unanswered -= 1
        else:
            self._known_rows -= rows

    def note_committed(self, accepted: int, *, is_failed: bool, answers: int = 1, is_readable: bool = True) -> None:
        """Account for one judged slot.

        Args:
            accepted: Rows it brought.
            is_failed: Whether no answer could be had.
            answers: How many it took.
            is_readable: Whether one could be read into the job's fields.
        """
        if not is_failed:
            self.has_readable, self.unreadable = self.has_readable or is_readable, self.unreadable + answers
        self._forget(self.committed)
        self.committed += 1
        self.next_ask = max(self.next_ask, self.committed)
        self.accepted += accepted
        if not is_failed:
            self._answers += 1
            self._brought += accepted
            self.recent.append(accepted)
            if len(self.recent) > self.starvation.patience:
                self.recent.popleft()
        self._note_change()

    def has_stalled(self) -> bool:
        """Whether the last `patience` answers brought less than `min_yield_ratio` of the rows asked for, or nothing
        could be read from the beginning."""
        if self.is_unreadable():
            return True
        config = self.starvation
        if len(self.recent) < config.patience:
            return False
        return sum(self.recent) < config.min_yield_ratio * self.items * config.patience

    def is_unreadable(self) -> bool:
        """Whether none of the first answers could be read into the job's fields: no more is paid for the same."""
        return self.first_wave is not None and not self.has_readable and self.unreadable >= self.first_wave

    def next_ordinal(self) -> int:
        """The next ordinal that nobody has asked."""
        while self.next_ask in self.waiting:
            self.next_ask += 1
        return self.next_ask


@dataclass(slots=True)
class FeedingDemand(ClassDemand):
    """A class's account in a stage whose rows another one works on: it is met when that one is done with the class, and
    brings meanwhile what that one will likely need.

    Attributes:
        fed: The class's account in the next stage.
        feeds: The rows that stage works on.
    """

    fed: ClassDemand = field(kw_only=True)
    feeds: Sources = field(kw_only=True)

    @property
    def is_met(self) -> bool:
        return not self.fed.is_open

    def stall(self) -> None:
        """Ask for no more of it; the next stage has to do with the rows that were accepted."""
        ClassDemand.stall(self)
        self.feeds.end(self.label, self.accepted)

    def has_room(self, more: int) -> bool:
        return True

    def _rows_wanted(self) -> float:
        return math.ceil(self.fed.expected_slots() / self.feeds.copies)


class Demand:
    """All classes together, in the order of the plan.

    What a request costs does not grow with the number of classes: both orders (what is judged next, what is asked next)
    are heaps whose entries are only looked at, and mended, when they come to the top. A place in either only ever
    moves back. A class of which nothing is wanted is set aside until its account changes.

    Args:
        order: The plan's interleaving.
        classes: One account for each class of `order`.
        tally: What these accounts have in common.
        window: Slots that may be asked ahead of the one judged next: bounds memory, and what a stop leaves unjudged.
        most: Slots that may be asked in all, for a pilot; shared among a run's stages; None for as many as it takes.
        is_ordered: Whether classes take turns in being judged, as they do where the rows are the run's. Where they feed
            a later stage, each class goes its own way: what it brings then does not depend on when others stop.
    """

    def __init__(
        self,
        order: Interleaving,
        classes: Mapping[str, ClassDemand],
        tally: Tally,
        *,
        window: int,
        most: Allowance | None = None,
        is_ordered: bool = True,
    ) -> None:
        self._order, self.classes, self.tally = order, classes, tally
        self._window, self.is_ordered = window, is_ordered
        self._first_wave = next((c.first_wave for c in classes.values()), None)
        tally.has_readable = any(c.has_readable for c in classes.values())
        self._allowance = most or Allowance()
        self._judged_next = [(order.place(c.label, c.committed), c.label) for c in classes.values()]
        self._asked_next = [(order.place(c.label, c.next_ordinal()), c.label) for c in classes.values()]
        heapq.heapify(self._judged_next)
        heapq.heapify(self._asked_next)
        self._set_aside: set[str] = set()

    @property
    def is_used_up(self) -> bool:
        """Whether a pilot has asked all it may."""
        return self._allowance.left <= 0

    def open_classes(self) -> Iterator[ClassDemand]:
        return (c for c in self.classes.values() if c.is_open)

    def head(self) -> ClassDemand | None:
        """The class whose slot is judged next; None where nothing is left to do."""
        heap = self._judged_next
        while heap:
            place, label = heap[0]
            account = self.classes[label]
            now = self._order.place(label, account.committed)
            if not account.is_open:
                heapq.heappop(heap)
            elif now != place:
                heapq.heapreplace(heap, (now, label))
            else:
                return account
        return None

    def upcoming(self) -> Iterator[tuple[str, int]]:
        """Slots in the order in which they will be judged if no class ends before."""
        heap, ordinals = list(self._judged_next), dict[str, int]()
        while heap:
            place, label = heap[0]
            account = self.classes[label]
            ordinal = ordinals.get(label, account.committed)
            now = self._order.place(label, ordinal)
            if not account.is_open:
                heapq.heappop(heap)
            elif now != place:
                heapq.heapreplace(heap, (now, label))
            else:
                yield label, ordinal
                ordinals[label] = ordinal + 1

    def take(self) -> tuple[str, int] | None:
        """The next slot worth asking, now counted as waiting; None where enough is on its way."""
        if self.is_used_up:
            return None
        if self.tally.waiting >= self._window and not self.is_head_missing():
            return None
        if self._first_wave is not None and not self.tally.has_readable and self.tally.waiting >= self._first_wave:
            return None
        chosen = self._next_wanted()
        if chosen is None:
            return None
        ordinal = chosen.next_ordinal()
        chosen.note_asked(ordinal)
        self._allowance.left -= 1
        return chosen.label, ordinal

    def is_head_missing(self) -> bool:
        """Whether the slot that is judged next has neither an answer nor a request on its way, and could have."""
        if not self.is_ordered:
            return any(self._is_gap(account) for account in self.classes.values())
        head = self.head()
        return head is not None and self._is_missing(head)

    def is_stuck(self) -> bool:
        """Whether nothing can be judged before something is asked, here or in a stage before."""
        waiting = [a for a in self.open_classes() if a.committed in a.waiting]
        if not self.is_ordered:
            return not waiting
        head = self.head()
        return head is not None and head not in waiting

    def _reconsider(self) -> None:
        """Put classes whose accounts changed back among those that may be asked next."""
        for label in self.tally.changed & self._set_aside:
            if self.classes[label].is_open:
                self._set_aside.remove(label)
                heapq.heappush(self._asked_next, (self._order.place(label, self.classes[label].next_ordinal()), label))
        self.tally.changed.clear()

    def _next_wanted(self) -> ClassDemand | None:
        """Of the classes of which more is wanted, the one whose turn is next."""
        self._reconsider()
        heap = self._asked_next
        while heap:
            place, label = heap[0]
            account = self.classes[label]
            now = self._order.place(label, account.next_ordinal())
            if now != place:
                heapq.heapreplace(heap, (now, label))
            elif account.is_open and (account.is_wanted() or self._is_gap(account)):
                return account
            else:
                heapq.heappop(heap)
                self._set_aside.add(label)
        return None

    def _is_gap(self, account: ClassDemand) -> bool:
        """Whether others wait for the missing slot: all classes', or, where these go their own ways, its own."""
        return self._is_missing(account) and (self.is_ordered or bool(account.waiting))

    @staticmethod
    def _is_missing(account: ClassDemand) -> bool:
        """Whether the slot that is judged next was never asked (a gap that a crash left) although it could be."""
        if not account.is_open or account.committed in account.waiting:
            return False
        return account.sources is None or account.committed < account.sources.available(account.label)
