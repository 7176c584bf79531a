"""Copies of the rows that the prompt itself showed."""

from __future__ import annotations

import pytest

from synthgen.checks.seeds import CopiedSeed
from synthgen.records import Reason
from tests.checks.conftest import MakeRow

SEEDS = ("Hi", "Where is my new card? I ordered it a week ago.")


@pytest.mark.parametrize(
    ("text", "contains"),
    [
        ("where is my new card, i ordered it a week ago", True),
        ("Hello there. Where is my new card? I ordered it a week ago. Please help me, it is urgent indeed.", True),
        ("Where is my new card? I ordered it two weeks ago.", False),
    ],
)
def test_copied_seed_names_the_seed(row: MakeRow, text: str, contains: bool) -> None:
    """Nearly a seed, or a seed whole inside something longer: the evidence shows which and how near."""
    rejection = CopiedSeed(0.7).judge(row(text, "", SEEDS))
    assert rejection is not None
    assert rejection.reason is Reason.COPIED_SEED
    assert (rejection.evidence["id"], rejection.evidence["text"]) == ("train:2", SEEDS[1])
    assert rejection.evidence["contains_seed"] is contains
    assert contains or rejection.evidence["overlap_ratio"] >= rejection.evidence["max_overlap_ratio"]


@pytest.mark.parametrize("text", ["Hi, can I pay abroad?", "When does the card arrive?", "x"])
def test_copied_seed_leaves_new_rows_alone(row: MakeRow, text: str) -> None:
    """Sharing a topic, or holding a seed too short to be copied, is no copy."""
    assert CopiedSeed(0.7).judge(row(text, "", SEEDS)) is None
    assert CopiedSeed(0.7).judge(row(text)) is None
