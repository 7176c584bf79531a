"""Nothing that a model writes stops a run: whatever a step fails at becomes a rejection, live, on resume and on replay."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from synthgen import api
from synthgen.checks.length import Length
from synthgen.encoders.hashing import HashingEncoder
from synthgen.engine.running.run import RunResult
from synthgen.journal import Journal
from synthgen.providers.openai import OpenAIProvider
from synthgen.records import Answer, Request, Usage
from tests.scenarios.scene import WORDS, synthgen, write_job

HOSTILE: dict[str, Callable[[str], str]] = {
    "nested lists": lambda good: "[" * 1000 + "1" + "]" * 1000,
    "nested objects": lambda good: '{"items": [{"text": ' + '{"a":' * 600 + "1" + "}" * 600 + "}]}",
    "brackets without end": lambda good: "[" * 100_000,
    "half a surrogate pair": lambda good: '{"items": [{"text": "\\ud800 and more words of it"}]}',
    "a NUL": lambda good: '{"items": [{"text": "words \\u0000 and more of them"}]}',
    "a large number": lambda good: '{"items": [{"text": "some words here", "n": 1' + "0" * 5000 + "}]}",
    "nothing": lambda good: "",
}


class Server:
    """Answers of which every third is hostile."""

    def __init__(self, hostile: Callable[[str], str]) -> None:
        self.hostile, self.count = hostile, 0

    def answer(self) -> str:
        self.count += 1
        words = random.Random(self.count).sample(WORDS, 6)
        good = json.dumps({"items": [{"text": f"{' '.join(words)} number {self.count}"}]})
        return self.hostile(good) if self.count % 3 == 1 else good


def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server, **changes: Any) -> RunResult:
    async def ask(self: OpenAIProvider, request: Request, *, timeout_s: float) -> Answer:
        return Answer(server.answer(), "stop", Usage(10, 10), "m")

    monkeypatch.setattr(OpenAIProvider, "complete", ask)
    job = write_job(
        tmp_path, "http://127.0.0.1:9/v1", targets={"late": 6, "lost": 4}, retry={"max_reasks": 0}, **changes
    )
    return api.run(job, out=tmp_path / "run")


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_answer_is_a_rejection_and_the_run_is_completed(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The targets are met, the answer's reason is counted, and verify derives every decision again."""
    result = play(tmp_path, monkeypatch, Server(HOSTILE[kind]), encoder="hashing", checks=[{"check": "duplicate"}])
    assert (result.exit_code, result.accepted) == (0, {"late": 6, "lost": 4})
    assert sum(result.rejected.values()) >= 3
    done = synthgen("journal", "verify", tmp_path / "run")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("error", [RecursionError("deep"), ValueError("odd"), IndexError("none"), ZeroDivisionError()])
def test_a_check_that_fails_at_a_row_rejects_it_with_what_it_said(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own reason, with the check and the error as evidence."""
    judge = Length.judge

    def failing(self: Length, candidate: Any) -> Any:
        if "card" in candidate.text:
            raise error
        return judge(self, candidate)

    monkeypatch.setattr(Length, "judge", failing)
    result = play(tmp_path, monkeypatch, Server(lambda good: good), checks=[{"check": "length", "min_chars": 3}])
    assert result.exit_code == 0
    assert result.rejected["broken"] > 0
    with closing(Journal.read(tmp_path / "run")) as journal:
        evidence = next(row.evidence for row in journal.rows(accepted=False) if row.reason == "broken")
    assert evidence["step"] == "Length"
    assert evidence["error"] == type(error).__name__


def test_a_text_that_the_encoder_fails_at_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The texts of its slot with it, and no other."""
    encode = HashingEncoder.encode

    def failing(self: HashingEncoder, texts: Any) -> Any:
        if any(text.endswith("number 5") for text in texts):
            raise TypeError("TextInputSequence must be str")
        return encode(self, texts)

    monkeypatch.setattr(HashingEncoder, "encode", failing)
    result = play(tmp_path, monkeypatch, Server(lambda good: good), encoder="hashing", checks=[{"check": "duplicate"}])
    assert result.exit_code == 0
    assert result.rejected["broken"] == 1
