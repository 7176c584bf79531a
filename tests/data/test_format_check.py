"""A file of training examples is held against its format's rules, line by line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from synthgen.data.format_check import FormatReport, check_format, estimate_tokens
from synthgen.errors import JobError
from tests.scenarios.scene import synthgen

ASKED = {"role": "user", "content": "Name a prime."}
ANSWERED = {"role": "assistant", "content": "Seven."}


def chat(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"messages": list(messages or (ASKED, ANSWERED)), **more}


def good(count: int = 10) -> list[Any]:
    return [chat({"role": "user", "content": f"Name prime {i}."}, ANSWERED) for i in range(count)]


def check(tmp_path: Path, examples: list[Any], **settings: Any) -> FormatReport:
    path = tmp_path / "file.jsonl"
    path.write_text("".join(json.dumps(example) + "\n" for example in examples))
    return check_format(path, **settings)


def test_a_good_file_is_valid_and_counted(tmp_path: Path) -> None:
    """Systems, tools, weights, several turns and parts are all allowed; repeats and tokens are counted."""
    call = {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function", "function": {}}]}
    more = [
        chat({"role": "system", "content": "Be brief."}, ASKED, ANSWERED, ASKED, {**ANSWERED, "weight": 0}),
        chat(ASKED, call, {"role": "tool", "tool_call_id": "1", "content": "7"}, ANSWERED, tools=[{}]),
        chat({"role": "user", "content": [{"type": "text", "text": "Name a prime."}]}, ANSWERED),
    ]
    report = check(tmp_path, [*good(), *more, good()[0]])
    assert report.problems == ()
    assert report.is_valid
    assert (report.format, report.examples, report.duplicates) == ("openai-chat", 14, 1)
    assert report.longest[0] == 11
    assert report.tokens > 14 * 5


@pytest.mark.parametrize(
    ("example", "said"),
    [
        (["a list"], "is no JSON object"),
        ({"message": []}, "unknown key 'message'"),
        ({"messages": []}, "`messages` is missing, empty"),
        ({"messages": "hello"}, "no list"),
        (chat(ASKED, ANSWERED, id="r1:1"), "unknown key 'id'"),
        (chat(ASKED), "has no assistant message"),
        (chat(ASKED, ANSWERED, ASKED), "the last message is of role 'user'"),
        (chat(ANSWERED), "begins with the assistant"),
        (chat("hello", ANSWERED), "messages[0]: is no JSON object"),
        (chat({"role": "human", "content": "x"}, ANSWERED), "role 'human' is none of"),
        (chat({"role": ["user"], "content": "x"}, ANSWERED), "is none of"),
        (chat({"content": "x"}, ANSWERED), "role none"),
        (chat({"role": "user", "value": "x"}, ANSWERED), "unknown key 'value'"),
        (chat({"role": "user"}, ANSWERED), "has no `content`"),
        (chat(ASKED, {"role": "assistant", "content": " \n"}), "messages[1]: `content` is empty"),
        (chat(ASKED, {"role": "assistant", "content": None}), "`content` is null"),
        (chat(ASKED, {"role": "assistant", "content": {"a": 1}}), "`content` is an object"),
        (chat({"role": "user", "content": [{"text": "x"}]}, ANSWERED), "every part needs a `type`"),
        (chat({**ASKED, "weight": 1}, ANSWERED), "`weight` is 0 or 1, on an assistant message"),
        (chat(ASKED, {**ANSWERED, "weight": 0.5}), "`weight` is 0 or 1"),
    ],
)
def test_a_bad_example_is_told_with_its_line(tmp_path: Path, example: Any, said: str) -> None:
    """Each rule of OpenAI's chat fine-tuning, broken in the third line of a good file."""
    examples = good(12)
    examples[2] = example
    report = check(tmp_path, examples)
    assert not report.is_valid
    assert {problem.line for problem in report.problems} == {3}
    assert any(said in problem.text for problem in report.problems), report.problems


def test_lines_that_are_no_json_are_told(tmp_path: Path) -> None:
    """Broken JSON, an empty line in the middle, and a byte order mark; empty lines at the end are nothing."""
    lines = [json.dumps(example) for example in good(11)]
    lines[4] = lines[4][:-3]
    lines[6] = ""
    path = tmp_path / "f.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + "\n".join(lines).encode() + b"\n\n\n")
    report = check_format(path)
    assert [(p.line, p.text.split(":")[0]) for p in report.problems] == [
        (1, "begins with a byte order mark"),
        (5, "is no JSON"),
        (7, "is an empty line"),
    ]


