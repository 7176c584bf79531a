"""A column grows in place, and never under somebody who still looks at it."""

from __future__ import annotations

import numpy as np
import pytest

from synthgen.dedup.ngrams.column import Column, own_zeros


@pytest.mark.parametrize("width", [None, 3])
def test_column_holds_what_was_appended(width: int | None) -> None:
    """In order, over many growths, of numbers and of rows."""
    shape = (5_000,) if width is None else (5_000, width)
    values, column = np.arange(np.prod(shape), dtype=np.int64).reshape(shape), Column(np.int64, width)
    for part in np.split(values, [1, 2, 300, 301, 4_000]):
        column.extend(part)
    np.testing.assert_array_equal(column.values, values)
    column.drop(1_000)
    np.testing.assert_array_equal(column.values, values[1_000:])


def test_column_that_is_looked_at_is_copied_when_it_grows() -> None:
    """The view shows what it showed."""
    column = Column(np.int64)
    column.extend(np.arange(200))
    seen = column.values
    column.extend(np.arange(100_000))
    np.testing.assert_array_equal(seen, np.arange(200))
    assert len(column) == 100_200


def test_column_tells_what_its_type_has_room_for() -> None:
    """Up to the last number on both sides; in a larger type all of it is what it was."""
    column = Column(np.int16)
    fits = np.array([-(1 << 15), 0, (1 << 15) - 1], dtype=np.int32)
    assert column.can_hold(fits)
    assert column.can_hold(fits[:0])
    column.extend(fits)
    assert not column.can_hold(fits + 1)
    assert not column.can_hold(fits - 1)
    wide = column.as_type(np.int32)
    assert wide.can_hold(fits + 1)
    wide.extend(fits + 1)
    assert wide.values.tolist() == [-(1 << 15), 0, (1 << 15) - 1, 1 - (1 << 15), 1, 1 << 15]


@pytest.mark.parametrize("rows", [0, 7, 1 << 17])
def test_memory_of_its_own_is_zeros_that_can_be_written(rows: int) -> None:
    """Whether it is little or much."""
    zeros = own_zeros((rows, 3), np.int32)
    assert zeros.shape == (rows, 3)
    assert not zeros.any()
    zeros[:] = 5
    assert (zeros == 5).all()
