"""The item model judges as the job file says; the answer schema stays in the subset every server takes."""

from __future__ import annotations

from enum import Enum
from typing import Any, Literal, Optional

import pytest
from pydantic import BaseModel, Field, ValidationError, create_model

from synthgen.errors import JobError
from synthgen.job import FieldSpec
from synthgen.parse import answer_schema, item_model

ALLOWED = {"type", "properties", "required", "additionalProperties", "items", "enum", "anyOf", "description"}


def keywords_of(node: Any) -> set[str]:
    """Every schema keyword used, property names left out."""
    if isinstance(node, list):
        return set().union(*map(keywords_of, node))
    if not isinstance(node, dict):
        return set()
    inner = [keywords_of(v) for k, v in node.items() if k != "properties"]
    inner += [keywords_of(v) for v in node.get("properties", {}).values()]
    return set(node).union(*inner)


def dump(model: type[BaseModel], value: dict[str, Any]) -> dict[str, Any]:
    return model.model_validate(value).model_dump(by_alias=True)


def test_item_model_strips_strings_and_ignores_extra_keys() -> None:
    """What a model adds around or beside the text does no harm."""
    model = item_model({"text": FieldSpec()})
    assert dump(model, {"text": "  hello \n", "confidence": 0.9}) == {"text": "hello"}


@pytest.mark.parametrize("text", ["", "   "])
def test_item_model_refuses_an_empty_required_string(text: str) -> None:
    """A blank row is no row, unless the job says that it may be empty."""
    with pytest.raises(ValidationError, match="at least 1 character"):
        item_model({"text": FieldSpec()}).model_validate({"text": text})
    assert dump(item_model({"text": FieldSpec(min_length=0)}), {"text": text}) == {"text": ""}


def test_item_model_takes_any_column_name() -> None:
    """Python's and pydantic's own words are ordinary column names."""
    names = ["class", "schema", "model_config", "copy", "my field", "_private", "json"]
    model = item_model({name: FieldSpec() for name in names})
    value = dict.fromkeys(names, "x")
    assert dump(model, value) == value
    properties = answer_schema(model)["properties"]["items"]["items"]["properties"]
    assert list(properties) == names


@pytest.mark.parametrize(
    ("spec", "good", "bad"),
    [
        (FieldSpec(type="int", ge=1, le=5), 5, 6),
        (FieldSpec(type="float", ge=0), 0.5, -0.5),
        (FieldSpec(type="float"), 1.5, float("nan")),
        (FieldSpec(type="bool"), True, "perhaps"),
        (FieldSpec(type=["yes", "no"]), " yes ", "maybe"),
        (FieldSpec(type="list[str]"), ["a", " b "], ["a", " "]),
        (FieldSpec(max_length=3), "abc", "abcd"),
        (FieldSpec(pattern=r"(?<=#)\d+"), "order #12", "order 12"),
        (FieldSpec(), "x", 3),
    ],
)
def test_item_model_judges_types_bounds_enums_and_patterns(spec: FieldSpec, good: Any, bad: Any) -> None:
    """Each word of a field's spec is a rule."""
    model = item_model({"field": spec})
    model.model_validate({"field": good})
    with pytest.raises(ValidationError):
        model.model_validate({"field": bad})
    with pytest.raises(ValidationError):
        model.model_validate({})


def test_item_model_optional_field_may_be_missing_or_null() -> None:
    """An optional field comes out as null, so that every row has the same columns."""
    model = item_model({"text": FieldSpec(), "note": FieldSpec(optional=True)})
    assert dump(model, {"text": "a"}) == dump(model, {"text": "a", "note": None}) == {"text": "a", "note": None}


def test_answer_schema_tells_bounds_in_words_only() -> None:
    """Bounded schemas make grammar servers ten times slower, so the description carries the bounds."""
    model = item_model(
        {
            "text": FieldSpec(description="The message.", min_length=10, max_length=200, pattern="card"),
            "stars": FieldSpec(type="int", ge=1, le=5, optional=True),
        }
    )
    schema = answer_schema(model, items=5)
    item = schema["properties"]["items"]["items"]
    assert keywords_of(schema) <= ALLOWED
    told = "The message. (at least 10 characters, at most 200 characters, matching card)"
    assert item["properties"]["text"] == {"type": "string", "description": told}
    stars = {"anyOf": [{"type": "integer", "description": "(at least 1, at most 5)"}, {"type": "null"}]}
    assert item["properties"]["stars"] == stars
    assert item["required"] == ["text", "stars"]
    assert schema["properties"]["items"]["description"] == "Exactly 5 items."


class Tone(Enum):
    calm = "calm"
    angry = "angry"


class Turn(BaseModel):
    role: Literal["user", "assistant"]
    text: str = Field(max_length=500)
    tags: list[str] = []


class Dialogue(BaseModel):
    """One talk."""

    text: str
    tone: Tone
    turns: list[Turn] = Field(min_length=1, max_length=9)
    best: Optional[Turn] = None  # noqa: UP045 the old spelling must work too
    kind: Literal["one"] = "one"
    score: int | float | None = Field(None, description="How good.")


def test_answer_schema_serves_users_own_models() -> None:
    """Nested models, lists, enums, literals and optionals stay in the subset; nothing refers elsewhere."""
    schema = answer_schema(Dialogue)
    item = schema["properties"]["items"]["items"]
    assert keywords_of(schema) <= ALLOWED
    assert item["description"] == "One talk."
    assert item["required"] == ["text", "tone", "turns", "best", "kind", "score"]
    assert item["properties"]["tone"]["enum"] == ["calm", "angry"]
    assert item["properties"]["score"]["description"] == "How good."
    turn = item["properties"]["turns"]["items"]
    assert turn["additionalProperties"] is False
    assert turn["required"] == ["role", "text", "tags"]
    assert item["properties"]["best"]["anyOf"] == [turn, {"type": "null"}]
    kind = item["properties"]["kind"]["anyOf"]
    assert kind == [{"type": "string", "enum": ["one"]}, {"type": "null"}]


class Tree(BaseModel):
    text: str
    left: Tree | None = None
    right: Tree | None = None


@pytest.mark.parametrize(
    ("model", "field"),
    [
        (Tree, "Tree.left"),
        (create_model("Free", text=(str, ...), meta=(dict[str, int], ...)), "Free.meta"),
        (create_model("Loose", text=(str, ...), meta=(Any, ...)), "Loose.meta"),
        (create_model("Pair", text=(str, ...), meta=(tuple[int, str], ...)), "Pair.meta"),
    ],
)
def test_answer_schema_refuses_what_no_strict_server_takes(model: type[BaseModel], field: str) -> None:
    """A schema that would only fail at the server fails here, naming the field."""
    with pytest.raises(JobError, match=field):
        answer_schema(model)