def test_what_is_wrong_with_the_file_as_a_whole(tmp_path: Path) -> None:
    """Too few examples, an array instead of lines, nothing at all."""
    assert check(tmp_path, good(9)).of_file == ("9 examples: OpenAI wants at least 10",)
    assert check(tmp_path, good(10)).of_file == ()
    (tmp_path / "a.json").write_text(json.dumps(good(12)))
    assert "one JSON array" in check_format(tmp_path / "a.json").of_file[0]
    (tmp_path / "none.jsonl").write_text("")
    assert check_format(tmp_path / "none.jsonl", format="openai-chat").of_file == ("holds no example",)
    with pytest.raises(JobError, match="looks like none of"):
        check_format(tmp_path / "none.jsonl")
    with pytest.raises(JobError, match="cannot be read"):
        check_format(tmp_path / "absent.jsonl")


def test_an_example_longer_than_the_limit_is_told(tmp_path: Path) -> None:
    """By estimate: four ASCII letters a token, fewer in other scripts."""
    examples = good(11)
    examples[5] = chat({"role": "user", "content": "word " * 1000}, ANSWERED)
    (problem,) = check(tmp_path, examples, max_tokens=1000).problems
    assert problem.line == 6
    assert "1,2" in problem.text
    assert estimate_tokens(["知" * 300]) > estimate_tokens(["a" * 300]) * 2


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"instruction": "Add", "output": ""}, "`output` is empty"),
        ({"instruction": "Add"}, "has no `output`"),
        ({"instruction": ["Add"], "output": "3"}, "`instruction` is a list"),
        ({"instruction": "Add", "input": 3, "output": "3"}, "`input` is a number"),
        ({"instruction": "Add", "output": "3", "history": [["a"]]}, "`history` must be"),
        ({"instruction": "Add", "input": "", "output": "3", "history": [["a", "b"]], "id": "x"}, None),
    ],
)
def test_alpaca_rules(tmp_path: Path, row: dict[str, Any], said: str | None) -> None:
    """Instruction and output are texts that say something; further columns are nobody's business."""
    problems = [problem.text for problem in check(tmp_path, [row]).problems]
    assert problems == [] if said is None else any(said in problem for problem in problems)


@pytest.mark.parametrize(
    ("turns", "said"),
    [
        ([("human", "a"), ("gpt", "b")], None),
        ([("system", "s"), ("human", "a"), ("gpt", "b"), ("human", "c"), ("gpt", "d")], None),
        ([("human", "a"), ("function_call", "f"), ("observation", "o"), ("gpt", "b")], None),
        ([("gpt", "b")], "begins with gpt"),
        ([("human", "a")], "has no turn of gpt"),
        ([("human", "a"), ("gpt", "b"), ("human", "c")], "the last turn is from 'human'"),
        ([("human", "a"), ("human", "b"), ("gpt", "c")], "do not take turns"),
        ([("human", "a"), ("gpt", "b"), ("system", "s"), ("gpt", "c")], "a system turn stands first"),
        ([("human", ""), ("gpt", "b")], "`value` is empty"),
        ([("customer", "a"), ("gpt", "b")], "`from` is 'customer'"),
    ],
)
def test_sharegpt_rules(tmp_path: Path, turns: list[tuple[str, str]], said: str | None) -> None:
    """Human and gpt in turns, a system first or not at all, gpt last."""
    row = {"conversations": [{"from": who, "value": what} for who, what in turns]}
    problems = [problem.text for problem in check(tmp_path, [row]).problems]
    assert problems == [] if said is None else any(said in problem for problem in problems)


def test_an_array_is_read_with_its_lines(tmp_path: Path) -> None:
    """Rows of a JSON array are told by the line they begin on, also where the array breaks off."""
    path = tmp_path / "rows.json"
    path.write_text('[\n{"instruction": "a",\n "output": "b"},\n\n{"instruction": "c"},\n{"instruction": ')
    report = check_format(path)
    assert [(p.line, p.text.split(":")[0]) for p in report.problems] == [(5, "has no `output`"), (6, "is no JSON")]
    assert report.examples == 3


def test_command_exits_2_and_names_file_and_line(tmp_path: Path) -> None:
    """For a person on stdout, with `--json` as the last line; a good file exits 0."""
    path = tmp_path / "bad.jsonl"
    path.write_text("".join(json.dumps(e) + "\n" for e in [*good(), chat(ASKED)]))
    done = synthgen("check-format", path)
    assert done.returncode == 2
    assert f"{path}:11: has no assistant message" in done.stdout
    told = json.loads(synthgen("check-format", path, "--json").stdout.splitlines()[-1])
    assert told["problems"] == [{"line": 11, "problem": "has no assistant message: there is nothing to learn"}]
    path.write_text("".join(json.dumps(e) + "\n" for e in good()))
    assert synthgen("check-format", path, "--format", "openai-chat").returncode == 0
    absent = synthgen("check-format", tmp_path / "absent.jsonl")
    assert absent.returncode == 2
    assert "Traceback" not in absent.stderr
