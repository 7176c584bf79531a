"""A row to judge, and the real data to judge fairly."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from synthgen.records import Candidate

REAL_DATA = Path(__file__).parents[3] / "shared" / "data"

MakeRow = Callable[..., Candidate]
RealRows = dict[str, list[tuple[str, str]]]


@pytest.fixture(scope="session")
def row() -> MakeRow:
    """`row(text, label, seeds)`: a candidate of that text."""

    def make(text: str, label: str = "", seeds: tuple[str, ...] = ()) -> Candidate:
        ids = tuple(f"train:{i + 1}" for i in range(len(seeds)))
        return Candidate("r1:x", "s1:x", label, 0, 0, text, {"text": text}, ids, seeds)

    return make


@pytest.fixture(scope="session")
def real_rows() -> RealRows:
    """Label and text of the real rows by data set; skips where the shared data is not at hand."""
    if not REAL_DATA.is_dir():
        pytest.skip("the shared real data is not here")
    rows: RealRows = {}
    for part in ("train", "test"):
        with (REAL_DATA / "banking77" / f"{part}.csv").open(encoding="utf-8", newline="") as file:
            rows[f"banking77 {part}"] = [(r["category"], r["text"]) for r in csv.DictReader(file)]
    for language in ("en", "es", "fr", "de"):
        lines = (REAL_DATA / "msbot_lu" / f"{language}.tsv").read_text("utf-8").splitlines()[1:]
        rows[f"msbot_lu {language}"] = [(line.split("\t")[1], line.split("\t")[2]) for line in lines]
    messages = (REAL_DATA / "sms_spam" / "SMSSpamCollection").read_text("utf-8").split("\n")
    rows["sms_spam"] = [(m.split("\t", 1)[0], m.split("\t", 1)[1]) for m in messages if m]
    return rows
