"""Recipes: what a file may say, how options and a job's own words get in, and a recipe of one's own in a few lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from synthgen.api import load_prepared
from synthgen.errors import JobError
from synthgen.job import parse_job
from synthgen.recipes import find_recipe, parse_recipe, recipe_names, resolve
from tests.scenarios.scene import export, run_json, simulator, write_rows

OWN = """\
description: a polite and a rude way to say the same
fit_for: short messages
options: {tone: {default: polite, choices: [polite, rude]}, score: 3, is_judged: true}
stages:
  - name: reword
    kind: transform
    items: 2
    prompt: |
      ---
      output: json
      ---
      Say "{{ source.text }}" in a {{ options.tone }} way, {{ items }} times, as {{ schema_hint }}
    checks: [{check: duplicate, near: false}]
  - name: judge
    kind: judge
    when: $is_judged
    schema: {tone: {type: int, ge: 1, le: 5}}
    pass: {tone: $score}
    prompt: "Is \\"{{ source.text }}\\" {{ options.tone }}? {{ schema_hint }}"
"""


def job_text(**changes: Any) -> str:
    job: dict[str, Any] = {
        "name": "own",
        "recipe": "own.yaml",
        "data": {"train": "train.csv", "text": "text", "label": "intent"},
        "targets": {"late": 20},
        "models": [{"provider": "local"}],
    }
    job.update(changes)
    return yaml.safe_dump({key: value for key, value in job.items() if value is not None})


def resolved(tmp_path: Path, **changes: Any) -> Any:
    (tmp_path / "own.yaml").write_text(OWN)
    return resolve(parse_job(job_text(**changes), name="job.yaml"), name="job.yaml", base=tmp_path)[0]


def test_every_built_in_recipe_is_whole(tmp_path: Path) -> None:
    """Each says what it is fit for, and its stages are valid with its options as they stand."""
    for name in recipe_names():
        recipe = find_recipe(name, base=tmp_path, blame="job.yaml")
        assert recipe.description
        assert recipe.fit_for
        assert recipe.stages_with({option: config.default for option, config in recipe.options.items()})


def test_recipe_of_ones_own_runs(tmp_path: Path) -> None:
    """Under thirty lines of YAML, prompts included: two stages, options, a judge."""
    assert len(OWN.splitlines()) < 30
    (tmp_path / "own.yaml").write_text(OWN)
    write_rows(tmp_path / "train.csv", labels={"late": 12, "other": 5})
    with simulator() as server:
        models = [{"provider": "openai", "model": "sim", "base_url": server.base_url}]
        (tmp_path / "job.yaml").write_text(job_text(models=models, options={"tone": "rude"}))
        result = run_json(tmp_path / "job.yaml", tmp_path / "run")
    assert (result["exit"], result["accepted"]) == (0, {"late": 20}), result["stderr"]


def test_recipe_that_the_docs_show_runs(tmp_path: Path) -> None:
    """It is whole as pasted, in under thirty lines; what its judge turned down says the scores."""
    page = (Path(__file__).parents[2] / "docs/recipes.md").read_text()
    shown = page.partition("## One of your own")[2].partition("```yaml\n")[2].partition("```")[0]
    assert len(shown.splitlines()) < 30
    (tmp_path / "own.yaml").write_text(shown)
    write_rows(tmp_path / "train.csv", labels={"late": 12, "other": 5})
    with simulator() as server:
        models = [{"provider": "openai", "model": "sim", "base_url": server.base_url}]
        (tmp_path / "job.yaml").write_text(job_text(models=models))
        result = run_json(tmp_path / "job.yaml", tmp_path / "run")
    assert (result["exit"], result["accepted"]) == (0, {"late": 20}), result["stderr"]
    assert set(result["rejected"]) >= {"judged"}
    rows = [json.loads(line) for line in export(tmp_path / "run").splitlines()]
    assert all(len(row["reply"]) >= 20 and row["provenance"]["checks"]["judge"]["mean"] >= 4 for row in rows)


def test_options_fill_the_stages(tmp_path: Path) -> None:
    """A value written as `$name` is the option's, of its own type; a stage whose `when` is false is left out."""
    assert resolved(tmp_path, options={"score": 4}).stages[1].pass_ == {"tone": 4}
    assert [stage.name for stage in resolved(tmp_path, options={"is_judged": False}).stages] == ["reword"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"options": {"tine": "rude"}}, "did you mean 'tone'"),
        ({"options": {"tone": "angry"}}, "must be one of polite, rude"),
        ({"options": {"score": "high"}}, "must be like its default, 3"),
        ({"recipe": "balanse"}, "did you mean 'balance'"),
        ({"recipe": "gone.yaml"}, "no such file"),
        ({"models": None}, "who is to be asked"),
        ({"stages": [{"name": "revord", "items": 3}]}, "has no stage 'revord' (it has: reword, judge)"),
    ],
)
def test_job_that_asks_for_what_is_not_there_is_told(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    """The job file is named, and the nearest thing there is."""
    with pytest.raises(JobError) as caught:
        resolved(tmp_path, **changes)
    assert said in str(caught.value)


def test_job_overrides_single_words_of_a_stage(tmp_path: Path) -> None:
    """An entry of the same name changes what it writes and nothing else; a check replaces the one of its kind."""
    own = {"name": "reword", "items": 3, "params": {"temperature": 0.1}}
    job = resolved(tmp_path, stages=[own], checks=[{"check": "duplicate", "near": False, "lexical": 0.5}])
    stage = job.stages[0]
    assert (stage.items, stage.params, stage.kind) == (3, {"temperature": 0.1}, "transform")
    assert [(c.check, c.lexical) for c in stage.checks] == [("duplicate", 0.5)]
    assert job.checks == []


def test_check_that_no_stage_has_judges_the_last(tmp_path: Path) -> None:
    """A word of the job about its rows is about the rows that come out."""
    job = resolved(tmp_path, checks=[{"check": "length", "max_chars": 50}])
    assert [check.check for check in job.checks] == ["length"]
    assert [check.check for check in job.stages[0].checks] == ["duplicate"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("description: x\n", "stages: missing"),
        ("description: x\nfit_for: y\nstages: [{name: a, kind: invent}]\n", "stage a"),
        ("description: x\nfit_for: y\nstages: [{name: a, items: $n}]\n", "the recipe has no option 'n'"),
        ("description: x\nfit_for: y\nstages: [{name: a}, {name: a}]\n", "two stages are called 'a'"),
        ("- 1\n", "not a recipe"),
        ("description: x\nfitfor: y\nstages: []\n", "did you mean 'fit_for'"),
    ],
)
def test_recipe_file_with_a_mistake_is_told(text: str, said: str) -> None:
    """The file is named, with the line where there is one."""
    with pytest.raises(JobError) as caught:
        parse_recipe(text, name="own", path="own.yaml")
    assert said in str(caught.value)
    assert "own.yaml" in str(caught.value)


