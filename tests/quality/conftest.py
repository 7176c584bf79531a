"""Rows of a few made-up classes, as many as wanted, none the same; and the real ones where they are at hand."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from synthgen.records import Row

REAL_DATA = Path(__file__).parents[3] / "shared" / "data"
WORDS = {
    "lost": [
        "lost",
        "left",
        "forgot",
        "missing",
        "behind",
        "bag",
        "phone",
        "umbrella",
        "wallet",
        "coat",
        "found",
        "seat",
        "station",
    ],
    "broken": [
        "broken",
        "stuck",
        "fault",
        "jammed",
        "dead",
        "door",
        "lift",
        "light",
        "screen",
        "heater",
        "repair",
        "button",
        "loose",
    ],
    "late": [
        "late",
        "delay",
        "waiting",
        "minutes",
        "hour",
        "slow",
        "timetable",
        "missed",
        "connection",
        "arrive",
        "queue",
        "when",
    ],
    "fare": [
        "fare",
        "price",
        "ticket",
        "refund",
        "charge",
        "paid",
        "card",
        "money",
        "expensive",
        "discount",
        "pass",
        "month",
    ],
}
SHARED = [
    "the",
    "a",
    "my",
    "on",
    "to",
    "at",
    "bus",
    "train",
    "tram",
    "line",
    "today",
    "please",
    "help",
    "again",
    "is",
    "was",
    "it",
    "for",
    "with",
]

MakeRows = Callable[..., list[Row]]


@pytest.fixture(scope="session")
def make_rows() -> MakeRows:
    """`make_rows(label, count, seed)`: rows of a class, a third of their words of its own."""

    def make(label: str, count: int, seed: int) -> list[Row]:
        rng = np.random.default_rng([seed, *label.encode()])
        others = [word for name, found in WORDS.items() if name != label for word in found]
        rows = []
        for number in range(count):
            own, noise, rest = rng.choice(WORDS[label], 3), rng.choice(others, 1), rng.choice(SHARED, 5)
            text = " ".join(rng.permutation(np.concatenate([own, noise, rest])))
            rows.append(Row(f"{label}:{seed}:{number}", str(text), label))
        return rows

    return make


@pytest.fixture(scope="session")
def banking77() -> dict[str, list[Row]]:
    """Real rows, `train` and `test`; skips where the shared data is not at hand."""
    if not REAL_DATA.is_dir():
        pytest.skip("the shared real data is not here")
    found = {}
    for part in ("train", "test"):
        with (REAL_DATA / "banking77" / f"{part}.csv").open(encoding="utf-8", newline="") as file:
            found[part] = [Row(f"{part}:{i}", r["text"], r["category"]) for i, r in enumerate(csv.DictReader(file))]
    return found
