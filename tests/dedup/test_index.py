"""The index finds the true nearest vector, whatever the blocks, the order and the arithmetic of the machine."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.dedup import VectorIndex, index
from synthgen.dedup.index import cosine

Vectors = npt.NDArray[np.float16]


def unit(rows: npt.NDArray[np.float64]) -> Vectors:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float16)


def clustered(seed: int, count: int, dimensions: int) -> Vectors:
    """Half of the rows are tiny changes of the other half."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(max(1, count // 2), dimensions))
    rows = centres[rng.integers(len(centres), size=count)]
    return unit(rows + rng.normal(scale=rng.choice([0, 1e-4, 1e-2, 0.3], size=(count, 1)), size=rows.shape))


def brute_force(vectors: Vectors, query: npt.NDArray[np.float16]) -> tuple[int, float]:
    scores = [cosine(query, v) for v in vectors]
    best = max(scores)
    return scores.index(best), best


@given(seed=st.integers(0, 10_000), count=st.integers(1, 60), dimensions=st.sampled_from([2, 8, 384]))
@settings(deadline=None, max_examples=60)
def test_index_nearest_is_what_brute_force_finds(seed: int, count: int, dimensions: int) -> None:
    """Bit for bit: the place, the earliest of equals, and the cosine."""
    vectors = clustered(seed, count + 1, dimensions)
    filled = VectorIndex(dimensions)
    filled.add(vectors[1:])
    assert tuple(filled.nearest(vectors[0]) or ()) == brute_force(vectors[1:], vectors[0])


@given(seed=st.integers(0, 10_000), cuts=st.lists(st.integers(0, 600), max_size=6), block=st.sampled_from([1, 7, 300]))
@settings(deadline=None, max_examples=30)
def test_index_does_not_depend_on_how_rows_were_added(seed: int, cuts: list[int], block: int) -> None:
    """One call or many, growing or not, one block or hundreds: the same answer to its last bit."""
    vectors = clustered(seed, 600, 16)
    whole, parts = VectorIndex(16), VectorIndex(16)
    whole.add(vectors)
    for part in np.split(vectors, sorted(cuts)):
        parts.add(part)
    queries = clustered(seed + 1, 5, 16)
    expected = [whole.nearest(query) for query in queries]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "_BLOCK_ROWS", block)
        assert [parts.nearest(query) for query in queries] == expected
    assert len(parts) == 600


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
    """Nothing is nearest among nothing, and a zero vector is like nothing."""
    empty = VectorIndex(4)
    assert empty.nearest(np.ones(4, dtype=np.float16)) is None
    empty.add(np.zeros(4, dtype=np.float16))
    assert empty.nearest(np.ones(4, dtype=np.float16)) == (0, 0.0)
    assert empty.nearest(np.zeros(4, dtype=np.float16)) == (0, 0.0)
