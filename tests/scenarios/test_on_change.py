"""A changed job: what it means and what it will cost is said before it costs anything."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import synthgen as package
from synthgen.engine.changes.effects import Effect
from synthgen.engine.changes.preview import Preview
from synthgen.errors import JobError, JournalError
from synthgen.journal import RunLock
from tests.scenarios.scene import Server, export, run_json, simulator, synthgen, write_job

PRICE = {"price": {"input_usd_per_mtok": "1.0", "output_usd_per_mtok": "2.0"}}
NEW_PROMPT = {"template": "plain.j2", "seeds": 2, "items": 4}
NEW_CHECKS = [{"check": "duplicate", "near": False}, {"check": "length", "max_chars": 70}]


@pytest.fixture
def server() -> Iterator[Server]:
    with simulator() as running:
        yield running


@pytest.fixture
def run(tmp_path: Path, server: Server) -> Path:
    """A run of 30 rows that is complete."""
    job = write_job(tmp_path, server.base_url, targets={"late": 30}, model=PRICE)
    assert run_json(job, tmp_path / "out")["exit"] == 0
    return tmp_path / "out"


def on_terminal(answer: str, *args: str | Path) -> tuple[int, str]:
    """A command whose stdin and stderr are a terminal; its exit code and what it showed."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "synthgen", *map(str, args)]
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.DEVNULL, stderr=theirs) as process:
        os.close(theirs)
        os.write(ours, f"{answer}\n".encode())
        shown = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # the other end is closed: how Linux says that a terminal has ended
                break
            if not part:
                break
            shown += part
        code = process.wait(60)
    os.close(ours)
    return code, shown.decode()


def test_change_is_shown_with_its_meaning_and_its_cost(run: Path, server: Server) -> None:
    """Sorted by effect, with what is kept, what it cost, and about what the rest takes, by what answers brought."""
    seen: list[Preview] = []
    job = write_job(
        run.parent, server.base_url, targets={"late": 90}, model=PRICE, prompt=NEW_PROMPT, checks=NEW_CHECKS
    )
    granted, rows = server.stats()["granted"], export(run)
    with pytest.raises(JobError, match="left as it was"):
        package.run(job, out=run, on_change="ask", confirm=lambda preview: bool(seen.append(preview)))
    assert (server.stats()["granted"], export(run)) == (granted, rows)
    (preview,) = seen
    effects = [change.effect for change in preview.changes]
    assert set(effects) == {Effect.FREE, Effect.REPLAY, Effect.NEW_SLOTS}
    assert effects == sorted(effects, reverse=True)
    outlook = preview.outlook
    assert (outlook.answers, outlook.missing) == (granted, 60)
    assert 60 / 4 * 0.8 <= outlook.requests <= 60 / 4 * 1.5
    expected = outlook.usage.input_tokens * Decimal("1e-6") + outlook.usage.output_tokens * Decimal("2e-6")
    assert outlook.usage.usd == expected > 0
    assert outlook.spent.total_tokens / outlook.answers == pytest.approx(
        outlook.usage.total_tokens / outlook.requests, rel=0.02
    )


def test_change_is_made_where_the_answer_is_yes(run: Path, server: Server) -> None:
    """As with `keep`: the answers stay, what is missing is asked the new way."""
    rows = export(run).splitlines()
    job = write_job(run.parent, server.base_url, targets={"late": 60}, model=PRICE, prompt=NEW_PROMPT)
    code, shown = on_terminal("y", "run", job, "--out", run, "--quiet", "--on-change", "ask")
    assert code == 0, shown
    assert "asked the new way from here on" in shown
    assert "job.prompt.seeds: 3 -> 2" in shown
    assert "30 rows are missing: about" in shown
    assert "go on? [y/N]" in shown
    assert export(run).splitlines()[:30] == rows
    assert server.stats()["repeats"] == 0


@pytest.mark.parametrize("changes", [{"prompt": NEW_PROMPT}, {"checks": NEW_CHECKS}], ids=["prompt", "checks"])
def test_change_is_left_where_the_answer_is_no(run: Path, server: Server, changes: dict[str, Any]) -> None:
    """Nothing is judged anew and nothing is asked, also where it would cost no request."""
    rows, granted = export(run), server.stats()["granted"]
    job = write_job(run.parent, server.base_url, targets={"late": 30}, model=PRICE, **changes)
    code, shown = on_terminal("", "run", job, "--out", run, "--on-change", "ask")
    assert code == 2
    assert "left as it was" in shown
    assert "Traceback" not in shown
    assert (export(run), server.stats()["granted"]) == (rows, granted)


def test_without_a_terminal_ask_is_refuse_and_says_so(run: Path, server: Server) -> None:
    """A prompt that changed is refused with the figures; checks that changed are replayed, as always."""
    job = write_job(run.parent, server.base_url, targets={"late": 60}, model=PRICE, prompt=NEW_PROMPT)
    done = synthgen("run", job, "--out", run, "--quiet", "--on-change", "ask")
    assert done.returncode == 2
    for words in ("no terminal to ask on", "job.prompt.seeds: 3 -> 2", "kept: ", "30 rows are missing: about", "$"):
        assert words in done.stderr
    job = write_job(run.parent, server.base_url, targets={"late": 30}, model=PRICE, checks=NEW_CHECKS)
    replayed = run_json(job, run, "--on-change", "ask")
    assert replayed["exit"] == 0
    assert "no terminal to ask on" in replayed["stderr"]
    assert replayed["rejected"]["too_long"] > 0


def test_refusal_of_a_changed_job_says_what_it_would_cost(run: Path, server: Server) -> None:
    """The same figures without asking."""
    job = write_job(run.parent, server.base_url, targets={"late": 60}, model=PRICE, prompt=NEW_PROMPT)
    done = synthgen("run", job, "--out", run, "--quiet")
    assert done.returncode == 2
    assert "30 rows are missing: about" in done.stderr
    assert "--on-change keep" in done.stderr


def test_nothing_is_asked_about_where_nothing_is_at_stake(run: Path, server: Server) -> None:
    """A new run, the same job, and a raised target go on without a word; a live run is not waited for."""

    def never(preview: Preview) -> bool:
        raise AssertionError("asked")

    job = write_job(run.parent, server.base_url, targets={"late": 34}, model=PRICE)
    assert package.run(job, out=run, on_change="ask", confirm=never).exit_code == 0
    assert package.run(job, out=run.parent / "new", on_change="ask", confirm=never).exit_code == 0
    with RunLock(run), pytest.raises(JournalError, match="another run works here"):
        package.run(job, out=run, on_change="ask", confirm=never)
