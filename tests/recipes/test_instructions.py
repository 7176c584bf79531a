"""Recipe `instructions`: seed tasks to instructions, harder ones, responses, scores, and files that trainers take."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from synthgen.api import load_prepared
from synthgen.checks import build_checks
from synthgen.checks.pattern import PatternCheck
from synthgen.data.format_check import check_format
from synthgen.records import Candidate
from tests.scenarios.scene import export, run_json, simulator, synthgen

SEEDS = Path(__file__).parents[2] / "examples/instructions/seeds.jsonl"


def write(folder: Path, base_url: str = "http://127.0.0.1:9/v1", **changes: Any) -> Path:
    job: dict[str, Any] = {
        "name": "tasks",
        "recipe": "instructions",
        "data": {"train": str(SEEDS), "text": "instruction"},
        "targets": 30,
        "models": [{"provider": "openai", "model": "sim", "base_url": base_url}],
        "checks": [{"check": "duplicate", "near": False}, {"check": "leakage", "near": False}],
        **changes,
    }
    path = folder / "job.yaml"
    path.write_text(yaml.safe_dump(job, sort_keys=False))
    return path


def test_instructions_come_with_input_response_and_scores(tmp_path: Path) -> None:
    """Five stages bring exactly the rows asked for; what the judge refused says its scores; both kinds of task are
    asked for evenly; every format that is exported passes its own check."""
    with simulator() as server:
        job = write(tmp_path, server.base_url, options={"evolve": True, "follow_up": True, "pass_mean": 3.0})
        result = run_json(job, tmp_path / "run")
    assert (result["exit"], result["accepted"]) == (0, {"": 30}), result["stderr"]
    assert result["rejected"]["judged"] > 10
    rows = [json.loads(line) for line in export(tmp_path / "run").splitlines()]
    assert len({row["instruction"] for row in rows}) == 30
    assert all(row["response"] and row["follow_up_response"] for row in rows)
    scores = [row["provenance"]["checks"]["judge"] for row in rows]
    assert all(score["mean"] >= 3 and min(score[part] for part in ("helpful", "safe")) >= 3 for score in scores)
    assert "'mean': " in synthgen("status", tmp_path / "run", "--rejected", "40").stdout
    for name in ("openai-chat", "alpaca", "sharegpt"):
        output = tmp_path / f"{name}.jsonl"
        assert synthgen("export", tmp_path / "run", "--format", name, "--output", output).returncode == 0
        assert check_format(output, format=name).is_valid
    chat = json.loads((tmp_path / "openai-chat.jsonl").read_text().splitlines()[0])["messages"]
    assert [turn["role"] for turn in chat] == ["user", "assistant", "user", "assistant"]
    assert chat[0]["content"].startswith(rows[0]["instruction"])


def test_kinds_of_task_and_directions_are_in_balance(tmp_path: Path) -> None:
    """Half of the slots ask for a classification, half for an open task; evolution takes its five directions in turn."""
    last = load_prepared(write(tmp_path, options={"evolve": True}))
    prepared = next(stage for stage in last.stages if stage.stage.name == "generate")
    maker = prepared.slot_maker()
    tasks = [maker.make("", ordinal).draft.attributes["task"].partition(":")[0] for ordinal in range(20)]
    assert tasks.count("classification") == tasks.count("open") == 10
    (evolve,) = (stage.stage for stage in last.stages if stage.stage.name == "evolve")
    assert evolve.attributes["direction"] == ["deeper", "broader", "constrained", "concrete", "reasoning"]


def test_options_leave_stages_out(tmp_path: Path) -> None:
    """Neither evolution nor follow-up unless asked for; the judge unless told not to."""

    def names(**options: Any) -> list[str]:
        return [stage.stage.name for stage in load_prepared(write(tmp_path, options=options)).stages]

    assert names() == ["generate", "respond", "judge"]
    assert names(judge=False) == ["generate", "respond"]
    assert names(evolve=True, follow_up=True) == ["generate", "evolve", "respond", "follow", "judge"]


@pytest.mark.parametrize(
    ("text", "is_useless"),
    [
        ("#Rewritten Prompt#: Explain why the moon changes its shape.", True),
        ("Rewritten prompt: Explain why the moon changes its shape.", True),
        ("Sure, explain why the moon changes its shape in detail.", True),
        ("Make the given prompt harder by adding one more constraint.", True),
        ("Instruction: Explain why the moon changes its shape.", True),
        ("Explain the given table to a child, and say which number is the largest.", False),
        ("Write a prompt that makes a painter think of the sea.", False),
        ("Describe the tasks of a harbour master in # signs and letters.", False),
    ],
)
def test_useless_evolutions_are_turned_down(tmp_path: Path, text: str, is_useless: bool) -> None:
    """An evolution that speaks about itself is none; instructions that only use such words are kept."""
    last = load_prepared(write(tmp_path, options={"evolve": True}))
    (evolve,) = (stage.stage for stage in last.stages if stage.stage.name == "evolve")
    patterns = [check for check in evolve.checks or () if isinstance(check, PatternCheck)]
    found = [
        check.judge(Candidate("r1:x", "s1:x", "", 0, 0, text, {})) for check in build_checks(patterns, language=None)
    ]
    assert any(rejection is not None for rejection in found) == is_useless


def test_small_model_templates_fit_the_recipe() -> None:
    """The example's job, with a list to continue and plain answers, asks for one task and one response an answer."""
    last = load_prepared(SEEDS.parent / "job.yaml")
    assert [(stage.stage.name, stage.items) for stage in last.stages] == [("generate", 1), ("respond", 1)]
    text = last.stages[0].slot_maker().make("", 0).request.prompt.text
    assert len(re.findall(r"^Task: .+", text, re.MULTILINE)) == 8
    assert text.endswith("Task:")
