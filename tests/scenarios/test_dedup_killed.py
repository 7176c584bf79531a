"""`synthgen dedup FILE` killed at any moment leaves the input as it was, and no half of an output."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

WORDS = [
    "my",
    "card",
    "has",
    "not",
    "arrived",
    "yet",
    "where",
    "is",
    "it",
    "please",
    "tell",
    "me",
    "how",
    "long",
    "the",
    "transfer",
    "takes",
]
ROWS, KILLS = 3_000, 3


def written(path: Path) -> bytes:
    """Rows with repeats and near repeats, and a column that makes writing take its time."""
    chance = random.Random(8)
    texts = [" ".join(chance.choices(WORDS, k=9)) for _ in range(ROWS)]
    rows = [{"text": chance.choice([text, texts[0], text + "!"]), "more": "x" * 2_000} for text in texts]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path.read_bytes()


class Command:
    """The same command, again and again, into a folder of its own."""

    def __init__(self, source: Path, folder: Path) -> None:
        self.kept, self.removed = folder / "kept.jsonl", folder / "gone.jsonl"
        outputs = ["--output", str(self.kept), "--removed", str(self.removed)]
        self._words = [sys.executable, "-m", "synthgen", "dedup", str(source), *outputs, "--encoder", "hashing"]

    def run(self) -> float:
        began = time.monotonic()
        subprocess.run(self._words, check=True, capture_output=True, timeout=120)
        return time.monotonic() - began

    def kill_when(self, is_time: Callable[[], bool]) -> None:
        with subprocess.Popen(self._words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as p:
            while not is_time() and p.poll() is None:
                time.sleep(0.0005)
            p.kill()

    def outputs(self) -> list[bytes | None]:
        return [path.read_bytes() if path.exists() else None for path in (self.kept, self.removed)]


def after(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "rows.jsonl"


def test_dedup_command_killed_at_any_moment_leaves_no_half_file(source: Path, tmp_path: Path) -> None:
    """The input is untouched, each output is absent or whole, and the same command again gives what it would have."""
    before = written(source)
    (tmp_path / "whole").mkdir()
    whole = Command(source, tmp_path / "whole")
    took_s, chance = whole.run(), random.Random(5)
    moments = [lambda s=share * took_s: after(s) for share in sorted(chance.random() for _ in range(KILLS))]
    for number in range(KILLS + 2):
        folder = tmp_path / str(number)
        folder.mkdir()
        command = Command(source, folder)
        watched = command.kept if number == KILLS else command.removed  # the last two die in the middle of writing
        partial = watched.with_name(watched.name + ".partial")
        command.kill_when(moments[number]() if number < KILLS else partial.exists)
        assert source.read_bytes() == before
        for found, expected in zip(command.outputs(), whole.outputs(), strict=True):
            assert found in (None, expected)
    command.run()
    assert command.outputs() == whole.outputs()
