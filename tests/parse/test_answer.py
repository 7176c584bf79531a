"""Every answer becomes items or reasons; none raises, none is silent, none invents a row."""

from __future__ import annotations

import json
import string
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, field_validator

from synthgen.job import FieldSpec
from synthgen.parse import ParsedAnswer, item_model, parse_answer
from synthgen.records import OutputKind, Reason

TEXT = item_model({"text": FieldSpec()})
RICH = item_model(
    {
        "text": FieldSpec(),
        "tags": FieldSpec(type="list[str]", optional=True),
        "stars": FieldSpec(type="int", ge=1, le=5, optional=True),
    }
)


def parse(
    text: str, *, finish_reason: str = "stop", output: OutputKind = "json", model: type[BaseModel] = TEXT
) -> ParsedAnswer:
    return parse_answer(text, finish_reason=finish_reason, output=output, model=model, text_field="text")


def texts_of(answer: ParsedAnswer) -> list[str]:
    return [item.fields["text"] for item in answer.items if item.rejection is None]


def reasons_of(answer: ParsedAnswer) -> list[Reason]:
    return [item.rejection.reason for item in answer.items if item.rejection is not None]


ITEMS = '{"items": [{"text": "Where is it?"}, {"text": "It\'s late."}]}'


@pytest.mark.parametrize(
    "text",
    [
        ITEMS,
        f"```json\n{ITEMS}\n```",
        f"Sure! Here are {{two}} items, as in [1]:\n\n{ITEMS}\n\nLet me know if you [want] more!",
        f'<think>Maybe {{"text": "no"}} or [1]?</think>\n{ITEMS}',
        f"so I answer</think>{ITEMS}",
        '[{"text": "Where is it?"}, {"text": "It\'s late."}]',
        '["Where is it?", "It\'s late."]',
        '{"items": ["Where is it?", "It\'s late."]}',
        '{"text": "Where is it?"}\n{"text": "It\'s late."}',
        'First:\n```json\n{"text": "Where is it?"}\n```\nSecond:\n```json\n{"text": "It\'s late."}\n```',
        '{"label": "late", "messages": [{"text": "Where is it?"}, {"text": "It\'s late."}]}',
        '[{"items": [{"text": "Where is it?"}, {"text": "It\'s late."}]}]',
        '{"items": [{"text": "Where is it?",}, {"text": "It\'s late."},],}',
        "{'items': [{'text': 'Where is it?'}, {'text': 'It's late.'}]}",
        "{items: [{text: \"Where is it?\"}, {text: 'It\\'s late.'}]}",
        '{"items": [ // two\n{"text": "Where is it?"}, # one\n/* two */ {"text": "It\'s late."}]}',
        '{"items": [{"text": "Where is it?"} {"text": "It\'s late."}]}',
        '{"items": [{"text": "Where is it?"}, {"text": "It\'s late."]',
        '{"items": [{"text": “Where is it?”}, {"text": “It\'s late.”}]}',
    ],
)
def test_parse_answer_reads_every_shape_models_write(text: str) -> None:
    """Fences, prose, thoughts, bare lists, lines, other names and sloppy JSON hold the same two items."""
    answer = parse(text)
    assert texts_of(answer) == ["Where is it?", "It's late."]
    assert len(answer.items) == 2
    assert answer.complaint is None


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ('He said "hi" to "me"', 'He said "hi" to "me"'),
        ('a 5" pipe', 'a 5" pipe'),
        ("two\nlines", "two\nlines"),
        ("caf\\u00e9 \\n C:\\dir", "café \n C:\\dir"),
        ("see http://x.y/#a {b} [c]", "see http://x.y/#a {b} [c]"),
        ("<think>kept</think>", "<think>kept</think>"),
    ],
)
def test_parse_answer_repairs_quotes_and_newlines_inside_a_string(raw: str, text: str) -> None:
    """A string keeps every word, and its neighbours are untouched."""
    answer = parse(f'{{"items": [{{"text": "{raw}"}}, {{"text": "next"}},]}}')
    assert texts_of(answer) == [text, "next"]


