"""An installed wheel works from any folder: the built-in prompts travel with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scenarios.scene import simulator, write_job

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder holding what the wheel installs, and nothing of the source tree."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target"]
    subprocess.run([*install, str(folder / "site"), str(wheel)], check=True, capture_output=True)
    return folder / "site"


def run_installed(site: Path, cwd: Path, *args: str) -> str:
    code = "import sys, synthgen; sys.stderr.write(synthgen.__file__); from synthgen.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, *args],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert str(site) in done.stderr
    return done.stdout


def test_wheel_lists_and_shows_its_prompts(site: Path, tmp_path: Path) -> None:
    """`synthgen prompts` from a folder that is no source tree."""
    assert "balance/default.j2" in run_installed(site, tmp_path, "prompts")
    assert "{% message" in run_installed(site, tmp_path, "prompts", "balance/default.j2")


def test_wheel_carries_the_review_page(site: Path) -> None:
    """The page's files travel with the package."""
    names = {path.name for path in (site / "synthgen/review/page").iterdir()}
    assert names >= {"index.html", "review.css", "review.js"}


def test_wheel_runs_a_job_with_a_builtin_prompt(site: Path, tmp_path: Path) -> None:
    """The main job from an installed wheel, with the recipe's own template."""
    with simulator() as server:
        prompt = {"seeds": 3}
        job = write_job(tmp_path / "job", server.base_url, prompt=prompt, targets={"late": 12, "lost": 8})
        out = run_installed(site, tmp_path, "run", str(job), "--out", "run", "--quiet", "--json")
    assert '"status":"complete"' in out
    assert (tmp_path / "run/journal.sqlite").exists()
