"""Recipe `synonyms`: copies in other words, the same ones at any concurrency, none of them a real row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from synthgen.api import load_prepared, rows
from synthgen.augment.synonyms.wordnet import has_wordnet
from synthgen.checks.label import LabelCheck
from synthgen.errors import JobError
from synthgen.text import normalise
from tests.scenarios.scene import run_here

needs_wordnet = pytest.mark.skipif(not has_wordnet(), reason="no WordNet data here")
TEXTS = [
    "I want to buy a phone, where can I see the shops?",
    "How do I purchase a ticket for the children?",
    "Can you help me, I need to cancel the order",
    "I think the answer was wrong",
    "Somebody took my phone and I need to get it back",
    "PIN 4711",
]


def write(folder: Path, **changes: Any) -> Path:
    lines = [json.dumps({"text": text, "kind": "ask"}) for text in TEXTS]
    (folder / "train.jsonl").write_text("\n".join(lines))
    job: dict[str, Any] = {
        "name": "words",
        "recipe": "synonyms",
        "data": {"train": "train.jsonl", "text": "text", "label": "kind"},
        "targets": {"ask": 20},
        **changes,
    }
    path = folder / "job.yaml"
    path.write_text(yaml.safe_dump(job, sort_keys=False))
    return path


@needs_wordnet
def test_synonyms_exports_are_equal_at_any_concurrency(tmp_path: Path) -> None:
    """One row at a time or eight: the same rows, byte for byte; none equals a real row or another; a row that cannot
    be changed is rejected as such."""
    made = []
    for places in (1, 8):
        models = [{"provider": "synonyms", "limits": {"max_concurrency": places}}]
        result = run_here(write(tmp_path, models=models), tmp_path / str(places))
        assert (result["exit"], result["accepted"]) == (0, {"ask": 20})
        assert result["rejected"]["unchanged"] > 0
        made.append(json.dumps(list(rows(tmp_path / str(places)))))
    assert made[0] == made[1]
    texts = [normalise(row["text"]) for row in json.loads(made[0])]
    assert len({*texts, *map(normalise, TEXTS)}) == 20 + len(TEXTS)


@needs_wordnet
def test_synonyms_stop_where_the_words_are_used_up(tmp_path: Path) -> None:
    """A text has so many copies and no more: what there is stays, and the class is given up with figures."""
    job = write(tmp_path, targets={"ask": 5000}, starvation={"patience": 40, "min_yield_ratio": 0.2})
    result = run_here(job, tmp_path / "run")
    assert result["exit"] == 6
    assert 10 < result["accepted"]["ask"] < 5000
    assert "stalled" in result["reason"]


def test_options_reach_the_provider(tmp_path: Path) -> None:
    """Every option of the recipe is a parameter of each request, and changes the slot's id."""
    chosen = {
        "n": 2,
        "ratio": 0.5,
        "insert": 0.1,
        "swap": 0.1,
        "delete": 0.1,
        "keep": ["phone"],
        "phrases": False,
        "guard": 0.9,
    }
    slots = [load_prepared(write(tmp_path, options=options)).slot_maker().make("ask", 0) for options in ({}, chosen)]
    assert {name: slots[1].request.params[name] for name in chosen} == chosen
    assert slots[0].id != slots[1].id


def test_label_verification_is_the_jobs_choice(tmp_path: Path) -> None:
    """Off as the recipe stands; on by its option."""
    assert load_prepared(write(tmp_path)).check(LabelCheck) is None
    assert load_prepared(write(tmp_path, options={"verify_label": True})).check(LabelCheck) is not None


def test_missing_wordnet_says_what_to_install(tmp_path: Path) -> None:
    """A folder without the data is named; nothing is asked."""
    job = write(tmp_path, models=[{"provider": "synonyms", "params": {"wordnet": str(tmp_path)}}])
    with pytest.raises(JobError, match="holds no WordNet") as caught:
        run_here(job, tmp_path / "run")
    assert caught.value.hint
