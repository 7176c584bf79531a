"""Decisions of the engine as values: demand, budget, retry, changes. No clock, no network."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal
from typing import Any

import genai_prices
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from synthgen.engine.asking import prices
from synthgen.engine.asking.budget import Budget, seconds_until
from synthgen.engine.asking.prices import LatePrice, price_of, require_price
from synthgen.engine.asking.retry import RetryDecision, RetryPolicy, Tries
from synthgen.engine.changes.effects import Effect, compare
from synthgen.engine.planning.demand import ClassDemand, Demand, FeedingDemand, Tally
from synthgen.engine.planning.interleaving import Interleaving
from synthgen.engine.planning.sources import Sources
from synthgen.errors import JobError
from synthgen.job import BudgetConfig, ModelConfig, PriceConfig, RetryConfig, StarvationConfig
from synthgen.records import Failure, FailureKind, Source, Spend, Usage


def demand_of(targets: dict[str, int], *, items: int = 4, window: int = 1000) -> Demand:
    tally, starvation = Tally(), StarvationConfig()
    accounts = {label: ClassDemand(label, target, items, starvation, tally) for label, target in targets.items()}
    return Demand(Interleaving(targets), accounts, tally, window=window)


@given(
    st.dictionaries(st.sampled_from("abcde"), st.integers(1, 60), min_size=1),
    st.integers(1, 6),
    st.integers(1, 30),
    st.integers(0, 10_000),
)
def test_demand_meets_every_target_with_little_waste(
    targets: dict[str, int], items: int, concurrency: int, seed: int
) -> None:
    """Whatever answers bring and in whatever order they come: every target is met exactly in order, no slot is asked
    twice, and what is asked too much stays within what was in flight."""
    chance = random.Random(seed)
    demand = demand_of(targets, items=items)
    in_flight: list[tuple[str, int]] = []
    evaluated: dict[tuple[str, int], int] = {}
    asked: set[tuple[str, int]] = set()
    for _ in range(20_000):
        while len(in_flight) < concurrency and (slot := demand.take()) is not None:
            assert slot not in asked
            asked.add(slot)
            in_flight.append(slot)
        head = demand.head()
        if head is None:
            break
        if (head.label, head.committed) in evaluated:
            rows = evaluated.pop((head.label, head.committed))
            head.note_committed(min(rows, head.target - head.accepted), is_failed=False)
            continue
        slot = in_flight.pop(chance.randrange(len(in_flight)))
        evaluated[slot] = chance.randint(0, items)
        demand.classes[slot[0]].note_evaluated(slot[1], evaluated[slot])
    assert {c.label: c.accepted for c in demand.classes.values()} == targets
    used = sum(c.committed for c in demand.classes.values())
    assert len(asked) - used <= concurrency + sum(targets.values()) / items + 8 * len(targets)


def test_demand_fills_a_gap_that_a_crash_left() -> None:
    """An ordinal missing among stored answers is asked first."""
    demand = demand_of({"a": 20})
    for ordinal in (0, 1, 3, 4):
        demand.classes["a"].note_asked(ordinal)
    assert demand.take() == ("a", 2)
    assert demand.take() == ("a", 5)


def test_demand_reads_stored_answers_before_it_asks_for_more() -> None:
    """A replay of enough answers asks for nothing; only the slot that is judged next does not wait for the reading."""
    demand = demand_of({"a": 20})
    account = demand.classes["a"]
    for ordinal in (1, 2):
        account.note_stored(ordinal)
    assert demand.take() == ("a", 0), "a gap in front of everything"
    assert demand.take() is None
    account.note_evaluated(1, 4)
    assert demand.take() is None
    account.note_read(2)
    assert demand.take() == ("a", 3), "one that is asked again holds nobody up"


def test_demand_window_bounds_what_is_ahead() -> None:
    """Never more slots ahead of the committer than the window allows."""
    demand = demand_of({"a": 100_000}, items=1, window=50)
    assert len(list(iter(demand.take, None))) == 50


def test_demand_asks_less_when_answers_bring_more() -> None:
    """The observed yield replaces the guess."""
    rich, poor = (ClassDemand("a", 100, 5, StarvationConfig(), Tally()) for _ in range(2))
    rich.resume(accepted=40, committed=10, recent=[4] * 10)
    poor.resume(accepted=40, committed=40, recent=[1] * 40)

    def asked(account: ClassDemand) -> int:
        count = 0
        while account.is_wanted():
            account.note_asked(account.next_ordinal())
            count += 1
        return count

    assert 15 <= asked(rich) <= 20
    assert 45 <= asked(poor) <= 70


def test_starvation_needs_a_whole_window_of_evidence() -> None:
    """A class is given up after `patience` answers that brought too little, not one earlier; failures do not count."""
    config = StarvationConfig(patience=10, min_yield_ratio=0.1)
    account = ClassDemand("a", 50, 5, config, Tally())
    for _ in range(9):
        account.note_committed(0, is_failed=False)
    account.note_committed(0, is_failed=True)
    assert not account.has_stalled()
    account.note_committed(4, is_failed=False)
    assert account.has_stalled()
    account.note_committed(5, is_failed=False)
    assert not account.has_stalled()


@given(st.integers(1, 80), st.integers(2, 5), st.integers(1, 12), st.integers(0, 10_000))
def test_demand_of_a_chain_never_stalls(target: int, stages: int, concurrency: int, seed: int) -> None:
    """However little a last stage keeps, every stage before it is asked for more until the target is met: while
    nothing is on its way anywhere, some stage has a slot to ask."""
    chance = random.Random(seed)
    chain, fed_by = chain_of(target, stages=stages)
    in_flight: list[tuple[int, int]] = []
    while not chain[-1].classes["a"].is_met:
        for number in reversed(range(stages)):
            while len(in_flight) < concurrency and (slot := chain[number].take()) is not None:
                in_flight.append((number, slot[1]))
        assert in_flight
        number, ordinal = in_flight.pop(chance.randrange(len(in_flight)))
        account = chain[number].classes["a"]
        account.note_evaluated(ordinal, chance.choice((0, 0, 1)) if number == stages - 1 else 1)
        while (
            account.is_open and account.committed in account.waiting and account.waiting[account.committed] is not None
        ):
            rows = int(account.waiting[account.committed] or 0)
            account.note_committed(rows, is_failed=False)
            if number + 1 < stages and rows:
                fed_by[number + 1].add(Source(f"r:{number}:{account.committed}", "text", "a", {}))
                chain[number + 1].tally.note("a")


def chain_of(target: int, *, stages: int) -> tuple[list[Demand], list[Sources]]:
    """Stages of one class, each fed by the one before, wired as a session wires them."""
    sources = [Sources(["a"], copies=1) for _ in range(stages)]
    tallies = [Tally()]
    for _ in range(stages - 1):
        tallies.append(Tally(upstream=tallies[-1]))
    patient, order = StarvationConfig(patience=10_000), Interleaving({"a": target})
    chain: list[Demand] = []
    for number in reversed(range(stages)):
        facts = ("a", target, 1, patient, tallies[number], sources[number] if number else None)
        if chain:
            account: ClassDemand = FeedingDemand(*facts, fed=chain[0].classes["a"], feeds=sources[number + 1])
        else:
            account = ClassDemand(*facts)
        chain.insert(0, Demand(order, {"a": account}, tallies[number], window=1000, is_ordered=number == stages - 1))
    return chain, sources


def test_barren_class_costs_its_patience_and_no_more() -> None:
    """Where nothing is judged yet (an encoder is loading) and no row survives, asking stops after `patience` answers."""
    config = StarvationConfig(patience=20)
    account = ClassDemand("a", 1000, 5, config, Tally())
    asked = 0
    while account.is_wanted() and asked < 500:
        ordinal = account.next_ordinal()
        account.note_asked(ordinal)
        account.note_evaluated(ordinal, 0)
        asked += 1
    assert asked == 20
    account.note_committed(0, is_failed=False)
    assert account.is_wanted(), "judged answers make room for more"


class BudgetMachine(RuleBasedStateMachine):
    """Requests are reserved, then settled for less or as much, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.config = BudgetConfig(max_requests=20, max_tokens=5000, max_usd=Decimal("0.5"))
        self.budget = Budget(self.config, spent=Spend(3, Usage(100, 50, Decimal("0.01"))))
        self.open: list[Spend] = []
        self.paid = self.budget.spent

    @rule(tokens=st.integers(1, 900), cents=st.integers(0, 20))
    def reserve(self, tokens: int, cents: int) -> None:
        estimate = Spend(1, Usage(tokens, 10, Decimal(cents) / 100))
        if self.budget.reserve(estimate) is None:
            self.open.append(estimate)

    @precondition(lambda self: self.open)
    @rule(share=st.integers(0, 100), data=st.data())
    def settle(self, share: int, data: st.DataObject) -> None:
        estimate = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        usage = Usage(estimate.usage.input_tokens * share // 100, 10, estimate.usage.usd * share / 100)
        self.budget.settle(estimate, Spend(1, usage))
        self.paid += Spend(1, usage)

    @invariant()
    def never_exceeded(self) -> None:
        assert self.paid == self.budget.spent
        worst = self.budget.spent + self.budget.reserved
        assert worst.requests <= 20
        assert worst.usage.total_tokens <= 5000
        assert worst.usage.usd <= Decimal("0.5")
        assert self.budget.has_reservations == bool(self.open)


TestBudget = BudgetMachine.TestCase


def test_budget_names_the_bound_in_the_way() -> None:
    """The refusal says which bound, in the job file's words."""
    budget = Budget(BudgetConfig(max_requests=1), spent=Spend(1))
    assert budget.reserve(Spend(1)) == "max_requests: 1 requests"


@pytest.mark.parametrize(
    ("deadline", "expected_s"),
    [("07:00", 7 * 3600), ("23:30", 23.5 * 3600), ("00:00", 24 * 3600), ("8h30m", 30600), ("90m", 5400), ("45s", 45)],
)
def test_deadline_is_a_time_of_day_or_a_duration(deadline: str, expected_s: float) -> None:
    """Seconds from midnight; a time already past means tomorrow."""
    assert seconds_until(deadline, now=dt.datetime(2026, 11, 21, 0, 0)) == expected_s


def fail(kind: FailureKind, **facts: Any) -> Failure:
    return Failure(kind, "x", "x", **facts)


def test_retry_is_decided_by_the_kind_of_failure() -> None:
    """Fatal stops the endpoint, refused gives up at once, throttled waits as told without burning an attempt."""
    policy = RetryPolicy(RetryConfig(max_attempts=3))
    worn = Tries(0.0, attempts=50, transient=2)
    assert policy.decide(fail(FailureKind.FATAL), worn, now=1) == (RetryDecision.STOP_ENDPOINT, 0)
    assert policy.decide(fail(FailureKind.REFUSED), worn, now=1) == (RetryDecision.GIVE_UP, 0)
    assert policy.decide(fail(FailureKind.THROTTLED, retry_after_s=17.0), worn, now=1e6) == (RetryDecision.AGAIN, 17)
    assert policy.decide(fail(FailureKind.THROTTLED), worn, now=1)[0] is RetryDecision.AGAIN


def test_retry_of_transient_failures_ends_with_attempts_or_time() -> None:
    """Attempts and elapsed time each end it; the backoff grows, is bounded, and never undercuts what was told."""
    policy = RetryPolicy(RetryConfig(max_attempts=8, max_elapsed_s=100, max_wait_s=5))
    failure = fail(FailureKind.TRANSIENT)
    assert policy.decide(failure, Tries(0.0, transient=8), now=1)[0] is RetryDecision.GIVE_UP
    assert policy.decide(failure, Tries(0.0, transient=1), now=101)[0] is RetryDecision.GIVE_UP
    waits = [policy.decide(failure, Tries(0.0, transient=n), now=1)[1] for n in (1, 4, 7) for _ in range(200)]
    assert max(waits[:200]) <= 0.5 < max(waits[200:400]) <= 4 < max(waits[400:]) <= 5
    told = fail(FailureKind.TRANSIENT, retry_after_s=30.0)
    assert policy.decide(told, Tries(0.0, transient=1), now=1) == (RetryDecision.AGAIN, 30)


@pytest.mark.parametrize(
    ("path", "value", "effect"),
    [
        (("budget", "max_usd"), "2", Effect.FREE),
        (("targets", "late"), 500, Effect.FREE),
        (("models", 0, "limits", "max_concurrency"), 9, Effect.FREE),
        (("models", 0, "api_key_env"), "OTHER", Effect.FREE),
        (("checks", 0, "threshold"), 0.9, Effect.REPLAY),
        (("encoder",), "hashing", Effect.REPLAY),
        (("models", 0, "model"), "better", Effect.NEW_SLOTS),
        (("models", 0, "params", "temperature"), 0.1, Effect.NEW_SLOTS),
        (("prompt", "seeds"), 3, Effect.NEW_SLOTS),
        (("attributes", "tone", 0), "calm", Effect.NEW_SLOTS),
        (("language",), "es", Effect.NEW_SLOTS),
        (("seed",), 1, Effect.NEW_SLOTS),
    ],
)
def test_change_is_sorted_by_what_it_touches(path: tuple[str | int, ...], value: Any, effect: Effect) -> None:
    """Each key of a job is free, replayed, or for new slots only."""
    import copy

    job: Any = {
        "budget": {"max_usd": "1"},
        "targets": {"late": 100},
        "models": [{"model": "m", "params": {"temperature": 1}, "limits": {"max_concurrency": 1}, "api_key_env": None}],
        "checks": [{"check": "duplicate", "threshold": 0.95}],
        "encoder": "minilm",
        "prompt": {"seeds": 5},
        "attributes": {"tone": ["angry"]},
        "language": None,
        "seed": 0,
    }
    after = copy.deepcopy(job)
    place = after
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    (change,) = compare({"job": job}, {"job": after})
    assert change.effect is effect
    assert compare({"job": job}, {"job": job}) == []


def test_every_job_key_has_an_effect_on_purpose() -> None:
    """A new key of the job file must be sorted here before it can be changed on resume."""
    from synthgen.engine.changes import effects as changes
    from synthgen.job import Job

    free = {
        "name",
        "targets",
        "balance_to",
        "budget",
        "retry",
        "starvation",
        "models",
        "seeds",
    }  # of `seeds`, what prompts show counts: the fingerprint has it
    sorted_keys = {p.removeprefix("job.") for p in (*changes._REPLAY, *changes._NEW_SLOTS) if p.startswith("job.")}
    assert {f.alias or n for n, f in Job.model_fields.items()} == free | sorted_keys


def test_prices_come_from_the_job_or_the_table() -> None:
    """The job's own figure wins, the table knows usual models, the embedded model is free, unknown is None."""
    own = PriceConfig(input_usd_per_mtok=Decimal(1), output_usd_per_mtok=Decimal(2))
    priced = price_of(ModelConfig(model="whatever", price=own))
    assert priced is not None
    assert priced.of(Usage(1_000_000, 500_000)) == 2
    known = price_of(ModelConfig(model="gpt-4o-mini"))
    assert known is not None
    assert known.of(Usage(1_000_000, 1_000_000)) == Decimal("0.75")
    free = price_of(ModelConfig(provider="local"))
    assert free is not None
    assert free.of(Usage(1, 1)) == 0
    assert price_of(ModelConfig(model="nobody-knows-this")) is None


@pytest.mark.parametrize(
    "host", ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "10.1.2.3", "192.168.0.7:11434", "vllm.localhost"]
)
def test_table_knows_no_near_address(host: str) -> None:
    """A server of one's own has no price but the job's; so nothing is lost by not reading the table for it."""
    url = f"http://{host}/v1"
    assert price_of(ModelConfig(model="gpt-4o-mini", base_url=url)) is None
    with pytest.raises(LookupError):
        genai_prices.calc_price(
            genai_prices.Usage(input_tokens=1, output_tokens=1), "gpt-4o-mini", provider_api_url=url
        )


