"""What a recipe is unfit for is seen in the rows, and `plan` says so before anything is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from synthgen.recipes import find_recipe
from synthgen.recipes.fitness import doubts, looks_like_code
from tests.scenarios.scene import synthgen

MESSAGES = [f"I would like to know where my parcel number {n} is, it was to come on Monday" for n in range(20)]
SPANS = ['[{"start": 3, "end": 9, "label": "CITY"}]'] * 20


def told(recipe: str, texts: list[str], columns: dict[str, Any] | None = None, **options: Any) -> list[str]:
    found = find_recipe(recipe, base=Path(), blame="a test")
    chosen = {name: options.get(name, option.default) for name, option in found.options.items()}
    return doubts(found, texts, columns or {}, options=chosen)


@pytest.mark.parametrize("recipe", ["backtranslate", "backtranslate-llm", "translate", "paraphrase", "synonyms"])
def test_ordinary_messages_raise_no_doubt(recipe: str) -> None:
    """Messages with a class and other plain columns are what these recipes are for."""
    columns = {"tags": ["late, parcel"] * 20, "customer": ["17"] * 20, "note": [None] * 20}
    assert told(recipe, MESSAGES, columns) == []


@pytest.mark.parametrize("recipe", ["backtranslate", "backtranslate-llm", "translate", "paraphrase", "synonyms"])
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("Entities", "x"),
        ("marks", '[{"start": 3, "end": 9, "label": "CITY"}]'),
        ("marks", '[{"label": "CITY", "offset": 3, "length": 4}]'),
        ("marks", '[[3, 9, "CITY"]]'),
        ("tags", "O O B-CITY I-CITY O"),
        ("tags", '["O", "B-PER"]'),
    ],
)
def test_span_labels_in_another_column_are_seen(recipe: str, column: str, value: str) -> None:
    """By the column's name, or by what its values look like; the column and a value are named."""
    (warning,) = told(recipe, MESSAGES, {column: [value] * 20})
    assert f"column '{column}' marks spans, such as {value}" in warning


def test_marks_within_the_text_are_seen() -> None:
    """Links and tags round a word are labels too."""
    assert "20 of 20 rows hold marked spans" in told("paraphrase", ["Fly me to [Paris](city) on Monday"] * 20)[0]
    assert "hold marked spans" in told("synonyms", ["Fly me to <city>Paris</city> on Monday please"] * 20)[0]
    assert told("paraphrase", [*MESSAGES, "see [this](here)"]) == []


CODE = [
    "def total(rows):\n    return sum(rows)",
    "for (int i = 0; i < n; i++) {\n  total += i;\n}",
    "SELECT name FROM users WHERE id == 3;",
    "import json\n\nprint(json.dumps(rows))",
    "const x = rows.map(r => r.id);",
]


@pytest.mark.parametrize("text", CODE)
def test_code_is_seen(text: str) -> None:
    """In five languages."""
    assert looks_like_code(text)


@pytest.mark.parametrize(
    "text",
    [
        "Why was I charged twice (again)?",
        "Call me: 555-1234; or write",
        "from what I see, return my money :)",
        "Dear all,\n\nthe order = late.\nBest",
        "class is over, if you want to go -> go",
        "",
    ],
)
def test_messages_are_not_code(text: str) -> None:
    """One habit of programs in a message is none."""
    assert not looks_like_code(text)


def test_code_is_told_of_with_its_share() -> None:
    """From a tenth of the rows on; one row in a hundred bothers nobody."""
    assert "5 of 25 rows look like code" in told("paraphrase", MESSAGES + CODE)[0]
    assert told("paraphrase", MESSAGES * 5 + CODE[:1]) == []


def test_rows_in_another_language_are_seen() -> None:
    """The language is the recipe's, or the one that the job names."""
    spanish = ["Quiero saber dónde está mi paquete, tenía que llegar el lunes"] * 20
    assert "20 of 20 rows are not in the language that it works on (en)" in told("synonyms", spanish)[0]
    assert "(en)" in told("backtranslate", spanish)[0]
    assert told("backtranslate", spanish, language="es", pivot="en") == []
    assert told("localise", spanish, language="fr") == []


def test_plan_warns_of_unfit_rows(tmp_path: Path) -> None:
    """On the screen and as JSON, with exit code 0: it is a guess, and the job may still be meant."""
    rows = [{"text": text, "intent": "late", "slots": spans} for text, spans in zip(MESSAGES, SPANS, strict=True)]
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    job = {
        "name": "unfit",
        "recipe": "paraphrase",
        "data": {"train": "train.jsonl", "text": "text", "label": "intent"},
        "targets": {"late": 3},
        "models": [{"provider": "openai", "model": "m", "base_url": "http://127.0.0.1:9/v1"}],
    }
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(job))
    shown = synthgen("plan", tmp_path / "job.yaml", "--prompts", "0")
    assert shown.returncode == 0, shown.stderr
    assert "warning   column 'slots' marks spans" in shown.stdout
    as_json = json.loads(synthgen("plan", tmp_path / "job.yaml", "--json").stdout.splitlines()[-1])
    assert len(as_json["warnings"]) == 1
