"""The index finds the true nearest vector at or above its threshold, however it is cut, sorted and grown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.dedup import VectorIndex
from synthgen.dedup.vectors import cells, index, projection, segments
from synthgen.dedup.vectors.index import cosine
from synthgen.dedup.vectors.projection import SCAN_ERROR, as_floats, as_short_unit, as_unit, fitted, whole

Vectors = npt.NDArray[np.float16]


def unit(rows: npt.NDArray[np.float64]) -> Vectors:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float16)


def clustered(seed: int, count: int, dimensions: int) -> Vectors:
    """Half of the rows are changes, of all sizes, of the other half."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(max(1, count // 2), dimensions))
    rows = centres[rng.integers(len(centres), size=count)]
    return unit(rows + rng.normal(scale=rng.choice([0, 1e-4, 1e-2, 0.3], size=(count, 1)), size=rows.shape))


def odd(seed: int, count: int, dimensions: int) -> Vectors:
    """Rows of all lengths, some zero, some equal."""
    rng = np.random.default_rng(seed)
    rows = clustered(seed, count, dimensions).astype(np.float64) * rng.choice([1e-3, 1.0, 30.0], size=(count, 1))
    rows[rng.random(count) < 0.1] = 0.0
    return rows.astype(np.float16)


def at_threshold(seed: int, count: int, dimensions: int, cosine_wanted: float) -> Vectors:
    """Rows whose cosine to the first is, but for rounding, the one wanted."""
    rng = np.random.default_rng(seed)
    first = rng.normal(size=dimensions)
    first /= np.linalg.norm(first)
    others = rng.normal(size=(count, dimensions))
    others -= np.outer(others @ first, first)
    others /= np.linalg.norm(others, axis=1, keepdims=True)
    return unit(np.vstack([first, cosine_wanted * first + np.sqrt(1 - cosine_wanted**2) * others]))


def brute_force(vectors: Vectors, query: Vectors, at_least: float) -> tuple[int, float] | None:
    scores = [cosine(query, v) for v in vectors]
    best = max(scores, default=-1.0)
    return (scores.index(best), best) if best >= at_least else None


