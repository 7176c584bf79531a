"""The lexical encoder: fast, the same everywhere, near for light edits and far for other words."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.encoders.hashing import HashingEncoder

ENCODER = HashingEncoder()


@given(st.lists(st.text(max_size=40), max_size=5))
@settings(deadline=None)
def test_hashing_gives_unit_rows_that_depend_on_their_text_alone(texts: list[str]) -> None:
    """Any text has a direction, and company does not change a bit of it."""
    rows = ENCODER.encode(texts)
    assert rows.shape == (len(texts), ENCODER.dimensions)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    for text, row in zip(texts, rows, strict=True):
        assert np.array_equal(ENCODER.encode([text])[0], row)


@pytest.mark.parametrize("near", ["where is my CARD", "Where is my new card?", "Wher is my card?"])
def test_hashing_is_near_for_light_edits_and_far_for_other_words(near: str) -> None:
    """It sees letters, not meaning."""
    text, edited, other = ENCODER.encode(["Where is my card?", near, "The app charged me twice"])
    assert text @ edited > 0.75
    assert text @ other < 0.3


def test_hashing_is_the_same_in_every_process() -> None:
    """Python's own hash is seeded anew in each process; this one must not be."""
    program = (
        "from synthgen.encoders.hashing import HashingEncoder as E; print(E().encode(['Where is it?']).tobytes().hex())"
    )
    shown = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert shown == {ENCODER.encode(["Where is it?"]).tobytes().hex() + "\n"}
