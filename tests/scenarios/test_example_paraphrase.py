"""The paraphrase example, whole: the embedded model, the real encoder, as a newcomer runs it."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from synthgen.text import normalise
from tests.scenarios.scene import export, synthgen

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.slow
def test_paraphrase_example_meets_its_targets(tmp_path: Path) -> None:
    """Every row names the row it was made from, is another text, and lies in the band of its level."""
    done = synthgen(
        "run", EXAMPLES / "paraphrase/job.yaml", "--out", tmp_path / "out", "--json", "--quiet", timeout=900
    )
    assert done.returncode == 0, done.stderr
    result = orjson.loads(done.stdout.splitlines()[-1])
    assert result["accepted"] == {"renew_loan": 6, "damaged_item": 6}
    assert result["rejected"]["change"] > 0
    lines = (EXAMPLES / "paraphrase/train.csv").read_text().splitlines()[1:]
    sources = {f"train:{i}": line.rpartition(",")[0].strip('"') for i, line in enumerate(lines, 1)}
    for row in map(orjson.loads, export(tmp_path / "out").splitlines()):
        assert normalise(row["text"]) != normalise(sources[row["provenance"]["source"]])
        assert 0.34 <= row["provenance"]["checks"]["edit_ratio"] <= 0.67