@contextmanager
def small_parts() -> Iterator[None]:
    """Everything that happens to a million rows happens to a few hundred."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name, value in (
            (index, "CHUNK_ROWS", 64),
            (index, "FIRST_FIT_ROWS", 24),
            (index, "FIRST_SORT_ROWS", 90),
            (index, "MIN_RECENT_ROWS", 10),
            (index, "VERIFY_ROWS", 16),
            (segments, "SCAN_ROWS", 32),
            (segments, "SCAN_CELLS", 64),
            (cells, "_QUERIES_AT_ONCE", 3),
            (cells, "_BLOCKS_AT_ONCE", 5),
            (index, "_SORTED_RATIO", 3),
            (cells, "ROWS_A_CENTRE", 40),
            (cells, "BLOCK_ROWS", 8),
        ):
            patch.setattr(module, name, value)
        yield


@given(
    seed=st.integers(0, 10_000),
    count=st.integers(1, 400),
    dimensions=st.sampled_from([2, 8, 60, 384]),
    at_least=st.sampled_from([0.3, 0.8, 0.95, 0.999, 1.0]),
    make=st.sampled_from([clustered, odd]),
)
@settings(deadline=None, max_examples=120)
def test_index_nearest_is_what_brute_force_finds(
    seed: int, count: int, dimensions: int, at_least: float, make: object
) -> None:
    """Bit for bit: whether there is one, its place, the earliest of equals, and the cosine; one by one or together."""
    assert callable(make)
    vectors = make(seed, count + 8, dimensions)
    rows, queries = vectors[8:], vectors[:8]
    with small_parts():
        filled = VectorIndex(dimensions, at_least)
        for part in np.split(rows, [count // 7, count // 2]):
            filled.add(part)
        expected = [brute_force(rows, query, at_least) for query in queries]
        assert [tuple(n) if n else None for n in filled.nearest_each(queries)] == expected
        assert [tuple(n) if (n := filled.nearest(q)) else None for q in queries] == expected


@given(seed=st.integers(0, 10_000), at_least=st.sampled_from([0.6, 0.9, 0.95, 0.99]))
@settings(deadline=None, max_examples=40)
def test_index_decides_rightly_within_rounding_of_the_threshold(seed: int, at_least: float) -> None:
    """Rows that stand on the threshold but for their last bit are found exactly where the deciding cosine says so."""
    rows = at_threshold(seed, 200, 64, at_least)
    with small_parts():
        for row in rows[1:]:
            alone = VectorIndex(64, at_least)
            alone.add(row)
            assert (alone.nearest(rows[0]) is not None) == (cosine(rows[0], row) >= at_least)
        filled = VectorIndex(64, at_least)
        filled.add(rows[1:])
        found = filled.nearest(rows[0])
        assert (tuple(found) if found else None) == brute_force(rows[1:], rows[0], at_least)


@given(seed=st.integers(0, 10_000), cuts=st.lists(st.integers(0, 600), max_size=6))
@settings(deadline=None, max_examples=30)
def test_index_does_not_depend_on_how_rows_were_added(seed: int, cuts: list[int]) -> None:
    """One call or many, sorted or recent, small parts or large: the same answer to its last bit."""
    vectors = clustered(seed, 600, 64)
    whole_one = VectorIndex(64, 0.9)
    whole_one.add(vectors)
    queries = np.concatenate([clustered(seed + 1, 5, 64), vectors[::97]])
    expected = whole_one.nearest_each(queries)
    with small_parts():
        parts = VectorIndex(64, 0.9)
        for part in np.split(vectors, sorted(cuts)):
            parts.add(part)
        assert parts.nearest_each(queries) == expected
    assert len(parts) == 600


@given(seed=st.integers(0, 10_000), at_least=st.sampled_from([0.5, 0.95]))
@settings(deadline=None, max_examples=30)
def test_fold_never_bounds_a_cosine_from_below(seed: int, at_least: float) -> None:
    """The dot product of two short forms is at least the cosine, less what float32 can err."""
    rows = odd(seed, 300, 96)
    vectors, short = as_unit(rows), as_short_unit(rows)
    for short_form in (fitted(short[:200], at_least), whole(96)):
        heads = short_form.projection(short)
        assert (heads @ heads.T >= vectors @ vectors.T - SCAN_ERROR).all()


def test_as_floats_are_the_numbers_themselves() -> None:
    """Every float16 there is, to the bit, the smallest and both zeros too; what is no number cannot be missed."""
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    is_number = np.isfinite(every)
    found = as_floats(every)
    assert found[is_number].tobytes() == every.astype(np.float32)[is_number].tobytes()
    assert (np.abs(found[~is_number]) >= 65536).all()


def test_as_floats_does_without_small_numbers_where_the_machine_drops_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some libraries make a thread take the smallest numbers for 0: then numpy's own cast is used."""
    monkeypatch.setattr(projection, "_keeps_small_numbers", lambda: False)
    every = np.arange(1 << 15, dtype=np.uint16).view(np.float16)
    np.testing.assert_array_equal(as_floats(every), every.astype(np.float32))


@given(
    seed=st.integers(0, 10_000),
    dimensions=st.sampled_from([4, 20, 33]),
    at_least=st.sampled_from([0.2, 0.7, 0.9, 0.99]),
)
@settings(deadline=None, max_examples=60)
def test_centres_planes_never_part_a_query_from_a_near_row(seed: int, dimensions: int, at_least: float) -> None:
    """Whatever the centres: the centre of each row at or above the cosine is reached."""
    rows = as_short_unit(clustered(seed, 300, dimensions))
    centres = cells.choose_centres(rows[:200], 200 * cells.ROWS_A_CENTRE)
    chosen, _ = centres.assign(rows)
    is_reached = centres.reached(centres.cosines(rows), float(np.sin(np.arccos(at_least))))
    queries, places = np.nonzero(rows.astype(np.float64) @ rows.T.astype(np.float64) >= at_least)
    assert is_reached[queries, chosen[places]].all()


