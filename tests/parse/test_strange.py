"""Answers as servers and small models give them: read where there is one reading, named for what they are elsewhere."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgen.job import FieldSpec
from synthgen.parse import item_model, parse_answer
from synthgen.parse.scan import MAX_MARKS
from synthgen.records import OutputKind, Reason
from tests.parse.test_answer import RICH, TEXT, parse, reasons_of, texts_of

ROW = '{"items": [{"text": "Where is it?"}]}'
DRAFT = '{"items": [{"text": "a draft of the thoughts"}]}'


@pytest.mark.parametrize(
    "text",
    [
        f"<|channel|>analysis<|message|>They want {DRAFT}<|end|><|start|>assistant<|channel|>final<|message|>{ROW}",
        f"<|channel|>analysis<|message|>{DRAFT}<|end|><|start|>assistant<|channel|>final <|constrain|>json<|message|>{ROW}<|return|>",
        f"<THINK>{DRAFT}</Think>{ROW}",
        f"<think >{DRAFT}</think >\n{ROW}",
        f"[THINK]{DRAFT}[/THINK]{ROW}",
        f"◁think▷{DRAFT}◁/think▷{ROW}",
        f"<seed:think>{DRAFT}</seed:think>{ROW}",
        f"<|START_THINKING|>{DRAFT}<|END_THINKING|>{ROW}",
        f"<thought>{DRAFT}</thought><reflection>{DRAFT}</reflection>{ROW}",
        f"they ask, so</THINK>{ROW}",
        json.dumps(ROW),
        json.dumps(json.dumps(ROW)),
        '{"items": [{"Text": "Where is it?"}]}',
        '{"items": [{"TEXT ": "Where is it?", "Label": "late"}]}',
        '{"data": {"items": [{"text": "Where is it?"}]}}',
        '{"response": {"result": {"items": [{"text": "Where is it?"}]}}}',
        '{"items": [{"item": {"text": "Where is it?"}}]}',
        '{"items": [{"text": "Where is it?<|im_end|>"}]}',
        '{"items": [{"text": "Where is it?</s> <|eot_id|>"}]}',
        f"{ROW}<|im_end|>",
        f"<s>{ROW}</s>",
        f"{ROW}\nuser\nOne more, please.\nassistant\n{DRAFT}",
        f"{ROW}<|im_start|>user\nOne more.<|im_end|><|im_start|>assistant\n{DRAFT}",
        f"{ROW}\n### Human:\nOne more.\n### Assistant:\n{DRAFT}",
        '{"items": [{"text": "string"}, {"text": "Where is it?"}]}',
        '{"items": [{"text": "Where is it?"}, {"text": "..."}]}',
    ],
)
def test_parse_answer_reads_what_servers_wrap_an_answer_in(text: str) -> None:
    """One row, whatever stands around it; no draft, no echo of the schema, nothing of an invented turn."""
    assert texts_of(parse(text)) == ["Where is it?"]


@pytest.mark.parametrize("output", ["text", "lines"])
def test_plain_text_loses_drafts_end_marks_and_an_invented_turn(output: OutputKind) -> None:
    """The same for what is asked for as text."""
    said = "<think>hm</think>Where is it?<|im_end|>\n<|im_start|>user\nOne more"
    assert texts_of(parse(said, output=output)) == ["Where is it?"]


@pytest.mark.parametrize(
    "text", ["<think>nothing but a draft {} [1]", f"<|channel|>analysis<|message|>{DRAFT}", f"[THINK]{DRAFT}"]
)
def test_an_answer_of_drafts_alone_holds_no_row(text: str) -> None:
    """A draft without an end is no answer."""
    assert texts_of(parse(text)) == []


def test_a_field_that_could_mean_two_is_left_alone() -> None:
    """There must be one reading."""
    two = item_model({"text": FieldSpec(), "due_date": FieldSpec(optional=True)})
    found = parse('{"items": [{"text": "a", "Due-Date": "x", "DUE DATE": "y"}]}', model=two)
    assert found.items[0].fields == {"text": "a", "due_date": None}
    assert reasons_of(parse('{"items": [{"Text": "a", "TEXT": "b"}]}')) == [Reason.INVALID]


def test_the_rules_of_the_version_before_read_as_it_did() -> None:
    """A run keeps the rules it began with."""
    for text, rows in (('{"items": [{"Text": "a"}]}', []), ('{"items": [{"text": "string"}]}', ["string"])):
        found = parse_answer(text, finish_reason="stop", output="json", model=TEXT, text_field="text", rules=1)
        assert texts_of(found) == rows


@pytest.mark.parametrize("depth", [10, 200, 254, 255, 300, 1_000, 1_024, 1_025, 10_000])
@pytest.mark.parametrize("shape", ["[{}]", '{{"items": [{}]}}', '{{"items": [{{"text": {}}}]}}', '{{"a": {}}}'])
@pytest.mark.parametrize("is_whole", [True, False])
def test_nesting_of_any_depth_is_a_rejection(depth: int, shape: str, is_whole: bool) -> None:
    """A small model in a loop writes brackets without end: a reason with an excerpt, never an exception."""
    for opener, closer in (("[", "]"), ('{"a":', "}")):
        text = shape.format(opener * depth + "1" + closer * (depth if is_whole else 0))
        answer = parse(text, model=RICH)
        assert answer.items
        assert all(item.rejection is not None for item in answer.items)
        json.dumps([item.rejection.evidence for item in answer.items if item.rejection])


@pytest.mark.parametrize(
    "text",
    [
        "[" * 1_000_000,
        "{" * 500_000 + "}" * 500_000,
        '{"a":' * 200_000,
        '["' * 300_000,
        "\n" * 999_999 + "x",
        " " * 999_990 + "<|im_end|",
        "<|channel|>" + "a" * 900_000,
        "<|channel|>a" * 80_000,
        "<think" + " " * 900_000,
        "</think" * 140_000,
        "\nuser" * 190_000,
        '{"items": ["a"]' + "\n \t" * 300_000,
        "<s>" * 300_000,
        "\\" * 900_000,
        "'" * 900_000,
        "[1]," * 200_000,
    ],
    ids=lambda text: ascii(text[:12]),
)
def test_a_million_characters_of_anything_are_read_in_one_pass(text: str) -> None:
    """What grew with the square of the length would stand here for hours."""
    for output in ("json", "text", "lines"):
        assert parse(text, output=output).items  # type: ignore[arg-type]


def test_sloppy_json_of_too_many_marks_is_not_looked_through() -> None:
    """The event loop stands still while an answer is read: there is a bound on the steps, and it is said."""
    answer = parse('{"items": [' + '{"text": "a",},' * (MAX_MARKS // 5))
    assert reasons_of(answer) == [Reason.MALFORMED]
    assert answer.items[0].rejection is not None
    assert "brackets" in answer.items[0].rejection.evidence["problems"][0]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["items", "text", "Text"]), inner),
)


@given(
    value=JSON,
    depth=st.integers(0, 300),
    cut=st.floats(0, 1),
    before=st.text(max_size=20) | st.sampled_from(["<think>", "```json\n", "<|channel|>final<|message|>"]),
    after=st.text(max_size=20) | st.sampled_from(["<|im_end|>", "\nuser\n", "```"]),
    output=st.sampled_from(["json", "text", "lines"]),
    finish_reason=st.sampled_from(["stop", "length"]),
)
def test_no_answer_raises(
    value: object, depth: int, cut: float, before: str, after: str, output: OutputKind, finish_reason: str
) -> None:
    """Any JSON at any depth, cut anywhere, with anything around it: items or reasons, and all of it can be stored."""
    body = "[" * depth + json.dumps(value) + "]" * depth
    text = before + body[: round(cut * len(body))] + after
    answer = parse(text, finish_reason=finish_reason, output=output, model=RICH)
    assert answer.items
    for item in answer.items:
        json.dumps(item.fields).encode()
        assert item.rejection is not None or item.fields["text"]
