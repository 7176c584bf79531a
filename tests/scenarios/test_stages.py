"""A recipe of three stages, end to end: streaming, exact targets, kills, replay, and a second judge's mind."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.scene import export, kill, run_json, simulator, start_run, synthgen, write_job

STAGES: list[dict[str, Any]] = [
    {
        "name": "write",
        "items": 4,
        "prompt": "---\noutput: json\n---\nWrite {{ items }} rows of {{ label }} after {{ seeds[0].text }} "
        "as JSON {{ schema_hint }}",
        "checks": [{"check": "duplicate", "near": False}],
    },
    {
        "name": "answer",
        "kind": "respond",
        "schema": {"response": "str"},
        "prompt": "---\noutput: json\n---\nAnswer {{ source.text }} as JSON {{ schema_hint }}",
        "checks": [],
    },
    {
        "name": "score",
        "kind": "judge",
        "schema": {"helpful": {"type": "int", "ge": 1, "le": 5}, "why": "str"},
        "pass": {"helpful": 3},
        "prompt": "---\noutput: json\n---\nScore {{ source.text }}: {{ source.response }} as JSON {{ schema_hint }}",
    },
]


def staged_job(folder: Path, base_url: str, **changes: Any) -> Path:
    return write_job(folder, base_url, **{"prompt": {"seeds": 3}, "stages": STAGES, **changes})


def rows_of(exported: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in exported.splitlines()]


def test_three_stages_bring_exactly_the_rows_asked_for(tmp_path: Path) -> None:
    """Every row has its text, its answer and scores high enough; what the judge refused says its scores."""
    with simulator("--latency-s", "0.01", "--malformed-ratio", "0.05") as server:
        job = staged_job(tmp_path, server.base_url)
        result = run_json(job, tmp_path / "run")
        assert (result["exit"], result["accepted"]) == (0, {"late": 120, "lost": 60}), result["stderr"]
        assert result["requests"] == server.stats()["granted"]
    rows = rows_of(export(tmp_path / "run"))
    assert len({row["text"] for row in rows}) == 180
    assert all(row["response"] and row["provenance"]["checks"]["judge"]["helpful"] >= 3 for row in rows)
    shown = synthgen("status", tmp_path / "run", "--rejected", "400").stdout
    assert result["rejected"]["judged"] > 20
    assert "'helpful': 2" in shown
    assert synthgen("journal", "verify", tmp_path / "run").returncode == 0
    status = json.loads(synthgen("status", tmp_path / "run", "--json").stdout)
    assert status["requests"] == result["requests"]
    assert [stage["name"] for stage in status["stages"]] == ["write", "answer", "score"]
    report = json.loads(synthgen("report", tmp_path / "run", "--no-drift", "--json").stdout.splitlines()[-1])
    assert report["requests"] == result["requests"], "what the stages before cost counts"
    assert sum(model["answers"] for model in report["models"]) == result["requests"]
    assert [stage["accepted"] for stage in report["stages"]][-1] == 180


@pytest.mark.slow
def test_later_stages_begin_before_earlier_ones_end(tmp_path: Path) -> None:
    """There is no barrier: the first row is judged while the first stage still asks."""
    with simulator("--latency-s", "0.05") as server:
        job = staged_job(tmp_path, server.base_url, model={"limits": {"max_concurrency": 4}})
        events = tmp_path / "events.jsonl"
        run_json(job, tmp_path / "run", "--events", str(events))
    told = [json.loads(line) for line in events.read_text().splitlines()]
    first_row = next(n for n, event in enumerate(told) if event["event"] == "row_accepted")
    last_written = max(n for n, e in enumerate(told) if e["event"] == "stage_progress" and e["stage"] == "write")
    assert first_row < last_written


@pytest.mark.slow
def test_killed_stages_come_to_the_same_rows_and_buy_nothing_twice(tmp_path: Path) -> None:
    """SIGKILL at random moments, between stages and inside them: the export is the uninterrupted run's, byte for byte."""
    flags = ("--latency-s", "0.02", "--latency-kind", "jitter", "--malformed-ratio", "0.05")
    limits = {"limits": {"max_concurrency": 8}}
    with simulator(*flags) as server:
        job = staged_job(tmp_path, server.base_url, model=limits)
        whole = run_json(job, tmp_path / "whole")
        assert whole["exit"] == 0
        paid = server.stats()["granted"]
    dice = random.Random(7)
    with simulator(*flags) as server:
        job = staged_job(tmp_path, server.base_url, model=limits)
        for _ in range(8):
            process = start_run(job, tmp_path / "killed")
            time.sleep(1.2 + dice.random())  # start-up included
            kill(process)
            assert synthgen("journal", "verify", tmp_path / "killed").returncode in (0, 4)
        assert run_json(job, tmp_path / "killed")["exit"] == 0
        # Each kill may cost what was in flight, and what the first stage was ahead of an undisturbed run's demand.
        assert server.stats()["granted"] <= paid + 8 * 8 + 40
    assert export(tmp_path / "whole") == export(tmp_path / "killed")
    assert synthgen("journal", "verify", tmp_path / "killed").returncode == 0


