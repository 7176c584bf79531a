"""Recipe `translate`: every real row in another language, with its label."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from synthgen.api import load_prepared, rows
from tests.recipes.translators import install_translator, translating_model
from tests.scenarios.scene import run_here

ENGLISH = ["My parcel has not arrived yet", "The locker does not open with my code", "OK"]
SPANISH = {
    "My parcel has not arrived yet": "Mi paquete todavía no ha llegado a mi casa",
    "The locker does not open with my code": "El casillero no se abre con mi código",
}


def write(folder: Path, **changes: Any) -> Path:
    (folder / "train.csv").write_text("text,intent\n" + "".join(f"{text},late\n" for text in ENGLISH))
    job: dict[str, Any] = {
        "name": "bootstrap",
        "recipe": "translate",
        "data": {"train": "train.csv", "text": "text", "label": "intent"},
        "targets": {"late": 3},
        "encoder": "hashing",
        "starvation": {"patience": 6},
        **changes,
    }
    path = folder / "job.yaml"
    path.write_text(yaml.safe_dump(job, sort_keys=False))
    return path


def test_each_row_is_translated_once_and_keeps_its_label(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that the translator leaves as it is is rejected as unchanged; a second round of the same words is a copy;
    the run stops with what there is."""
    folder = install_translator(tmp_path / "apertium", monkeypatch, {"eng-spa": SPANISH})
    model = {"provider": "apertium", "model": str(folder), "params": {"pair": "en-es"}}
    result = run_here(write(tmp_path, models=[model]), tmp_path / "run")
    assert (result["exit"], result["accepted"]) == (6, {"late": 2})
    assert set(result["rejected"]) == {"unchanged", "exact_duplicate"}
    made = {row["text"]: row["intent"] for row in rows(tmp_path / "run")}
    assert made == dict.fromkeys(SPANISH.values(), "late")


def test_row_in_another_language_than_asked_for_is_rejected(tmp_path: Path) -> None:
    """A model that answers in English is caught by the language check; its prompt named both languages."""
    with translating_model({'from "en" to "es"': "My package is still not here and I am waiting for it"}) as url:
        models = [{"provider": "openai", "model": "m", "base_url": url}]
        job = write(tmp_path, models=models, prompt={"template": "translate/model.j2"})
        result = run_here(job, tmp_path / "run")
    assert (result["exit"], result["accepted"]) == (6, {"late": 0})
    assert set(result["rejected"]) == {"language"}


def test_languages_of_the_options_are_the_translators_route(tmp_path: Path) -> None:
    """A job that names no model gets Apertium for its pair."""
    prepared = load_prepared(write(tmp_path, options={"from": "fr", "language": "es"}))
    (endpoint,) = prepared.groups[0].endpoints
    assert (endpoint.provider, endpoint.params["route"]) == ("apertium", ["fr", "es"])
