"""The documents say what is so: job files in them parse, commands in them exist, links in them lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from synthgen.api import load_prepared
from synthgen.cli import cli
from synthgen.job import parse_job
from synthgen.recipes import recipe_names

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("examples/*/README.md")]


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), re.DOTALL | re.MULTILINE)


def test_readme_is_one_screen_and_its_job_runs_as_pasted() -> None:
    """At most 100 lines; the job file that it shows is one that synthgen takes, with the models it offers too."""
    readme = ROOT / "README.md"
    assert len(readme.read_text().splitlines()) <= 100
    job, models = blocks(readme, "yaml")
    shown = parse_job(job, name="README.md")
    assert shown.targets == {"lost_item": 8}
    assert (ROOT / str(shown.data.train)).exists()
    for line in models.splitlines()[1:]:
        begin = job.index("models:")
        parse_job(job[:begin] + f"models:\n{line}\n" + job[job.index("prompt:") :], name="README.md")


def test_job_file_page_parses() -> None:
    """The job file that the page explains is one that synthgen takes."""
    (text,) = blocks(ROOT / "docs/job-file.md", "yaml")
    job = parse_job(text, name="job-file.md")
    assert job.targets == {"card_arrival": 200}
    parse_job(text.replace("    # base_url", "    base_url"), name="job-file.md with the other endpoint")


def test_recipes_page_knows_every_recipe_and_its_job_file_parses() -> None:
    """Its table has each built-in recipe, and the job file it shows is one that synthgen takes."""
    page = ROOT / "docs/recipes.md"
    assert set(recipe_names()) <= set(re.findall(r"^\| `([a-z-]+)` \|", page.read_text(), re.MULTILINE))
    parse_job(blocks(page, "yaml")[0], name="recipes.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_in_pages_exist(page: Path) -> None:
    """Every `synthgen X` in a page is a command, with options it has."""
    for name, rest in re.findall(r"^\s*(?:\$ )?synthgen ([a-z-]+)(.*)$", page.read_text(), re.MULTILINE):
        assert name in cli.commands, (page.name, name)
        known = {o for p in cli.commands[name].params for o in p.opts}
        assert set(re.findall(r"--[a-z-]+", rest.partition("#")[0])) <= known, (page.name, name, rest)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_in_pages_lead_somewhere(page: Path) -> None:
    """Relative links and pictures are there."""
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), (page.name, target)


@pytest.mark.parametrize("job", sorted(ROOT.glob("examples/*/*.yaml")), ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_example_jobs_are_ready_to_run(job: Path) -> None:
    """Each example's job file, data and template fit together, and its first prompts render."""
    prepared = load_prepared(job)
    maker = prepared.stages[0].slot_maker()
    assert [maker.make(label, 0).label for label in prepared.targets] == list(prepared.targets)


def test_minority_example_keeps_train_and_test_apart() -> None:
    """No test row is a training row, and the rare classes are rare."""
    prepared = load_prepared(ROOT / "examples/minority/job.yaml")
    assert prepared.test is not None
    train = {row.text.casefold() for row in prepared.train.rows}
    assert not train & {row.text.casefold() for row in prepared.test.rows}
    counts = sorted(len(rows) for rows in prepared.train.by_label().values())
    assert counts[1] <= 25 < 50 <= counts[2]
