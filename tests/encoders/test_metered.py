"""The watch on an encoder changes nothing and counts everything."""

from __future__ import annotations

import numpy as np

from synthgen.encoders.hashing import HashingEncoder
from synthgen.encoders.metered import Metered


def test_metered_encoder_passes_on_and_counts() -> None:
    """The same vectors under the same identity; texts and seconds add up."""
    ticks = iter([1.0, 1.5, 10.0, 12.0])
    metered, plain = Metered(HashingEncoder(), clock=lambda: next(ticks)), HashingEncoder()
    assert (metered.identity, metered.dimensions) == (plain.identity, plain.dimensions)
    assert np.array_equal(metered.encode(["one", "two"]), plain.encode(["one", "two"]))
    metered.encode(["three"])
    assert metered.texts == 3
    assert metered.busy_s == 2.5
