"""Recipe `paraphrase`: the same row, changed as much as asked for, and measured."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from synthgen.api import load_prepared
from synthgen.checks.change import ChangeCheck
from synthgen.checks.label import LabelCheck
from synthgen.data.tables import load_rows
from synthgen.identity import content_id
from synthgen.recipes import find_recipe
from tests.scenarios.scene import export, run_json, simulator, synthgen, write_rows


def write(folder: Path, base_url: str = "http://127.0.0.1:9/v1", **changes: Any) -> Path:
    write_rows(folder / "train.csv", labels={"late": 12, "lost": 8})
    job: dict[str, Any] = {
        "name": "again",
        "recipe": "paraphrase",
        "data": {"train": "train.csv", "text": "text", "label": "intent"},
        "targets": {"late": 10},
        "models": [{"provider": "openai", "model": "sim", "base_url": base_url}],
        **changes,
    }
    path = folder / "job.yaml"
    path.write_text(yaml.safe_dump(job, sort_keys=False))
    return path


NO_VECTORS = [{"check": "duplicate", "near": False}, {"check": "leakage", "near": False}]


def test_rows_within_the_band_keep_both_figures(tmp_path: Path) -> None:
    """The simulator writes other sentences: each is a high change, names its source, and says how far it went."""
    with simulator() as server:
        checks = [*NO_VECTORS, {"check": "change", "level": "high", "near": False}]
        job = write(tmp_path, server.base_url, checks=checks, options={"level": "high", "verify_label": False})
        result = run_json(job, tmp_path / "run")
    assert (result["exit"], result["accepted"]) == (0, {"late": 10}), result["stderr"]
    for row in map(json.loads, export(tmp_path / "run").splitlines()):
        assert row["provenance"]["checks"]["edit_ratio"] >= 0.67
        assert 0 <= row["provenance"]["checks"]["overlap_ratio"] <= 0.7
        assert row["provenance"]["source"].startswith("train:")


def test_rows_outside_the_band_are_turned_down_with_the_figure(tmp_path: Path) -> None:
    """The same sentences at level low: none is kept, and the run stops saying so instead of asking on."""
    with simulator() as server:
        checks = [*NO_VECTORS, {"check": "change", "level": "low", "near": False}]
        job = write(
            tmp_path, server.base_url, checks=checks, starvation={"patience": 10}, options={"verify_label": False}
        )
        result = run_json(job, tmp_path / "run")
    assert result["exit"] == 6
    assert set(result["rejected"]) == {"change"}
    shown = synthgen("status", tmp_path / "run", "--rejected", "3").stdout
    assert "edit_ratio" in shown
    assert "max_edit_ratio: 0.34" in shown


def test_meaning_is_measured_against_the_source(tmp_path: Path) -> None:
    """Rows below the least similarity go, with the figure; an accepted one keeps it; every decision can be derived
    again, also where the source is the row of an earlier stage, and after a replay; a lost vector is a finding."""
    again = {
        "name": "again",
        "kind": "transform",
        "items": 1,
        "template": "paraphrase/default.j2",
        "checks": [{"check": "change", "min_similarity": 0.2}, {"check": "duplicate", "near": False}],
    }
    first = {**again, "name": "rewrite", "checks": [{"check": "change", "min_similarity": 0.15}]}
    recipe = {"description": "twice", "fit_for": "a test", "options": {"level": "high"}, "stages": [first, again]}
    (tmp_path / "twice.yaml").write_text(yaml.safe_dump(recipe))
    with simulator() as server:
        changes: dict[str, Any] = {"encoder": "hashing", "recipe": "twice.yaml"}
        result = run_json(write(tmp_path, server.base_url, **changes), tmp_path / "run")
    assert (result["exit"], result["accepted"]) == (0, {"late": 10}), result["stderr"]
    assert set(result["rejected"]) == {"change"}
    assert "min_similarity: 0.2" in synthgen("status", tmp_path / "run", "--rejected", "3").stdout
    before = export(tmp_path / "run")
    for row in map(json.loads, before.splitlines()):
        assert row["provenance"]["checks"]["similarity_to_source"] >= 0.2
    assert synthgen("journal", "verify", tmp_path / "run").returncode == 0
    assert synthgen("replay", tmp_path / "run").returncode == 0
    assert export(tmp_path / "run") == before
    with closing(sqlite3.connect(tmp_path / "run/journal.sqlite", isolation_level=None)) as journal:
        real = [
            content_id(row.text)
            for row in load_rows(tmp_path / "train.csv", pool="train", text="text", label=None).rows
        ]
        lost = journal.execute(f"DELETE FROM vectors WHERE digest NOT IN ({','.join('?' * len(real))})", real).rowcount
    assert lost > 0
    verified = synthgen("journal", "verify", tmp_path / "run")
    assert (verified.returncode, "vector" in verified.stdout + verified.stderr) == (4, True)


@pytest.mark.parametrize("level", ["low", "moderate", "high"])
@pytest.mark.parametrize("template", ["paraphrase/default.j2", "paraphrase/turns.j2"])
def test_templates_show_the_source_and_ask_for_the_level(tmp_path: Path, level: str, template: str) -> None:
    """Every level has words of its own, and the check is set to the level that the prompt asks for."""
    prepared = load_prepared(write(tmp_path, options={"level": level}, prompt={"template": template}))
    slot = prepared.slot_maker().make("late", 0)
    assert slot.draft.source is not None
    assert slot.draft.source.text in slot.request.prompt.messages[-1].content
    assert prepared.check(ChangeCheck) == ChangeCheck(check="change", level=level)
    other = load_prepared(write(tmp_path, options={"level": "low"}, prompt={"template": template}))
    is_same = other.slot_maker().make("late", 0).request.prompt == slot.request.prompt
    assert is_same == (level == "low")


def test_label_verification_is_the_jobs_choice(tmp_path: Path) -> None:
    """On as the recipe stands, where the rows have classes; off by its option."""
    assert load_prepared(write(tmp_path)).check(LabelCheck) is not None
    assert load_prepared(write(tmp_path, options={"verify_label": False})).check(LabelCheck) is None
    without = write(tmp_path, data={"train": "train.csv", "text": "text"}, targets=10)
    assert load_prepared(without).check(LabelCheck) is None


def test_recipe_says_what_it_is_unfit_for(tmp_path: Path) -> None:
    """Code and span labels: for `plan` and `recipes` to show."""
    recipe = find_recipe("paraphrase", base=tmp_path, blame="job.yaml")
    assert "code" in recipe.unfit_for
    assert "span labels" in recipe.unfit_for
