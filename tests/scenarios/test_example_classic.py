"""The examples that need no model: synonyms, back-translation, bootstrapping a language, and a night's run."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from synthgen.augment.synonyms.wordnet import has_wordnet
from synthgen.text import normalise
from tests.scenarios.scene import export, run_json, simulator, synthgen

EXAMPLES = Path(__file__).parents[2] / "examples"
needs_wordnet = pytest.mark.skipif(not has_wordnet(), reason="no WordNet data here")
needs_apertium = pytest.mark.skipif(
    not (shutil.which("apertium") and Path("/usr/share/apertium/modes/eng-spa.mode").exists()),
    reason="apertium-eng-spa is not installed",
)
RUNNING = ["augment-classic/synonyms.yaml", "augment-classic/backtranslate.yaml", "multilingual/bootstrap.yaml"]


def rows_of(run: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in export(run).splitlines()]


def sources_of(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").splitlines()[1:]
    return {f"train:{n}": line.rpartition(",")[0].strip('"') for n, line in enumerate(lines, 1)}


@pytest.mark.slow
@pytest.mark.parametrize(
    "job",
    [
        pytest.param(RUNNING[0], marks=needs_wordnet),
        pytest.param(RUNNING[1], marks=needs_apertium),
        pytest.param(RUNNING[2], marks=needs_apertium),
    ],
)
def test_example_without_a_model_meets_its_targets(tmp_path: Path, job: str) -> None:
    """Every class has its rows; each names its source and is another text; no two are the same."""
    result = run_json(EXAMPLES / job, tmp_path / "out")
    assert (result["exit"], result["accepted"]) == (0, result["targets"]), result["stderr"]
    sources = sources_of((EXAMPLES / job).parent / "train.csv")
    made = rows_of(tmp_path / "out")
    assert len({normalise(row["text"]) for row in made}) == len(made) == sum(result["targets"].values())
    for row in made:
        assert normalise(row["text"]) != normalise(sources[row["provenance"]["source"]])


@pytest.mark.parametrize("job", RUNNING)
def test_example_without_its_tool_says_what_to_install(tmp_path: Path, job: str) -> None:
    """Exit 2, the line to type, no traceback: with an empty PATH and no WordNet to be found."""
    (tmp_path / "empty").mkdir()
    given = yaml.safe_load((EXAMPLES / job).read_text(encoding="utf-8"))
    given["data"]["train"] = str((EXAMPLES / job).parent / "train.csv")
    if given["recipe"] == "synonyms":
        given["models"] = [{"provider": "synonyms", "params": {"wordnet": str(tmp_path / "empty")}}]
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(given))
    env = {"PATH": str(tmp_path / "empty"), "APERTIUM_DATADIR": ""}
    done = synthgen("run", tmp_path / "job.yaml", "--out", tmp_path / "out", "--quiet", env=env)
    assert done.returncode == 2, done.stderr
    assert "next: " in done.stderr
    assert "Traceback" not in done.stderr
    assert ("apt-get install apertium" in done.stderr) or ("dict files" in done.stderr)


@pytest.mark.slow
def test_native_example_meets_its_targets_or_says_why_not(tmp_path: Path) -> None:
    """The embedded model writes some Spanish: every row that is kept is; where it falls short, the budget ends it."""
    done = synthgen(
        "run", EXAMPLES / "multilingual/native.yaml", "--out", tmp_path / "out", "--json", "--quiet", timeout=900
    )
    result = orjson.loads(done.stdout.splitlines()[-1])
    assert done.returncode in (0, 5, 6), done.stderr
    assert done.returncode == 0 or result["reason"]
    assert sum(result["accepted"].values()) >= 12


@pytest.mark.slow
def test_overnight_example_ends_on_its_budget_and_goes_on(tmp_path: Path) -> None:
    """The first session stops at the money it was given, having spent no more; with more it is completed, and no
    answer of the first was bought again; every event is in the file."""
    given = yaml.safe_load((EXAMPLES / "overnight/job.yaml").read_text(encoding="utf-8"))
    given["data"]["train"] = str(EXAMPLES / "overnight/train.csv")
    with simulator("--malformed-ratio", "0.05", "--refusal-ratio", "0.03") as server:
        given["models"][0]["base_url"] = server.base_url
        given["budget"].pop("deadline")
        job = tmp_path / "job.yaml"
        job.write_text(yaml.safe_dump(given, sort_keys=False))
        events = tmp_path / "events.jsonl"
        first = run_json(job, tmp_path / "out", "--events", str(events))
        assert first["exit"] == 5
        assert "max_usd" in first["reason"]
        assert 0.005 < first["usage"]["usd"] <= 0.01
        given["budget"]["max_usd"] = 0.05
        job.write_text(yaml.safe_dump(given, sort_keys=False))
        second = run_json(job, tmp_path / "out", "--events", str(events))
        assert (second["exit"], second["accepted"]) == (0, {"damaged": 200, "late": 200, "return": 200})
        assert second["requests"] == server.stats()["granted"]
    names = [orjson.loads(line)["event"] for line in events.read_bytes().splitlines()]
    assert names.count("run_started") == 2
    assert names.count("row_accepted") == 600
