"""The cold-start example, whole: no real row at all, the embedded model."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import orjson
import pytest

from tests.scenarios.scene import export, synthgen

EXAMPLE = Path(__file__).parents[2] / "examples/cold-start/job.yaml"


@pytest.mark.slow
def test_cold_start_example_meets_its_targets(tmp_path: Path) -> None:
    """Three classes without a row are filled, in several styles, each row without a seed."""
    done = synthgen("run", EXAMPLE, "--out", tmp_path / "out", "--json", "--quiet", timeout=900)
    assert done.returncode == 0, done.stderr
    result = orjson.loads(done.stdout.splitlines()[-1])
    assert result["accepted"] == {"cancel_membership": 8, "class_times": 8, "broken_machine": 8}
    rows = [orjson.loads(line) for line in export(tmp_path / "out").splitlines()]
    assert all(row["provenance"]["seeds"] == [] for row in rows)
    assert len(Counter(row["provenance"]["attributes"]["style"] for row in rows)) >= 4
