"""Writes `docs/errors.md`: users' mistakes and what synthgen says, from real commands.

python -m tests.contracts.errors_page
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.scenarios.scene import Server, simulator, write_job

ROOT = Path(__file__).parents[2]
NOBODY = "http://127.0.0.1:9/v1"
HEAD = """\
# What synthgen says when something is wrong

Written by `python -m tests.contracts.errors_page` from real commands. One screen each, no traceback, the next step, and an exit code
that says who must act: 2 you (a file or an argument), 3 the model's side, 4 the disk or the run directory.
"""


@dataclass(frozen=True)
class Mistake:
    """A title, the command, and what to prepare in its folder."""

    title: str
    prepare: Callable[[Path, Server], object]
    command: str = "run job.yaml --quiet"
    key: str = "right"
    max_file_bytes: int | None = None


def _edit(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / name
    path.write_text(path.read_text().replace(old, new))


def _job(folder: Path, base_url: str, **changes: object) -> None:
    model = {"api_key_env": "OPENAI_API_KEY", **dict(changes.pop("model", {}))}  # type: ignore[call-overload]
    write_job(folder, base_url, model=model, **changes)


def _strange(folder: Path, server: Server) -> None:
    _job(folder, server.base_url)
    (folder / "thesis").mkdir()
    (folder / "thesis/chapter1.tex").write_text("x")


def _wrong_template(folder: Path, server: Server) -> None:
    _job(folder, server.base_url)
    _edit(folder, "plain.j2", "{{ label }}", "{{ lable }}")


def _empty(folder: Path, server: Server) -> None:
    _job(folder, server.base_url)
    (folder / "train.csv").write_text("")


def _typo(folder: Path, server: Server) -> None:
    _job(folder, server.base_url)
    _edit(folder, "job.yaml", "targets:", "target:")


def _damaged(folder: Path, server: Server) -> None:
    _job(folder, server.base_url)
    (folder / "runs/scene").mkdir(parents=True)
    (folder / "runs/scene/journal.sqlite").write_bytes(b"not a database at all, " * 200)


def _run(folder: Path, server: Server) -> None:
    _job(folder, server.base_url, targets={"late": 4})
    _synthgen(folder, "run job.yaml --quiet", "right")


MISTAKES = (
    Mistake("An unknown key in the job file", _typo),
    Mistake(
        "A column that is not there",
        lambda f, s: _job(f, s.base_url, data={"train": "train.csv", "text": "message", "label": "intent"}),
    ),
    Mistake("An empty data file", _empty),
    Mistake("A class without a single real row", lambda f, s: _job(f, s.base_url, targets={"lates": 50})),
    Mistake("A template with an undefined variable", _wrong_template),
    Mistake("A key that is not set", lambda f, s: _job(f, s.base_url, model={"api_key_env": "MY_KEY"})),
    Mistake("A wrong key", lambda f, s: _job(f, s.base_url), key="wrong"),
    Mistake("An unknown model", lambda f, s: _job(f, s.base_url, model={"model": "gpt-5-turbo"})),
    Mistake("A server that cannot be reached", lambda f, _: _job(f, NOBODY)),
    Mistake("A money budget without a known price", lambda f, s: _job(f, s.base_url, budget={"max_usd": 1})),
    Mistake("A run directory that holds something else", _strange, "run job.yaml --quiet --out thesis"),
    Mistake("A damaged journal", _damaged),
    Mistake("A disk without room for the journal", lambda f, s: _job(f, s.base_url), max_file_bytes=150_000),
    Mistake(
        "Synthetic rows under a name that says evaluation",
        lambda f, s: _run(f, s),
        "export runs/scene --output test.csv",
    ),
)


def _synthgen(
    folder: Path, command: str, key: str, max_file_bytes: int | None = None
) -> subprocess.CompletedProcess[str]:
    def narrow() -> None:
        if max_file_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (max_file_bytes, max_file_bytes))

    return subprocess.run(
        [sys.executable, "-m", "synthgen", *command.split()],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OPENAI_API_KEY": key},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        preexec_fn=narrow,
    )


def _shown() -> Iterator[str]:
    yield HEAD
    with simulator("--api-key", "right", "--models", "sim", "--port", "8000") as server:
        for mistake in MISTAKES:
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                mistake.prepare(folder, server)
                done = _synthgen(folder, mistake.command, mistake.key, mistake.max_file_bytes)
                said = done.stdout.replace(str(folder) + "/", "").strip()
                shown = f"$ synthgen {mistake.command}\n{said}\n(exit {done.returncode})"
                yield f"## {mistake.title}\n\n```\n{shown}\n```\n"


def main() -> None:
    (ROOT / "docs/errors.md").write_text("\n".join(_shown()))


if __name__ == "__main__":
    main()
