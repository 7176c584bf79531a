"""A check, an encoder and an export format of another package, through the command line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.scenarios.scene import simulator, write_job

ROOT = Path(__file__).parents[2]
SOURCES = Path(__file__).parent / "outside_checks"
ROWS = "text,label\nWhere is my card?,a\nwhere is it,a\nI lost my card!,b\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what the wheel installs."""
    folder = tmp_path_factory.mktemp("outside")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=SOURCES, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def synthgen(site: Path, cwd: Path, *args: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-c", "from synthgen.cli import main; main()", *args],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def table(tmp_path: Path) -> Path:
    (tmp_path / "rows.csv").write_text(ROWS)
    (tmp_path / "own.py").write_text("def polite(text, fields):\n    return None if 'please' in text else 'rude'\n")
    return tmp_path / "rows.csv"


def test_outside_check_and_encoder_work_on_the_command_line(site: Path, table: Path) -> None:
    """The check's own key is read, and the encoder's vectors are compared."""
    checks = ["--check", "ending:any_of=?|!", "--check", "duplicate:lexical=null"]
    code, out, err = synthgen(site, table.parent, "check", "rows.csv", *checks, "--encoder", "vowels", "--json")
    assert code == 0, err
    said = json.loads(out.splitlines()[-1])
    assert (said["kept"], said["reasons"]["check"]) == (2, 1)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--check", "broken_check"], "No module named 'outside_checks.nothing_here'"),
        (["--check", "wrong_check"], "is no check"),
        (["--check", "change:level=low"], "'change' is added by synthgen and by package outside-checks"),
        (["--check", "duplicate", "--encoder", "broken_encoder"], "No module named 'outside_checks.nothing_here'"),
        (["--check", "duplicate", "--encoder", "wrong_encoder"], "it has no identity"),
        (["--check", "duplicate", "--encoder", "hashing"], "'hashing' is added by synthgen and by package"),
    ],
)
def test_outside_code_that_is_wrong_gets_a_sentence(site: Path, table: Path, args: list[str], words: str) -> None:
    """A broken import, another protocol, a name that is taken: exit 2, no traceback."""
    code, _, err = synthgen(site, table.parent, "check", "rows.csv", *args)
    assert (code, "Traceback" in err) == (2, False), err
    assert words in err


def test_outside_export_writes_and_what_is_wrong_gets_a_sentence(site: Path, tmp_path: Path) -> None:
    """`export --format`: the package's own, and each of the three ways to be wrong."""
    code = """
import sys
from pathlib import Path
from synthgen.data.export import write_rows
from synthgen.errors import JobError
for name in sys.argv[1:]:
    try:
        print(write_rows([{"id": "r1", "text": "a b", "synthetic": True}], output=Path("rows." + name), format=name, manifest={}))
    except JobError as error:
        print(error)
"""
    names = ["tsv", "broken_export", "csv", "wrong_export"]
    done = subprocess.run(
        [sys.executable, "-c", code, *names],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=True,
    )
    for words in ("1\n", "No module named", "'csv' is added by synthgen and by package", "is no export format"):
        assert words in done.stdout
    assert (tmp_path / "rows.tsv").read_text() == "r1\ta b\n"
    exit_code, _, err = synthgen(site, tmp_path, "export", "nowhere", "--format", "tsv", "--output", "x.tsv")
    assert "Invalid value" not in err  # the name is known
    assert exit_code == 4 or "nowhere" in err


def test_own_function_judges_on_the_command_line(site: Path, table: Path) -> None:
    """`--check module:function`, from the folder the command runs in."""
    code, out, err = synthgen(site, table.parent, "check", "rows.csv", "--check", "own:polite")
    assert code == 0, err
    assert "kept      0 of 3 rows" in out


def test_the_page_shows_these_sources() -> None:
    """Each block of docs/extending-checks.md that names a file is that file, and short."""
    text = (ROOT / "docs" / "extending-checks.md").read_text()
    blocks = re.findall(r"`(outside_checks/\w+\.py)`:\n\n```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 3
    for name, block in blocks:
        assert block == (SOURCES / name).read_text()
        assert block.count("\n") < 40


def test_outside_code_takes_part_in_a_run(site: Path, tmp_path: Path) -> None:
    """A job file names a function, a package's check and its encoder; the export is in the package's format."""
    (tmp_path / "own.py").write_text("def short(text, fields):\n    return 'long' if len(text) > 4000 else None\n")
    checks = [{"check": "own:short"}, {"check": "ending", "any_of": ["", "."]}, {"check": "duplicate", "near": False}]
    with simulator() as server:
        job = write_job(tmp_path, server.base_url, checks=checks, encoder="vowels", targets={"late": 4, "lost": 3})
        code, _, err = synthgen(site, tmp_path, "run", str(job), "--out", "run", "--quiet")
        assert code == 0, err
    code, _, err = synthgen(site, tmp_path, "verify", "run")
    assert "Traceback" not in err
    code, _, err = synthgen(site, tmp_path, "export", "run", "--format", "tsv", "--output", "rows.tsv", "--no-drift")
    assert code == 0, err
    assert len((tmp_path / "rows.tsv").read_text().splitlines()) == 7
    assert "with a tab between" in (tmp_path / "rows.tsv.README.md").read_text()
