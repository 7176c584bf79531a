"""A package that is not synthgen adds to it: built as a wheel, unpacked beside, used through the command line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from synthgen.job import ModelConfig
from synthgen.providers.opening import open_provider
from synthgen.records import Message, Prompt, Request
from synthgen.testing import check_provider
from tests.scenarios.scene import synthgen, write_job

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "tests/contracts/outside"
TEMPLATE = """\
---
description: one row as it stands
output: text
variables: [label]
---
A parcel of the kind that we call {{ label }} has come
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the outside package's wheel installs."""
    folder = tmp_path_factory.mktemp("outside")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=SOURCES, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "site")
    return folder / "site"


def run(site: Path, folder: Path, **model: str) -> tuple[int, str, str]:
    """`synthgen run` with the outside package installed: exit code, stdout, stderr."""
    job = write_job(
        folder,
        "http://127.0.0.1:9/v1",
        models=[model],
        prompt={"template": "echo.j2", "seeds": 1, "items": 1},
        targets={"late": 3, "lost": 3},
        checks=[{"check": "duplicate", "near": False, "lexical": None}],
    )
    (folder / "echo.j2").write_text(TEMPLATE)
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = synthgen("run", job, "--out", folder / "out", "--json", "--quiet", env={"PYTHONPATH": path})
    return done.returncode, done.stdout, done.stderr


def test_outside_provider_answers_a_run(site: Path, tmp_path: Path) -> None:
    """A job names it and gets its rows; nothing of synthgen was edited."""
    code, out, err = run(site, tmp_path, provider="echo")
    assert code == 0, err
    assert json.loads(out.splitlines()[-1])["status"] == "complete"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ecko", r"'ecko' is not known; did you mean 'echo'"),
        ("broken", r"'broken' .* of package synthgen-outside\) cannot be imported: .*no_such_module_anywhere"),
        ("local", r"'local' is added by synthgen and by package synthgen-outside"),
        ("half", r"provider 'half' cannot be used: it lacks classify"),
        ("stubborn", r"provider 'stubborn' cannot be used: TypeError: .*api_key"),
    ],
)
def test_outside_mistakes_get_a_sentence(site: Path, tmp_path: Path, name: str, said: str) -> None:
    """Unknown name, broken import, duplicate name, missing member, another constructor: exit 2 and no traceback."""
    code, _, err = run(site, tmp_path, provider=name)
    assert code == 2, err
    assert re.search(said, " ".join(err.split())), err
    assert "Traceback" not in err


@pytest.mark.anyio
async def test_outside_provider_keeps_the_contract(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped check passes for the class that the page shows."""
    monkeypatch.syspath_prepend(str(site))
    async with open_provider(ModelConfig(provider="echo")) as provider:
        await check_provider(provider, Request(Prompt((Message("user", "a card"),)), {"seed": 1}))


def test_extending_page_shows_the_provider_that_is_tested() -> None:
    """The page's code is the package's module, under 40 lines with its entry point."""
    python, toml = re.findall(
        r"^```(?:python|toml)\n(.*?)^```", (ROOT / "docs/extending.md").read_text(), re.DOTALL | re.M
    )[:2]
    assert python == (SOURCES / "synthgen_outside/echo.py").read_text()
    assert toml.strip() in (SOURCES / "pyproject.toml").read_text()
    assert len((python + toml).splitlines()) < 40
