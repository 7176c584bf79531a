"""The guard knows a negation and a number, and nothing else, for a contrast."""

from __future__ import annotations

import pytest

from synthgen.dedup.contrast import is_contrast
from synthgen.text import normalise


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I can find my card", "I can't find my card"),
        ("I cannot find my card", "I can find my card"),
        ("I do not have my card", "I have my card"),
        ("I don’t have my card!", "I have my card"),
        ("Is it my card?", "Isn't it my card?"),
        ("send £10 to Ann", "send £100 to Ann"),
        ("wake me at 7:30", "wake me at 8"),
        ("send two cards", "send three cards"),
        ("mi tarjeta llegó", "mi tarjeta no llegó"),
        ("die Karte ist da", "die Karte ist nicht da"),
    ],
)
def test_contrast_negation_or_number(one: str, other: str) -> None:
    """These teach a classifier the difference."""
    assert is_contrast(normalise(one), normalise(other))
    assert is_contrast(normalise(other), normalise(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("where is my card", "where is my card"),
        ("where is my card 12", "where is my card 12"),
        ("I can't find my card", "I can not find my card"),
        ("I can find my card", "I can't find the card"),
        ("send £10 to Ann", "send £10 to Bob"),
        ("the card is late", "is the card late"),
        ("send it", "send it 5"),
    ],
)
def test_contrast_anything_else_is_none(one: str, other: str) -> None:
    """Another word, another order, or no difference at all."""
    assert not is_contrast(normalise(one), normalise(other))
