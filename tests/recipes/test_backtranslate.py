"""Recipes `backtranslate` and `backtranslate-llm`: there and back, and only what came back in other words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from synthgen.api import load_prepared, rows
from synthgen.checks.label import LabelCheck
from synthgen.errors import JobError
from tests.recipes.translators import install_translator, translating_model
from tests.scenarios.scene import run_here, write_rows

NO_VECTORS = [{"check": "duplicate", "near": False, "real": "exact"}, {"check": "leakage", "near": False}]


def write(folder: Path, **changes: Any) -> Path:
    if not (folder / "train.csv").exists():
        write_rows(folder / "train.csv", labels={"late": 30})
    job: dict[str, Any] = {
        "name": "back",
        "recipe": "backtranslate",
        "data": {"train": "train.csv", "text": "text", "label": "intent"},
        "targets": {"late": 10},
        "checks": NO_VECTORS,
        **changes,
    }
    path = folder / "job.yaml"
    path.write_text(yaml.safe_dump(job, sort_keys=False))
    return path


def apertium(folder: Path, *route: str) -> dict[str, Any]:
    return {"provider": "apertium", "model": str(folder), "params": {"route": list(route)}}


def rows_of(run: Path) -> list[dict[str, Any]]:
    return list(rows(run))


def test_rows_come_back_in_other_words_with_their_label(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each accepted row names its source, keeps its class and is not that text; what came back as it went is rejected
    as unchanged."""
    home = {"spa-eng": {"my parcel": "my package", "my card": "the card of mine", "my login": "my access"}}
    folder = install_translator(tmp_path / "apertium", monkeypatch, home)
    job = write(tmp_path, models=[apertium(folder, "en", "es", "en")], targets={"late": 5})
    result = run_here(job, tmp_path / "run")
    assert (result["exit"], result["accepted"]) == (0, {"late": 5})
    assert set(result["rejected"]) == {"unchanged"}
    lines = (tmp_path / "train.csv").read_text().splitlines()[1:]
    sources = {f"train:{n}": line.rpartition(",")[0] for n, line in enumerate(lines, 1)}
    for row in rows_of(tmp_path / "run"):
        assert row["text"] != sources[row["provenance"]["source"]]
        assert row["intent"] == "late"


def test_translator_that_changes_nothing_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No row, and an end with figures instead of an endless run: exit 6."""
    folder = install_translator(tmp_path / "apertium", monkeypatch, {})
    job = write(tmp_path, models=[apertium(folder, "en", "es", "en")], starvation={"patience": 20})
    result = run_here(job, tmp_path / "run")
    assert (result["exit"], result["accepted"]) == (6, {"late": 0})
    assert "stalled: 0 of 10 rows" in result["reason"]


def test_routes_of_a_job_give_versions_of_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two routes, two versions: the second route's words stand in the rows too, and no row comes twice."""
    words: Mapping[str, Mapping[str, str]] = {
        "spa-eng": {"my ": "the "},
        "eng-spa": {"number": "numero"},
        "fr-es": {"number": "numero"},
    }
    folder = install_translator(tmp_path / "apertium", monkeypatch, words)
    (folder / "modes/es-fr.mode").write_text("lt-proc -z 'es-fr'")
    models = [apertium(folder, "en", "es", "en"), apertium(folder, "en", "es", "fr", "es", "en")]
    result = run_here(write(tmp_path, models=models, targets={"late": 20}), tmp_path / "run")
    assert result["exit"] == 0
    texts = [row["text"] for row in rows_of(tmp_path / "run")]
    assert len(set(texts)) == 20


def test_rows_in_the_wrong_language_are_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What did not come back to the rows' language is none of them."""
    spanish = {"my ": "quiero saber por qué todavía no ha llegado nada de mi ", " about the ": " y de la otra "}
    folder = install_translator(tmp_path / "apertium", monkeypatch, {"eng-spa": spanish})
    job = write(tmp_path, models=[apertium(folder, "en", "es", "en")], starvation={"patience": 10})
    result = run_here(job, tmp_path / "run")
    assert result["exit"] == 6
    assert set(result["rejected"]) == {"language"}


def test_job_without_models_goes_through_the_pivot_of_its_options(tmp_path: Path) -> None:
    """The recipe brings the translator, and the options its route."""
    prepared = load_prepared(write(tmp_path, options={"language": "es", "pivot": "fr"}))
    (endpoint,) = prepared.groups[0].endpoints
    assert (endpoint.provider, endpoint.params["route"]) == ("apertium", ["es", "fr", "es"])
    assert prepared.check(LabelCheck) is None
    assert load_prepared(write(tmp_path, options={"verify_label": True})).check(LabelCheck) is not None


@pytest.mark.parametrize("recipe", ["backtranslate", "translate"])
def test_missing_translator_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: str) -> None:
    """A mistake of the user's machine, with the one line to type."""
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.delenv("APERTIUM_DATADIR", raising=False)
    with pytest.raises(JobError, match="not installed") as caught:
        run_here(write(tmp_path, recipe=recipe), tmp_path / "run")
    assert "apt-get install apertium" in (caught.value.hint or "")


THERE = "Mi paquete sigue sin llegar y nadie me dice dónde está"
BACK = "My package has still not arrived, and nobody tells me where it is"
SAME = "my card about the receipt number 1 is late"


def test_language_model_goes_there_and_back(tmp_path: Path) -> None:
    """Two stages: the way there must be in the pivot's language, the way back in the rows', and a row that came back
    as it went is an exact copy of a real one."""
    (tmp_path / "train.csv").write_text(
        f"text,intent\nMy parcel is not here yet and nobody says where it is,late\n{SAME},late\n"
    )
    words = {
        'Translate from "en" to "es"': THERE,
        'Translate from "es" to "en"': BACK,
    }
    with translating_model(words) as url:
        model = {"provider": "openai", "model": "m", "base_url": url}
        job = write(tmp_path, recipe="backtranslate-llm", models=[model], targets={"late": 1})
        result = run_here(job, tmp_path / "run")
    assert (result["exit"], result["accepted"]) == (0, {"late": 1})
    (row,) = rows_of(tmp_path / "run")
    assert row["text"] == BACK


def test_language_model_that_brings_back_the_row_is_turned_down(tmp_path: Path) -> None:
    """The real row in the same words is an exact duplicate; the run says so and stops."""
    source = "My parcel is not here yet and nobody says where it is"
    (tmp_path / "train.csv").write_text(f"text,intent\n{source},late\n")
    with translating_model({'Translate from "en"': THERE, 'Translate from "es"': f"{source}."}) as url:
        model = {"provider": "openai", "model": "m", "base_url": url}
        job = write(
            tmp_path, recipe="backtranslate-llm", models=[model], targets={"late": 1}, starvation={"patience": 3}
        )
        result = run_here(job, tmp_path / "run")
    assert result["exit"] == 6
    assert result["accepted"] == {"late": 0}
    assert set(result["rejected"]) == {"exact_duplicate"}, result


def test_language_model_that_does_not_translate_is_turned_down(tmp_path: Path) -> None:
    """An answer in English on the way to Spanish is rejected there, and never asked back."""
    with translating_model({"my ": "I would like to know where my parcel has been all this time"}) as url:
        model = {"provider": "openai", "model": "m", "base_url": url}
        job = write(tmp_path, recipe="backtranslate-llm", models=[model], starvation={"patience": 5})
        result = run_here(job, tmp_path / "run")
    assert result["exit"] == 6
    assert set(result["rejected"]) == {"language"}
