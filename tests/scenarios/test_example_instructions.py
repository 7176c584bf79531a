"""The instructions example, whole: the embedded model, the real encoder, as a newcomer runs it."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from synthgen.data.format_check import check_format
from tests.scenarios.scene import export, synthgen

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.slow
def test_instructions_example_meets_its_targets_and_exports_as_chat(tmp_path: Path) -> None:
    """Twelve tasks with a response each, none a seed task, in a file that OpenAI's fine-tuning would take."""
    job = EXAMPLES / "instructions/job.yaml"
    done = synthgen("run", job, "--out", tmp_path / "out", "--json", "--quiet", timeout=900)
    assert done.returncode == 0, done.stderr
    assert orjson.loads(done.stdout.splitlines()[-1])["accepted"] == {"": 12}
    seeds = {
        orjson.loads(line)["instruction"] for line in (EXAMPLES / "instructions/seeds.jsonl").read_bytes().splitlines()
    }
    rows = [orjson.loads(line) for line in export(tmp_path / "out").splitlines()]
    assert not seeds & {row["instruction"] for row in rows}
    assert all(len(row["response"]) >= 20 for row in rows)
    output = tmp_path / "chat.jsonl"
    assert synthgen("export", tmp_path / "out", "--format", "openai-chat", "--output", output).returncode == 0
    assert check_format(output).is_valid