def test_parse_answer_one_bad_item_does_not_sink_its_neighbours() -> None:
    """Wrong, cut and good items of one answer are judged one by one."""
    answer = parse(
        '{"items": [{"text": "a"}, {"text": ""}, {"txt": "b"}, 7, {"text": "c", "stars": 9}, {"text": "d"}, '
        '{"text": "e',
        model=RICH,
    )
    assert texts_of(answer) == ["a", "d"]
    assert reasons_of(answer) == [Reason.INVALID, Reason.INVALID, Reason.INVALID, Reason.TRUNCATED]
    problems = [i.rejection.evidence["problems"] for i in answer.items if i.rejection]
    assert problems[2] == ["stars: Input should be less than or equal to 5"]
    assert answer.items[3].fields == {"text": "c", "stars": 9}
    assert answer.complaint is None


@pytest.mark.parametrize(
    "broken",
    [
        '{"text": "He said "hi", then left"}',
        '{"text": "Hi", he said"}',
        '{"text": "b" and: then, : }',
        '{"text": "b", "b" c, {}]}, []}',
        '"He said "hi" to "me", then left"',
    ],
)
def test_parse_answer_broken_beyond_repair_is_malformed_alone(broken: str) -> None:
    """Where a string ends is not guessed, since half of it would look whole; the neighbours stay."""
    answer = parse(f'{{"items": [{{"text": "a"}}, {broken}, {{"text": "c"}}]}}')
    assert texts_of(answer) == ["a", "c"]
    assert reasons_of(answer) == [Reason.MALFORMED]


@pytest.mark.parametrize("finish_reason", ["length", "stop"])
def test_parse_answer_cut_item_is_never_completed(finish_reason: str) -> None:
    """A half-sentence that looks whole would be worse than a rejection, whatever the server says of the end."""
    answer = parse('{"items": [{"text": "whole"}, {"text": "I would like to', finish_reason=finish_reason)
    assert texts_of(answer) == ["whole"]
    assert reasons_of(answer) == [Reason.TRUNCATED]
    assert answer.items[1].rejection is not None
    assert answer.items[1].rejection.evidence["excerpt"] == '{"text": "I would like to'


def test_parse_answer_cut_object_offers_no_list_as_items() -> None:
    """What else a cut object would have held is unknown, so its strings are not taken for rows."""
    assert texts_of(parse('{"thoughts": ["one", "two', finish_reason="length")) == []
    assert texts_of(parse('{"tags": ["one", "two', finish_reason="length", model=RICH)) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the answer is empty"),
        ("I cannot do that.", "the answer holds no JSON item"),
        ('{"items": []}', "the answer holds no JSON item"),
        ('{"items": [{"message": "hi"}]}', "text: Field required"),
        ("[1, 2]", "an item must be an object, not a number"),
    ],
)
def test_parse_answer_complains_where_nothing_is_usable(text: str, said: str) -> None:
    """A re-ask tells the model what was wrong and what is wanted; the answer itself is not silent either."""
    answer = parse(text)
    assert answer.complaint is not None
    assert said in answer.complaint
    assert '"text"' in answer.complaint
    assert reasons_of(answer)


@pytest.mark.parametrize("finish_reason", ["length", "content_filter", "max_tokens"])
def test_parse_answer_asks_no_more_where_it_cannot_help(finish_reason: str) -> None:
    """The same limit or filter would cut the next answer too."""
    answer = parse('{"items": [{"text": "a', finish_reason=finish_reason)
    assert answer.complaint is None
    assert reasons_of(answer) == [Reason.TRUNCATED]


def test_parse_answer_null_stands_for_a_default() -> None:
    """The schema makes every property required and nullable, so null means that the model left it out."""

    class Nullable(BaseModel):
        text: str
        stars: int | None

    class Defaulted(BaseModel):
        text: str
        tags: list[str] = []
        stars: int = 3

    assert parse('{"text": "a", "stars": null}', model=Nullable).items[0].fields == {"text": "a", "stars": None}
    fields = parse('{"text": "a", "tags": null, "stars": null}', model=Defaulted).items[0].fields
    assert fields == {"text": "a", "tags": [], "stars": 3}


