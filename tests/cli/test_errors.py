"""A user's mistake: one screen, no traceback, the next step, the right exit code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.scene import simulator, synthgen, write_job

DEAD = "http://127.0.0.1:9/v1"


def refused(job: Path, out: Path, *args: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    done = synthgen("run", job, "--out", out, "--quiet", *args, env=env)
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) < 20
    assert "next:" in done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"targets": {"lat": 5}}, 2, "targets.lat: no real row of class 'lat' in"),
        (
            {"data": {"train": "train.csv", "text": "txt", "label": "intent"}},
            2,
            "no column 'txt'; did you mean 'text'?",
        ),
        ({"data": {"train": "trian.csv", "text": "text", "label": "intent"}}, 2, "did you mean train.csv?"),
        ({"prompt": {"template": "plian.j2"}}, 2, "no template 'plian.j2'"),
        ({"promt": {}}, 2, "unknown key 'promt'; did you mean 'prompt'?"),
        ({"recipe": "balanse"}, 2, "no recipe 'balanse'; did you mean 'balance'?"),
        ({"schema": {"body": "str"}}, 2, "has no field 'text' (data.text)"),
        ({"schema": {"text": "str", "id": "str"}}, 2, "schema.id: exported rows carry a field of that name"),
        ({"schema": "nowhere:Model"}, 2, "schema: cannot import 'nowhere'"),
        ({"descriptions": {"stranger": "x"}}, 2, "descriptions.stranger: not among the targets"),
        ({"seeds": 5}, 2, "how many real rows a prompt shows is `seeds` under `prompt`"),
        ({"seeds": {"entities": ["PERSON"]}}, 2, "job.yaml: seeds: pii: there is no pattern for PERSON"),
        ({"budget": {"max_usd": 1}}, 2, "the price of model 'sim'"),
        ({"model": {"api_key_env": "SYNTHGEN_TEST_KEY"}}, 2, "the environment variable SYNTHGEN_TEST_KEY"),
        ({"model": {"base_url": "ftp://x"}}, 2, "models[0].base_url: must start with http"),
        ({"language": "xx"}, 2, "language: Unknown language"),
        ({}, 3, "cannot be reached"),
    ],
)
def test_mistake_is_told_with_the_next_step(tmp_path: Path, changes: dict[str, Any], code: int, said: str) -> None:
    """Each mistake in a job is refused before anything is sent."""
    job = write_job(tmp_path, DEAD, **changes)
    found, message = refused(job, tmp_path / "out")
    assert found == code
    assert said in message


@pytest.mark.slow
def test_unknown_encoder_is_told_and_what_was_answered_is_kept(tmp_path: Path) -> None:
    """An encoder that cannot be loaded ends the run with exit 2; answers that came meanwhile are not lost."""
    with simulator() as server:
        job = write_job(tmp_path, server.base_url, encoder="./no-such-model", checks=[{"check": "duplicate"}])
        code, message = refused(job, tmp_path / "out")
        assert code == 2
        assert "encoder: './no-such-model' cannot be loaded" in message
        assert server.stats()["granted"] > 0
        write_job(tmp_path, server.base_url, encoder="hashing", checks=[{"check": "duplicate"}])
        assert synthgen("run", job, "--out", tmp_path / "out", "--quiet").returncode == 0
        assert server.stats()["repeats"] == 0, "what was in flight landed before the error was told"


def test_template_with_an_undefined_variable_names_its_line(tmp_path: Path) -> None:
    """The template's own line, before a run directory exists."""
    job = write_job(tmp_path, DEAD)
    (tmp_path / "plain.j2").write_text("one\ntwo {{ lable }}\n")
    code, message = refused(job, tmp_path / "out")
    assert code == 2
    assert "plain.j2:2: undefined variable 'lable'; did you mean 'label'?" in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("transport", ["http", "sdk"])
def test_wrong_key_and_unknown_model_stop_at_once(tmp_path: Path, transport: str) -> None:
    """A 401 or 404 is asked once for each request in flight, never again; the key is in no output."""
    with simulator("--api-key", "right", "--models", "known") as server:
        model = {"api_key_env": "SYNTHGEN_TEST_KEY", "transport": transport, "limits": {"max_concurrency": 4}}
        job = write_job(tmp_path, server.base_url, model=model)
        code, message = refused(job, tmp_path / "out", env={"SYNTHGEN_TEST_KEY": "wrong-and-secret"})
        assert code == 3
        assert "refuses the key" in message
        assert "wrong-and-secret" not in message
        assert server.stats()["received"] <= 8
        code, message = refused(job, tmp_path / "out", env={"SYNTHGEN_TEST_KEY": "right"})
        assert code == 3
        assert "look at `model`" in message
        write_job(tmp_path, server.base_url, model={**model, "model": "known"}, targets={"late": 10})
        done = synthgen(
            "run", job, "--out", tmp_path / "out", "--quiet", "--on-change", "keep", env={"SYNTHGEN_TEST_KEY": "right"}
        )
        assert done.returncode == 0, done.stderr


def test_template_that_fails_for_some_slots_only_stops_without_loss(tmp_path: Path) -> None:
    """A template that renders for most attributes and not for one: told with its line; no paid answer is lost."""
    with simulator("--latency-s", "0.05") as server:
        job = write_job(tmp_path, server.base_url, attributes={"tone": ["calm", "cross", "odd"]})
        text = (tmp_path / "plain.j2").read_text()
        (tmp_path / "plain.j2").write_text(text + "{% if attributes.tone == 'odd' %}{{ attributes.nope }}{% endif %}\n")
        code, message = refused(job, tmp_path / "out")
        assert code == 2
        assert "plain.j2:10: " in message
        (tmp_path / "plain.j2").write_text(text)
        done = synthgen("run", job, "--out", tmp_path / "out", "--quiet", "--on-change", "keep")
        assert done.returncode == 0, done.stderr
        assert server.stats()["repeats"] == 0


def test_data_without_a_usable_row_is_told(tmp_path: Path) -> None:
    """An empty file, and one with only a header."""
    job = write_job(tmp_path, DEAD)
    (tmp_path / "train.csv").write_text("")
    assert "the file is empty" in refused(job, tmp_path / "out")[1]
    (tmp_path / "train.csv").write_text("text,intent\n")
    assert "no usable row" in refused(job, tmp_path / "out")[1]


def test_strange_folder_is_left_alone(tmp_path: Path) -> None:
    """A folder that holds something else is refused with exit 4 and stays as it was."""
    job = write_job(tmp_path / "job", DEAD)
    strange = tmp_path / "strange"
    strange.mkdir()
    (strange / "thesis.txt").write_text("do not touch")
    code, message = refused(job, strange)
    assert code == 4
    assert "not empty and not a run (it holds thesis.txt" in message
    assert [p.name for p in strange.iterdir()] == ["thesis.txt"]


def test_commands_without_a_run_say_so(tmp_path: Path) -> None:
    """`status` and `export` of a folder that holds no run."""
    for command in (["status", tmp_path], ["export", tmp_path, "--output", tmp_path / "x.csv"]):
        done = synthgen(*command)
        assert done.returncode == 4
        assert "no run here" in done.stderr