def test_template_beside_a_recipe_is_found_from_any_job(tmp_path: Path) -> None:
    """A recipe's folder travels: its templates are looked for there first."""
    folder = tmp_path / "shared"
    folder.mkdir()
    (folder / "own.yaml").write_text("description: x\nfit_for: y\nstages: [{name: a, template: a.j2}]\n")
    (folder / "a.j2").write_text("Write {{ items }} rows {{ schema_hint }}")
    write_rows(tmp_path / "train.csv", labels={"late": 12})
    (tmp_path / "job.yaml").write_text(job_text(recipe="shared/own.yaml"))
    assert load_prepared(tmp_path / "job.yaml").template_source.path.samefile(folder / "a.j2")


def test_package_can_bring_a_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By entry point `synthgen.recipes`: a dict, a `Recipe`, or a function that gives either."""
    site = tmp_path / "site"
    (site / "brought-1.dist-info").mkdir(parents=True)
    (site / "brought-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: brought\nVersion: 1\n")
    (site / "brought-1.dist-info" / "entry_points.txt").write_text(
        "[synthgen.recipes]\nbrought = brought_recipes:make\nbroken = brought_recipes:gone\n"
    )
    (site / "brought_recipes.py").write_text(
        "def make():\n    return {'description': 'x', 'fit_for': 'y', 'stages': [{'name': 'a', 'prompt': 'hi'}]}\n"
    )
    monkeypatch.syspath_prepend(str(site))
    assert "brought" in recipe_names()
    assert find_recipe("brought", base=tmp_path, blame="job.yaml").description == "x"
    with pytest.raises(JobError, match="comes from the package brought"):
        find_recipe("broken", base=tmp_path, blame="job.yaml")