def test_parse_answer_failing_user_validator_is_a_rejection() -> None:
    """Code of the user's model that meets text nobody foresaw must not end the run."""

    class Fragile(BaseModel):
        text: str

        @field_validator("text")
        @classmethod
        def _split(cls, value: str) -> str:
            return value.split(":")[1]

    answer = parse('["a: b", "c"]', model=Fragile)
    assert texts_of(answer) == ["b"]
    assert "IndexError" in str(answer.items[1].rejection)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("  Where is it? \n", "Where is it?"),
        ('"Where is it?"', "Where is it?"),
        ("“Where is it?”", "Where is it?"),
        ("'It's late, isn't it?'", "It's late, isn't it?"),
        ('"Yes" and "no"', '"Yes" and "no"'),
        ("```\nWhere is it?\n```", "Where is it?"),
        ("```text\nWhere\nis it?\n```", "Where\nis it?"),
        ("<think>hm</think>Where is it?", "Where is it?"),
        ('{"a": 1}', '{"a": 1}'),
    ],
)
def test_parse_answer_text_is_one_item(raw: str, text: str) -> None:
    """The whole answer is the row, less what wraps it."""
    answer = parse(raw, output="text")
    assert [i.fields for i in answer.items] == [{"text": text}]
    assert reasons_of(answer) == []


def test_parse_answer_text_cut_is_truncated() -> None:
    """A plain text that hit the length limit is not a row; its words stay readable."""
    answer = parse("Where is", output="text", finish_reason="length")
    assert reasons_of(answer) == [Reason.TRUNCATED]
    assert answer.items[0].fields == {"text": "Where is"}


def test_parse_answer_lines_are_items() -> None:
    """Numbers, bullets, quotes, fences and blank lines are not part of a row; prices and dates are."""
    raw = '```\n1. one\n2) two\n(3) three\n- four\n* "five"\n\n• six\n“seven”\n3.50 was charged\n10-12 people\n```'
    assert texts_of(parse(raw, output="lines")) == [
        *["one", "two", "three", "four", "five", "six", "seven"],
        *["3.50 was charged", "10-12 people"],
    ]


@pytest.mark.parametrize(("raw", "kept"), [("one\ntwo\nthr", ["one", "two"]), ("one\ntwo\n", ["one", "two"])])
def test_parse_answer_lines_drop_a_cut_last_line(raw: str, kept: list[str]) -> None:
    """The last line of a cut answer is no row, unless its newline was still written."""
    assert texts_of(parse(raw, output="lines", finish_reason="length")) == kept


def test_parse_answer_reads_one_million_characters_at_most() -> None:
    """A larger answer is refused whole, without looking inside, and is not asked for again."""
    answer = parse('["' + "x" * 10_000_000 + '"]')
    assert reasons_of(answer) == [Reason.MALFORMED]
    assert answer.complaint is None