def test_replay_finds_answers_again_when_their_rows_move(tmp_path: Path) -> None:
    """A stricter first stage drops rows, so later answers stand elsewhere; a milder one takes them all back."""
    with simulator("--latency-s", "0.005", "--duplicate-ratio", "0.3") as server:
        job = staged_job(tmp_path, server.base_url)
        assert run_json(job, tmp_path / "run")["exit"] == 0
        before, paid = export(tmp_path / "run"), server.stats()["granted"]
        strict = synthgen("replay", tmp_path / "run", "--set", "stages.write.checks.duplicate.lexical=0.3", "--json")
        assert json.loads(strict.stdout.splitlines()[-1])["accepted"] != {"late": 120, "lost": 60}, strict.stderr
        assert synthgen("journal", "verify", tmp_path / "run").returncode == 0
        assert run_json(job, tmp_path / "run")["exit"] == 0
        # No answer is bought again; a stage may foresee a few rows more than it did the first time.
        assert server.stats()["granted"] <= paid * 1.05
    assert export(tmp_path / "run") == before
    assert synthgen("journal", "verify", tmp_path / "run").returncode == 0


def test_class_starves_where_its_first_stage_does(tmp_path: Path) -> None:
    """The run ends with exit 6 and says in which stage the yield collapsed."""
    stages = [{**STAGES[0], "checks": [{"check": "length", "max_chars": 3}]}, *STAGES[1:]]
    with simulator() as server:
        job = staged_job(tmp_path, server.base_url, stages=stages, starvation={"patience": 10})
        result = run_json(job, tmp_path / "run")
    assert result["exit"] == 6
    assert "of stage 'write' brought 0" in result["reason"]


def test_budget_holds_over_all_stages(tmp_path: Path) -> None:
    """Requests of all stages count, and the run goes on from there with a higher bound."""
    with simulator("--latency-s", "0.005") as server:
        job = staged_job(tmp_path, server.base_url, budget={"max_requests": 90})
        result = run_json(job, tmp_path / "run")
        assert (result["exit"], server.stats()["granted"] <= 90) == (5, True)
        job = staged_job(tmp_path, server.base_url, budget={"max_requests": 5000})
        assert run_json(job, tmp_path / "run")["exit"] == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"prompt": "{{ source.respnse }}"}, "respnse"),
        ({"kind": "generate", "schema": None}, "only a first stage can generate"),
        ({"schema": {"text": "str"}}, "the source row has a field of that name"),
        ({"schema": None}, "needs `schema`"),
        ({"prompt": None}, "has no prompt"),
    ],
)
def test_stage_that_does_not_fit_is_refused_before_anything_is_sent(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    """Exit 2, with the stage named."""
    stages = [STAGES[0], {**STAGES[1], **change}, STAGES[2]]
    done = synthgen("run", staged_job(tmp_path, "http://127.0.0.1:9/v1", stages=stages), "--quiet")
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_pilot_of_stages_stops_and_goes_on(tmp_path: Path) -> None:
    """Ten answers over all stages, an outlook, and nothing bought again afterwards."""
    with simulator("--latency-s", "0.005") as server:
        job = staged_job(tmp_path, server.base_url)
        first = run_json(job, tmp_path / "run", "--pilot", "10")
        assert (first["exit"], first["reason"], first["requests"]) == (5, "the pilot is over", 10)
        assert first["outlook"]["requests"] > 100
        assert run_json(job, tmp_path / "run")["exit"] == 0
