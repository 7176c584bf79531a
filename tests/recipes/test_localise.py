"""Recipe `localise`: messages that sound native, with notes on the language, in that language or not at all."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from synthgen.api import load_prepared
from synthgen.checks.language import LanguageCheck
from synthgen.data.prompts import prompts_dir
from synthgen.errors import JobError
from tests.recipes.translators import translating_model
from tests.scenarios.scene import run_here, write_rows

CHECKS = [{"check": "duplicate", "near": False}, {"check": "leakage", "near": False}]
NOTED = ["es", "fr", "de", "pt", "it", "nl", "pl", "ja", "zh", "hi", "ar"]


def write(folder: Path, base_url: str = "http://127.0.0.1:9/v1", **changes: Any) -> Path:
    write_rows(folder / "train.csv", labels={"late": 12, "lost": 8})
    job: dict[str, Any] = {
        "name": "native",
        "recipe": "localise",
        "options": {"language": "es", "region": "Mexico"},
        "data": {"train": "train.csv", "text": "text", "label": "intent"},
        "targets": {"late": 2},
        "models": [{"provider": "openai", "model": "sim", "base_url": base_url}],
        "checks": CHECKS,
        **changes,
    }
    path = folder / "job.yaml"
    path.write_text(yaml.safe_dump(job, sort_keys=False))
    return path


def prompt_of(job: Path) -> str:
    slot = load_prepared(job).slot_maker().make("late", 0)
    return "\n".join(message.content for message in slot.request.prompt.messages)


def items(*texts: str) -> str:
    return json.dumps({"items": [{"text": text} for text in texts]})


def test_rows_in_another_language_are_rejected_and_refilled(tmp_path: Path) -> None:
    """Of an answer in two languages only the rows in the one asked for are taken."""
    said = items(
        "Oigan, mi paquete iba a llegar el lunes y ni señas de él",
        "My parcel was to come on Monday and it is still not here",
        "¿Ya mero llega mi pedido? Llevo toda la semana esperando",
    )
    with translating_model({"": said}) as url:
        result = run_here(write(tmp_path, url), tmp_path / "run")
    assert (result["exit"], result["accepted"]) == (0, {"late": 2})
    assert result["rejected"] == {"language": 1}


def test_model_that_writes_english_is_stopped(tmp_path: Path) -> None:
    """No row, and an end with figures."""
    said = items("My parcel was to come on Monday and it is still not here", "Why is the parcel that I ordered so late")
    with translating_model({"": said}) as url:
        result = run_here(write(tmp_path, url, starvation={"patience": 5}), tmp_path / "run")
    assert (result["exit"], set(result["rejected"])) == (6, {"language"})


@pytest.mark.parametrize("language", NOTED)
def test_each_noted_language_has_all_its_notes(tmp_path: Path, language: str) -> None:
    """Address, writing, formats and what not to carry over, in the prompt of that language."""
    shown = prompt_of(write(tmp_path, options={"language": language}))
    notes = re.findall(r"^- (Address|Writing|Formats|Do not carry over): (.+)$", shown, re.MULTILINE)
    assert [name for name, _ in notes] == ["Address", "Writing", "Formats", "Do not carry over"]
    assert all(len(note) > 40 for _, note in notes)


def test_recipe_lists_the_languages_that_have_notes(tmp_path: Path) -> None:
    """What the option's description says is what the template holds."""
    template = (prompts_dir() / "localise/default.j2").read_text(encoding="utf-8")
    assert re.findall(r'^  "([a-z]{2})": \{', template, re.MULTILINE) == NOTED
    assert f"notes on {' '.join(NOTED)}" in (prompts_dir() / "localise/recipe.yaml").read_text(encoding="utf-8")


def test_prompt_says_region_class_and_seeds(tmp_path: Path) -> None:
    """The region, the class with its description, and real rows that may be in another language."""
    shown = prompt_of(write(tmp_path, descriptions={"late": "the parcel is late"}))
    assert "as it is written in Mexico" in shown
    assert "Class: late (the parcel is late)" in shown
    assert shown.count("number") >= 5
    assert "may be in another language" in shown


def test_language_without_notes_is_named_by_its_code(tmp_path: Path) -> None:
    """Any language that the check can tell may be asked for; the check is set to it."""
    job = write(tmp_path, options={"language": "sv"})
    assert 'the language "sv"' in prompt_of(job)
    assert load_prepared(job).check(LanguageCheck) == LanguageCheck(check="language", languages=["sv"])


@pytest.mark.parametrize("language", ["spanish", "xx", "es-MX"])
def test_language_that_is_none_is_refused(tmp_path: Path, language: str) -> None:
    """Before anything is asked, with what to write."""
    with pytest.raises(JobError, match="language") as caught:
        run_here(write(tmp_path, options={"language": language}), tmp_path / "run")
    assert "ISO 639-1" in str(caught.value)