def test_price_is_looked_up_once_and_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was made ready beside the first request is not read again with its answer."""
    found = list[str | None]()
    monkeypatch.setattr(prices, "price_of", lambda config: found.append(config.model) or None)
    late = LatePrice(ModelConfig(model="whatever"))
    assert found == []
    late.warm_up()
    late.warm_up()
    assert late.of(Usage(10, 10)) == 0
    assert found == ["whatever"]


def test_usd_budget_needs_a_price() -> None:
    """Money cannot be limited where nobody knows the price: an error before anything is sent."""
    with pytest.raises(JobError, match=r"price of model 'nobody-knows-this'"):
        require_price(ModelConfig(model="nobody-knows-this"), has_usd_budget=True)
    assert require_price(ModelConfig(model="nobody-knows-this"), has_usd_budget=False).of(Usage(5, 5)) == 0


@given(st.data())
def test_demand_chooses_as_if_it_looked_at_every_class_each_time(data: st.DataObject) -> None:
    """The heaps are a shortcut: what is judged next and asked next is what a look at all classes would choose."""
    targets = data.draw(st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 12), min_size=1))
    order = Interleaving(targets)
    starvation = StarvationConfig(patience=4)
    tally = Tally()
    classes = {label: ClassDemand(label, n, 1, starvation, tally) for label, n in targets.items()}
    demand = Demand(order, classes, tally, window=10)
    for _ in range(data.draw(st.integers(1, 60))):
        is_open = [c for c in classes.values() if c.is_open]
        head = min(is_open, key=lambda c: order.place(c.label, c.committed), default=None)
        assert demand.head() is head
        is_full = sum(len(c.waiting) for c in classes.values()) >= 10
        is_missing = head is not None and head.committed not in head.waiting
        wanted = [c for c in is_open if c.is_wanted() or c.committed not in c.waiting]
        chosen = min(wanted, key=lambda c: order.place(c.label, c.next_ordinal()), default=None)
        expected = None if chosen is None or (is_full and not is_missing) else (chosen.label, chosen.next_ordinal())
        assert demand.take() == expected
        out = [(c, o) for c in classes.values() if c.is_open for o, rows in c.waiting.items() if rows is None]
        if out and data.draw(st.booleans()):
            account, ordinal = data.draw(st.sampled_from(out))
            account.note_evaluated(ordinal, data.draw(st.integers(0, 1)))
        head = demand.head()
        if head is not None and head.waiting.get(head.committed) is not None:
            head.note_committed(int(head.waiting[head.committed] or 0), is_failed=False)
            head.is_stalled = head.has_stalled()