@given(seed=st.integers(0, 10_000), cuts=st.lists(st.integers(0, 400), max_size=5), loaded=st.integers(0, 400))
@settings(deadline=None, max_examples=30)
def test_index_loaded_rows_are_found_as_added_ones(seed: int, cuts: list[int], loaded: int) -> None:
    """Loaded in pages, settled or not, and added to afterwards."""
    vectors = clustered(seed, 400, 64)
    added = VectorIndex(64, 0.9)
    added.add(vectors)
    expected = added.nearest_each(vectors)
    with small_parts():
        filled = VectorIndex(64, 0.9)
        for part in np.split(vectors[:loaded], sorted(cut for cut in cuts if cut < loaded)):
            filled.load(part)
        if seed % 2:
            filled.settle()
        filled.add(vectors[loaded:])
        assert filled.nearest_each(vectors) == expected


@given(seed=st.integers(0, 10_000), dimensions=st.sampled_from([3, 384]))
@settings(deadline=None)
def test_cosine_is_the_same_in_any_order(seed: int, dimensions: int) -> None:
    """Of float16 unit vectors the dot product is exact, so neither the arguments' nor the sum's order shows."""
    rng = np.random.default_rng(seed)
    a, b = clustered(seed, 2, dimensions)
    order = rng.permutation(dimensions)
    assert cosine(a, b) == cosine(b, a) == cosine(a[order], b[order])
    assert cosine(a, a) == 1.0


def test_index_empty_and_zero_vectors_have_no_neighbour() -> None:
    """Nothing is near among nothing, and a zero vector is like nothing, itself included."""
    empty = VectorIndex(4, 0.5)
    assert empty.nearest(np.ones(4, dtype=np.float16)) is None
    empty.add(np.zeros(4, dtype=np.float16))
    assert empty.nearest(np.ones(4, dtype=np.float16)) is None
    assert empty.nearest(np.zeros(4, dtype=np.float16)) is None
    assert empty.nearest_each(np.empty((0, 4), dtype=np.float16)) == []


def test_index_what_is_no_number_is_near_nothing() -> None:
    """An encoder gone wrong marks nothing as a duplicate, and hides no true one."""
    filled = VectorIndex(4, 0.5)
    broken = np.array([np.nan, 1, 0, 0], dtype=np.float16)
    filled.add(np.stack([broken, np.ones(4, dtype=np.float16)]))
    assert filled.nearest(broken) is None
    assert filled.nearest(np.ones(4, dtype=np.float16)) == (1, 1.0)


@pytest.mark.parametrize("at_least", [0.0, -0.5, 1.1])
def test_index_refuses_a_threshold_that_means_nothing(at_least: float) -> None:
    """At 0 everything would be near everything."""
    with pytest.raises(ValueError, match="at_least"):
        VectorIndex(4, at_least)


@pytest.mark.slow
def test_index_finds_every_neighbour_among_a_hundred_thousand_rows() -> None:
    """As brute force, on rows with the spread of real sentence vectors, at three thresholds."""
    rng = np.random.default_rng(5)
    spread = 1.0 / np.arange(1, 385) ** 0.6
    centres = rng.normal(size=(5_000, 384)) * spread
    noise = rng.choice([0.05, 0.2, 0.4], size=(100_500, 1))
    rows = unit(centres[rng.integers(5_000, size=100_500)] + noise * rng.normal(size=(100_500, 384)) * spread)
    queries, rows = rows[:500], rows[500:]
    scores = as_unit(queries).astype(np.float32) @ as_unit(rows).astype(np.float32).T
    for at_least in (0.8, 0.9, 0.95):
        filled = VectorIndex(384, at_least)
        for part in np.split(rows, 5):
            filled.add(part)
        found = [n for part in np.split(queries, 4) for n in filled.nearest_each(part)]
        for query, neighbour, row_scores in zip(queries, found, scores, strict=True):
            close = np.flatnonzero(row_scores >= min(at_least, row_scores.max()) - 1e-3)
            exact = [(cosine(query, rows[place]), -place) for place in close]
            best, place = max(exact)
            assert (tuple(neighbour) if neighbour else None) == ((-place, best) if best >= at_least else None)
