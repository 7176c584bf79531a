"""The demo, whole: the embedded model, the real encoder, the example as a newcomer runs it."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tests.scenarios.scene import export, run_json, synthgen

JOB = Path(__file__).parents[2] / "examples/minority/job.yaml"


@pytest.mark.slow
def test_minority_example_meets_its_targets_with_the_embedded_model(tmp_path: Path) -> None:
    """At least forty accepted rows over two classes, every one judged by the label check, none near a real row, every
    rejection with its reason and evidence; and the finished run asks nothing more."""
    done = synthgen("run", JOB, "--out", tmp_path / "out", "--json", "--quiet", timeout=900)
    assert done.returncode == 0, done.stderr
    result = orjson.loads(done.stdout.splitlines()[-1])
    assert result["accepted"] == result["targets"]
    assert sum(result["accepted"].values()) >= 40
    assert len(result["accepted"]) == 2
    rows = [orjson.loads(line) for line in export(tmp_path / "out").splitlines()]
    assert all(row["provenance"]["checks"]["label_probability"] >= 0.8 for row in rows)
    assert all((row["provenance"]["nearest"]["similarity"] or 0.0) < 0.95 for row in rows)
    assert len({row["text"].casefold() for row in rows}) == len(rows)
    shown = synthgen("status", tmp_path / "out", "--rejected", "5").stdout
    assert "pattern: " in shown or "label: " in shown
    assert run_json(JOB, tmp_path / "out")["requests"] == result["requests"]
