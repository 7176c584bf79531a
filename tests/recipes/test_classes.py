"""Recipe `classes`: rows of classes that nobody has seen yet, from their names and descriptions."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from synthgen.api import load_prepared
from tests.scenarios.scene import export, run_json, simulator, write_rows


def write(folder: Path, base_url: str = "http://127.0.0.1:9/v1", **changes: Any) -> Path:
    write_rows(folder / "train.csv", labels={"late": 12, "lost": 8})
    job: dict[str, Any] = {
        "name": "cold",
        "recipe": "classes",
        "data": {"train": "train.csv", "text": "text", "label": "intent"},
        "targets": {"lost_property": 18, "timetable": 18},
        "descriptions": {"lost_property": "somebody left a thing on the train"},
        "options": {"others": ["timetable", "tickets"]},
        "models": [{"provider": "openai", "model": "sim", "base_url": base_url}],
        "checks": [{"check": "duplicate", "near": False}],
        **changes,
    }
    path = folder / "job.yaml"
    path.write_text(yaml.safe_dump(job, sort_keys=False))
    return path


def test_classes_without_a_real_row_are_filled_in_every_style(tmp_path: Path) -> None:
    """Neither class has a row in the file; no slot shows a seed; the six styles come evenly."""
    with simulator() as server:
        result = run_json(write(tmp_path, server.base_url, prompt={"items": 1}), tmp_path / "run")
    assert (result["exit"], result["accepted"]) == (0, {"lost_property": 18, "timetable": 18}), result["stderr"]
    rows = [json.loads(line) for line in export(tmp_path / "run").splitlines()]
    assert all(row["provenance"]["seeds"] == [] for row in rows)
    styles = Counter(row["provenance"]["attributes"]["style"] for row in rows)
    assert len(styles) == 6
    assert min(styles.values()) >= 4


@pytest.mark.parametrize("template", ["classes/default.j2", "classes/turns.j2"])
def test_prompt_says_name_description_and_style(tmp_path: Path, template: str) -> None:
    """All that is known of a class; for capable models also what it must not be mistaken for, itself left out."""
    prepared = load_prepared(write(tmp_path, prompt={"template": template}))
    slot = prepared.slot_maker().make("lost_property", 0)
    asked = slot.request.prompt.messages[-1].content
    assert "lost property" in asked
    assert "somebody left a thing on the train" in asked
    assert slot.draft.attributes["style"].partition(":")[0] in asked
    if template == "classes/default.j2":
        assert "Not to be mistaken for: late, lost, timetable, tickets\n" in asked
        own = prepared.slot_maker().make("timetable", 0).request.prompt.messages[-1].content
        assert "Not to be mistaken for: late, lost, tickets\n" in own


def test_real_rows_are_shown_where_the_job_wants_it(tmp_path: Path) -> None:
    """`prompt.seeds` in the job file goes before the recipe's none."""
    prepared = load_prepared(write(tmp_path, targets={"late": 5}, descriptions={}, prompt={"seeds": 2}))
    slot = prepared.slot_maker().make("late", 0)
    assert all(seed.text in slot.request.prompt.messages[-1].content for seed in slot.draft.seeds)
    assert len(slot.draft.seeds) == 2
