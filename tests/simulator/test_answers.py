"""Answers: pure, valid for what was asked, varied, and spoilt on demand."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest

from synthgen.simulator import SimulatorSettings
from synthgen.simulator.answers import ModelAnswer, request_key, write_answer
from synthgen.simulator.dice import Dice
from synthgen.simulator.schema import SchemaWriter
from synthgen.simulator.sentences import write_message

TEXTS = {
    "type": "object",
    "properties": {"items": {"type": "array", "items": {"type": "object", "properties": {"text": {"type": "string"}}}}},
}


def ask(prompt: str, *, schema: Any = TEXTS, is_chat: bool = True, body: Any = None, **settings: Any) -> ModelAnswer:
    told = SimulatorSettings(**settings)
    asked: dict[str, Any] = {"messages": [{"role": "user", "content": prompt}]} if is_chat else {"prompt": prompt}
    asked |= body or {}
    if schema is not None and is_chat:
        asked["response_format"] = {"type": "json_schema", "json_schema": {"schema": schema}}
    return write_answer(told, asked, request_key(told.seed, asked, is_chat=is_chat), is_chat=is_chat)


def texts_of(answer: ModelAnswer) -> list[str]:
    return [item["text"] for item in orjson.loads(answer.text)["items"]]


def test_answer_is_the_same_for_ever() -> None:
    """The words depend on seed and prompt alone: a change of this text would change every recorded rehearsal."""
    assert texts_of(ask("Write 1 message.")) == [PINNED]


def test_answer_depends_on_prompt_request_seed_and_settings_seed() -> None:
    """Each of the three alone gives another answer."""
    answers = [
        ask("Write 2 messages."),
        ask("Write 2 messages!"),
        ask("Write 2 messages.", body={"seed": 1}),
        ask("Write 2 messages.", seed=1),
    ]
    assert len({a.text for a in answers}) == 4


def test_answer_ignores_sampling_parameters() -> None:
    """Temperature and model do not change what is said."""
    assert ask("Write 2.", body={"temperature": 0.1, "model": "x"}) == ask("Write 2.", body={"model": "y"})


@pytest.mark.parametrize(
    ("prompt", "count"),
    [
        ("Write 7 messages.", 7),
        ("Please generate exactly 12 short texts", 12),
        ("Write three new examples of it.", 3),
        ("Write messages of 20 characters.", 5),
        ("Write messages, each 10 to 30 words long.", 5),
        ("Real messages:\n- Please help me make 300 pounds\n- Card lost. Give me 20 back\n\nWrite 4 new messages.", 4),
        ("You will be asked to write 6 messages.", 6),
        ("Say something.", 5),
    ],
)
def test_answer_counts_the_items_asked_for(prompt: str, count: int) -> None:
    """The number in the prompt, or the default where it asks for none."""
    assert len(texts_of(ask(prompt))) == count


def test_answer_without_schema_takes_the_shape_the_prompt_names() -> None:
    """JSON, lines or one text; one line and a newline for a text to continue."""
    assert len(texts_of(ask("Write 3 messages as JSON.", schema=None))) == 3
    assert len(ask("Write 3 messages, one per line.", schema=None).text.splitlines()) == 3
    assert "\n" not in ask("Write a message.", schema=None).text
    assert re.fullmatch(r"[^\n]+\n", ask("- one\n- two\n-", is_chat=False).text)


@pytest.mark.parametrize("prompt", ["Say it again, harder. Answer with JSON, exactly 1 item.", "JSON, exactly 3 items"])
def test_answer_has_exactly_the_items_it_is_told(prompt: str) -> None:
    """A count of items told with "exactly" goes before anything else the words may say."""
    wanted = int(re.findall(r"\d", prompt)[0])
    assert len(orjson.loads(ask(f"Write a harder version in 30 words. {prompt}").text)["items"]) == wanted


def test_answer_respects_max_tokens_and_stop() -> None:
    """Too many tokens cut the text with finish_reason length; a stop string ends it with stop."""
    cut = ask("Write 5.", body={"max_tokens": 10})
    assert (cut.finish_reason, len(cut.text), cut.output_tokens) == ("length", 40, 10)
    stopped = ask("- a\n-", is_chat=False, body={"stop": ["\n"]})
    assert stopped.finish_reason == "stop"
    assert not stopped.text.endswith("\n")


def test_answer_fits_an_arbitrary_schema() -> None:
    """Nested objects, references, enums, bounds, formats and choices are honoured."""
    schema = {
        "$defs": {"tag": {"enum": ["a", "b"]}},
        "type": "object",
        "required": ["extra"],
        "properties": {
            "tag": {"$ref": "#/$defs/tag"},
            "score": {"type": "integer", "minimum": 3, "maximum": 5},
            "ratio": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            "short": {"type": "string", "minLength": 5, "maxLength": 12},
            "long": {"type": "string", "minLength": 300},
            "code": {"type": "string", "pattern": r"^[A-Z]{2}\d{3}$"},
            "when": {"type": "string", "format": "date"},
            "flag": {"type": ["boolean", "null"]},
            "choice": {"anyOf": [{"type": "null"}, {"const": 7}]},
            "list": {"type": "array", "minItems": 2, "maxItems": 3, "items": {"type": "integer"}},
            "both": {"allOf": [{"type": "object", "properties": {"x": {"type": "boolean"}}}]},
        },
    }
    for n in range(50):
        value = SchemaWriter(schema, Dice(str(n).encode()), 5, lambda: "Where is my order from Lyon?").write()
        assert value["tag"] in ("a", "b")
        assert value["score"] in (3, 4, 5)
        assert 0 < value["ratio"] < 1
        assert 5 <= len(value["short"]) <= 12
        assert len(value["long"]) >= 300
        assert re.fullmatch(r"[A-Z]{2}\d{3}", value["code"])
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", value["when"])
        assert isinstance(value["flag"], bool)
        assert value["choice"] == 7
        assert 2 <= len(value["list"]) <= 3
        assert isinstance(value["both"]["x"], bool)
        assert value["extra"]


def test_answer_ends_on_a_schema_that_contains_itself() -> None:
    """A recursive schema gives a finite value."""
    schema = {"type": "object", "properties": {"child": {"anyOf": [{"type": "null"}, {"$ref": "#"}]}}}
    assert ask("Write 1.", schema=schema).text.startswith('{"child"')


@pytest.mark.parametrize("ratio_name", ["malformed_ratio", "refusal_ratio", "truncated_ratio", "filtered_ratio"])
def test_answer_faults_come_at_their_rate(ratio_name: str) -> None:
    """About the share that was asked for is spoilt, each in its own way, and the rest is whole."""
    spoilt_by: dict[str, Any] = {ratio_name: 0.2}
    answers = [ask(f"Write 2 about {n}.", **spoilt_by) for n in range(1000)]
    spoilt = {
        "malformed_ratio": [a for a in answers if a.finish_reason == "stop" and not _is_json(a.text)],
        "refusal_ratio": [a for a in answers if re.search(r"AI language model|can't assist", a.text)],
        "truncated_ratio": [a for a in answers if a.finish_reason == "length" and not _is_json(a.text)],
        "filtered_ratio": [a for a in answers if a.finish_reason == "content_filter" and a.text == ""],
    }[ratio_name]
    assert 150 < len(spoilt) < 250
    assert all(_is_json(a.text) for a in answers if a not in spoilt)


def test_answer_duplicates_come_at_their_rate() -> None:
    """About the share of items that was asked for repeats a text of the same class; another class has others."""
    texts = [t for n in range(400) for t in texts_of(ask(f"Write 5. class: refund\nsample {n}", duplicate_ratio=0.3))]
    assert 0.25 < 1 - len(set(texts)) / len(texts) < 0.35
    other = [t for n in range(400) for t in texts_of(ask(f"Write 5. class: card\nsample {n}", duplicate_ratio=0.3))]
    assert not set(texts) & set(other)


def test_messages_are_varied_and_of_sensible_length() -> None:
    """Among 5,000 messages hardly one comes twice; all have 20 to 160 characters and no unfilled name."""
    texts = [write_message(Dice(str(n).encode())) for n in range(5000)]
    assert len(set(texts)) >= 4998
    assert all(20 <= len(t) <= 160 for t in texts)
    assert not [t for t in texts if re.search(r"\b(NOUN|CITY|PART|TIME|_UP)\b|[\[\]{}<>]|%s", t)]


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


PINNED = (
    "Evening all, it went to my old address in Aarhus, and my cordless lunch box is for Rosa's flat in Malmo, "
    "how long does a repair take?"
)
