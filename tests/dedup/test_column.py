"""A column grows in place, and never under somebody who still looks at it."""

from __future__ import annotations

import numpy as np
import pytest

from synthgen.dedup.column import Column


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
