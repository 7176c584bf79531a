"""What a run came to: rows judged by what was asked for, rates from the server's own clock."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.peers.protocol import prompt, read_task, write_rows
from bench.side_by_side.measured import Rows, Run, is_as_asked, moment_of, read_engine_rows, read_rows

GOOD = '{"items": [{"text": "late again"}]}'


def line(number: int, text: str) -> str:
    return json.dumps({"id": number, "text": text}) + "\n"


def test_rows_are_counted_by_their_number_and_malformed_ones_apart(tmp_path: Path) -> None:
    """A row twice is one row and one doubled; an answer that is not the JSON asked for is malformed; a line that a kill
    cut is no row."""
    output = tmp_path / "rows.jsonl"
    output.write_text(line(0, GOOD) + line(1, "sorry") + line(0, GOOD) + line(2, '{"items": [') + '{"id": 3, "te')
    assert read_rows(output) == Rows(kept=3, doubled=1, malformed=2)
    assert read_rows(tmp_path / "none.jsonl") == Rows(0, 0, 0)


@pytest.mark.parametrize(
    ("text", "is_good"),
    [
        (GOOD, True),
        ('{"items": []}', False),
        ('{"items": [{"text": " "}]}', False),
        ('{"items": ["late"]}', False),
        ("{'items': [{'text': 'late'}]}", False),
        ("```json\n" + GOOD + "\n```", False),
        ("[]", False),
        ("", False),
    ],
)
def test_an_answer_is_as_asked_or_it_is_not(text: str, is_good: bool) -> None:
    """Only JSON of the shape, as it stands, with words in every item."""
    assert is_as_asked(text) is is_good


def test_engine_rows_are_texts_and_json_left_in_one_is_malformed() -> None:
    """The engine exports the texts themselves: remains of the answer's JSON in one would be a row kept malformed."""
    rows = [{"id": "a", "text": "It's late."}, {"id": "b", "text": '{"items": [{"text": "x"'}, {"id": "c", "text": ""}]
    exported = "\n".join(json.dumps(row) for row in rows).encode()
    assert read_engine_rows(exported) == Rows(kept=3, doubled=0, malformed=2)


def test_rate_and_processor_time_are_of_the_answers_the_server_gave() -> None:
    """Answers granted over the seconds between first request and last answer; start-up is in neither figure."""
    run = Run("p", "100ms", 0, 100, 8, "done", 9.0, Rows(100, 0, 0), {"granted": 200}, asking_s=4.0, cpu_s=1.0)
    assert (run.per_s, run.cpu_ms) == (50.0, 5.0)
    never = Run("p", "100ms", 0, 100, 8, "failed", 9.0, Rows(0, 0, 0), {"granted": 0})
    assert (never.per_s, never.cpu_ms) == (0.0, 0.0)


def test_a_task_is_read_from_the_command_line_and_its_rows_are_written_whole(tmp_path: Path) -> None:
    """What every peer's script is given; a row without an answer is left out."""
    output = tmp_path / "rows.jsonl"
    task = read_task(["http://127.0.0.1:1/v1", "3", "2", str(output), "--validated", "--timeout-s", "5"])
    assert (task.rows, task.in_flight, task.is_validated, task.is_resumable, task.timeout_s) == (3, 2, True, False, 5.0)
    assert task.state.is_dir()
    assert write_rows(task, [(0, GOOD), (1, None), (2, "x")]) == 2
    assert [json.loads(said)["id"] for said in output.read_text().splitlines()] == [0, 2]
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["rows.jsonl"]


def test_no_two_rows_have_the_same_prompt() -> None:
    """A peer's cache must not answer one row with another's answer."""
    assert len({prompt(number) for number in range(500)}) == 500


def test_moment_of_a_share_lies_between_two_looks() -> None:
    """The last straggler does not decide when 95 % were there."""
    looks = [(1.0, 0), (2.0, 100), (3.0, 190), (40.0, 200)]
    assert moment_of(0.95, looks) == pytest.approx(3.0)
    assert moment_of(0.25, looks) == pytest.approx(1.5)
    assert moment_of(1.0, looks) == pytest.approx(40.0)
    assert moment_of(0.95, []) is None
    assert moment_of(0.95, [(1.0, 0)]) is None
    served = {"granted": 200}
    run = Run("p", "tail", 0, 200, 8, "done", 9.0, Rows(200, 0, 0), served, asking_s=2.0, counted_ratio=0.95)
    assert run.per_s == 95.0