HOSTILE = {
    "brackets": "[" * 100_000,
    "objects": '{"a":' * 100_000,
    "crossed": "{[" * 50_000 + "}]" * 50_000,
    "openings": '{"' * 100_000,
    "quotes": '{"a":"' + '" ' * 100_000,
    "spaces": '{"a":"' + '"' + " " * 200_000,
    "empty": "[" + "{}," * 20_000,
    "braces": ("{'a':" + "{1}" * 30 + "},") * 300,
    "thoughts": "<think></think>" * 20_000,
    "fences": "`" * 200_000,
    "nul": '{"text": "a\0b", "c": "\\u0000"}',
    "surrogates": '{"text": "a\ud800b"}',
    "escaped surrogate": '{"text": "\\ud800"}',
    "numbers": '{"text": "a", "stars": NaN, "n": 1e999, "m": ' + "9" * 5000 + "}",
    "twice": '{"text": "a", "text": "b"}',
    "deep": '{"text": "a", "x": ' + "[" * 500 + "]" * 500 + "}",
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("output", ["json", "text", "lines"])
def test_parse_answer_survives_hostile_text(name: str, output: OutputKind) -> None:
    """Bounded work, no exception, and nothing comes out that could not be stored."""
    for finish_reason in ("stop", "length"):
        answer = parse(HOSTILE[name], output=output, model=RICH, finish_reason=finish_reason)
        assert answer.items
        orjson.dumps([[i.fields, i.rejection.evidence if i.rejection else None] for i in answer.items])


anything = st.text(
    st.one_of(st.sampled_from("{}[]\"':,\\/#\n`“”-. 1a\0"), st.characters(), st.characters(categories=["Cs"])),
    max_size=60,
)
sloppy = st.lists(
    st.sampled_from(['{"text": "', '"}', '{"items": [', "]}", ", ", "'", '"', "\\", "hello", "\n", "// c", "`", "NaN"])
).map("".join)


@given(text=anything | sloppy, output=st.sampled_from(["json", "text", "lines"]), is_cut=st.booleans())
@settings(max_examples=400, deadline=None)
def test_parse_answer_never_raises_and_never_is_silent(text: str, output: OutputKind, is_cut: bool) -> None:
    """Any text at all gives items that can be stored, or reasons with evidence of bounded size."""
    answer = parse(text, output=output, model=RICH, finish_reason="length" if is_cut else "stop")
    assert answer.items
    for item in answer.items:
        orjson.dumps(item.fields)
        if item.rejection is not None:
            assert len(item.rejection.evidence["excerpt"]) <= 200
            orjson.dumps(item.rejection.evidence)
    is_any_good = any(item.rejection is None for item in answer.items)
    assert not (is_any_good and answer.complaint)


row_text = (
    st.text(
        st.one_of(
            st.sampled_from("{}[]\"':,\\/#\n “”-."), st.characters(exclude_categories=["Cs"], exclude_characters="\0")
        )
    )
    .map(str.strip)
    .filter(bool)
)
rows = st.lists(
    st.fixed_dictionaries(
        {"text": row_text},
        optional={"tags": st.lists(row_text, max_size=3), "stars": st.integers(1, 5)},
    ),
    min_size=1,
    max_size=5,
)


def written(value: list[dict[str, Any]], *, shape: str, indent: int | None, is_ascii: bool) -> str:
    def dumps(v: Any) -> str:
        return json.dumps(v, indent=indent, ensure_ascii=is_ascii)

    if shape == "lines":
        return "\n".join(dumps(row) for row in value)
    return dumps({"items": value} if shape == "object" else value)


writing = {
    "shape": st.sampled_from(["object", "list", "lines"]),
    "indent": st.sampled_from([None, 2]),
    "is_ascii": st.booleans(),
}


def full(row: dict[str, Any]) -> dict[str, Any]:
    return {"text": row["text"], "tags": row.get("tags"), "stars": row.get("stars")}


@given(value=rows, **writing)
@settings(deadline=None)
def test_parse_answer_valid_json_round_trips(
    value: list[dict[str, Any]], shape: str, indent: int | None, is_ascii: bool
) -> None:
    """n valid items come out as n items, unchanged and in order."""
    answer = parse(written(value, shape=shape, indent=indent, is_ascii=is_ascii), model=RICH)
    assert [item.fields for item in answer.items] == [full(row) for row in value]
    assert not reasons_of(answer)


@given(value=rows, cut=st.floats(0, 1), **writing)
@settings(max_examples=300, deadline=None)
def test_parse_answer_cut_anywhere_keeps_a_prefix_of_whole_items(
    value: list[dict[str, Any]], cut: float, shape: str, indent: int | None, is_ascii: bool
) -> None:
    """Cutting a valid answer loses items from its end, and never makes one that was not there whole."""
    text = written(value, shape=shape, indent=indent, is_ascii=is_ascii)
    answer = parse(text[: int(len(text) * cut)], model=RICH, finish_reason="length")
    kept = [item.fields for item in answer.items if item.rejection is None]
    assert kept == [full(row) for row in value][: len(kept)]
    assert set(reasons_of(answer)) <= {Reason.TRUNCATED}


@given(
    lines=st.lists(
        st.text(string.ascii_letters + " '?", min_size=1).map(str.strip).filter(lambda s: s.strip("'")), min_size=1
    ),
    cut=st.floats(0, 1),
)
@settings(deadline=None)
def test_parse_answer_cut_lines_keep_a_prefix(lines: list[str], cut: float) -> None:
    """The same promise for lines."""
    text = "\n".join(lines)
    whole = texts_of(parse(text, output="lines"))
    kept = texts_of(parse(text[: int(len(text) * cut)], output="lines", finish_reason="length"))
    assert kept == whole[: len(kept)]
