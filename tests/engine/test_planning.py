"""The endless slot sequence: pure, fair, and independent of what does not concern a slot."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from synthgen.engine.planning.interleaving import Interleaving
from synthgen.engine.planning.permutation import permute, pick_distinct, stride
from synthgen.engine.planning.planner import Planner
from synthgen.engine.planning.seeds import DiversePicker, RandomPicker, RotatingPicker
from synthgen.identity import derive_seed, derive_seeds
from synthgen.records import Row

weights = st.dictionaries(st.text(min_size=1, max_size=5), st.integers(1, 5000), min_size=1, max_size=8)


@given(weights, st.integers(0, 10**9))
def test_interleaving_place_and_slot_are_inverse(targets: dict[str, int], place: int) -> None:
    """Place to slot to place comes back, at any distance."""
    order = Interleaving(targets)
    label, ordinal = order.at(place)
    assert order.place(label, ordinal) == place


@given(weights)
def test_interleaving_deals_in_proportion(targets: dict[str, int]) -> None:
    """After any number of places, each class has had its share, within a slot or two of rounding."""
    order = Interleaving(targets)
    n = 3000
    dealt = Counter(order.at(i)[0] for i in range(n))
    total = sum(targets.values())
    for label, weight in targets.items():
        assert abs(dealt[label] - n * weight / total) <= 2 + n / 512


@given(weights, st.integers(0, 1000))
def test_interleaving_keeps_each_class_in_order(targets: dict[str, int], ordinal: int) -> None:
    """Later slots of a class stand later."""
    order = Interleaving(targets)
    for label in targets:
        assert order.place(label, ordinal) < order.place(label, ordinal + 1)


@given(st.integers(1, 200), st.integers(0, 20), st.integers(0, 500))
def test_pick_distinct_gives_different_rows(count: int, wanted: int, slot: int) -> None:
    """Never the same row twice in a prompt, never more than there are."""
    picked = pick_distinct(count, wanted, 0, "x", slot)
    assert len(picked) == min(count, wanted) == len(set(picked))
    assert all(0 <= i < count for i in picked)


@given(st.integers(1, 60), st.integers(1, 12))
def test_rotating_picker_uses_every_seed_equally(rows: int, wanted: int) -> None:
    """Over one round every row is shown equally often, and never twice in one prompt."""
    picker = RotatingPicker(rows, wanted, 0, "label")
    wanted = min(rows, wanted)
    slots = rows // np.gcd(rows, wanted)
    shown: Counter[int] = Counter()
    for ordinal in range(3 * slots):
        picked = picker.pick(ordinal)
        assert len(set(picked)) == wanted
        shown.update(picked)
    assert set(shown.values()) == {3 * slots * wanted // rows}
    assert len(shown) == rows


def test_rotating_picker_changes_company() -> None:
    """After a round, rows are shown beside other rows than before."""
    picker = RotatingPicker(20, 5, 0, "label")
    first = {frozenset(picker.pick(i)) for i in range(4)}
    second = {frozenset(picker.pick(i)) for i in range(4, 8)}
    assert first != second


def test_diverse_picker_spreads_over_clusters() -> None:
    """Of three tight clusters, three seeds come from all three."""
    rng = np.random.default_rng(0)
    centres = np.eye(3, 8)
    vectors = np.concatenate([c + 0.01 * rng.standard_normal((10, 8)) for c in centres]).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    picker = DiversePicker(vectors, 3, 0, "label")
    for ordinal in range(20):
        assert {i // 10 for i in picker.pick(ordinal)} == {0, 1, 2}


def test_orders_never_change() -> None:
    """Golden values: a changed order would change slot ids and buy paid answers again."""
    assert permute(8, 0, "seeds", "late") == [4, 2, 0, 5, 7, 1, 6, 3]
    assert pick_distinct(50, 4, 0, "x", 1) == [33, 46, 26, 24]
    assert stride(12, 0, "attributes", "late") == (9, 7)


@given(st.integers(1, 500), st.integers(0, 100))
def test_stride_visits_everything_once(count: int, seed: int) -> None:
    """Every combination comes once before any comes twice."""
    start, step = stride(count, seed)
    assert sorted((start + k * step) % count for k in range(count)) == list(range(count))


def planner(labels: list[str], seed: int = 0) -> Planner:
    rows = {label: [Row(f"train:{label}{i}", f"{label} {i}", label) for i in range(7)] for label in labels}
    return Planner(
        rows=rows,
        pickers={label: RandomPicker(7, 3, seed, "seeds", label) for label in labels},
        attributes={"tone": ["calm", "angry"], "length": ["short", "long", "medium"]},
        model_weights=[3, 1],
        seed=seed,
    )


def test_draft_depends_on_nothing_but_its_own_class() -> None:
    """Adding a class changes no slot of another: what was paid for stays paid for."""
    alone, together = planner(["late"]), planner(["late", "lost"])
    assert [alone.draft("late", k) for k in range(30)] == [together.draft("late", k) for k in range(30)]


def test_draft_combines_attributes_evenly() -> None:
    """Each of the six combinations comes equally often."""
    seen = Counter(tuple(planner(["late"]).draft("late", k).attributes.items()) for k in range(60))
    assert len(seen) == 6
    assert set(seen.values()) == {10}


def test_draft_splits_models_by_weight() -> None:
    """Three slots of the first model to one of the second."""
    seen = Counter(planner(["late"]).draft("late", k).model_index for k in range(400))
    assert seen == {0: 300, 1: 100}


def test_draft_changes_with_the_job_seed() -> None:
    """Another seed, another plan."""
    one = [planner(["late"], 0).draft("late", k) for k in range(5)]
    two = [planner(["late"], 1).draft("late", k) for k in range(5)]
    assert [d.sampling_seed for d in one] != [d.sampling_seed for d in two]
    assert [d.seeds for d in one] != [d.seeds for d in two]


@given(st.lists(st.one_of(st.text(max_size=8), st.integers(-(2**63), 2**63 - 1)), max_size=4), st.integers(0, 30))
def test_seeds_derived_together_are_those_derived_alone(names: list[str | int], count: int) -> None:
    """An order of seeds must not change with how it is reckoned: every slot's id hangs on it."""
    assert derive_seeds(count, *names) == [derive_seed(*names, i) for i in range(count)]
