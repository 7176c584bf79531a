"""An answer goes through the steps of `STEPS`, in this order and through no others."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from synthgen.engine import pipeline
from synthgen.engine.asking.work import Call, Work
from synthgen.engine.judging.commit import Decided, Turn
from synthgen.engine.judging.evaluate import EvaluatedSlot, ParsedAnswers
from synthgen.engine.pipeline import STEPS, Step
from synthgen.journal import CommittedSlot, Journal
from synthgen.records import Completion
from tests.engine.virtual import Scene

RECIPE = """\
description: messages, and another way to say each
fit_for: tests
stages:
  - name: write
    kind: generate
    items: 2
    template: plain.j2
    checks: [{check: length, max_chars: 1000}]
  - name: reword
    kind: transform
    items: 1
    prompt: |
      ---
      output: json
      ---
      Say "{{ source.text }}" in another way, as {{ schema_hint }}
    checks: [{check: duplicate, near: false}]
"""
Trace = dict[str, list[str]]


def slot_ids(batch: Any) -> Iterator[str]:
    """Ids of the slots that a batch is about, whatever step it is before."""
    match batch:
        case Call():
            yield batch.work.slot.id
        case Work():
            yield batch.slot.id
        case Completion() | CommittedSlot():
            yield batch.slot_id
        case EvaluatedSlot():
            yield batch.slot.id
        case Turn() | Decided():
            yield batch.evaluated.slot.id
        case ParsedAnswers():
            yield from (slot.id for slot in batch.slots)
        case list() | tuple():
            for part in batch:
                yield from slot_ids(part)


def traced(trace: Trace, step: Step) -> Step:
    """A step that notes whom it worked on."""

    def work(line: pipeline.Pipeline, batch: Any) -> Any:
        for slot_id in dict.fromkeys(slot_ids(batch)):
            trace.setdefault(slot_id, []).append(step.name)
        return step.work(line, batch)

    return step._replace(work=work)


def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: Sequence[Step]) -> tuple[Scene, Trace]:
    trace: Trace = {}
    monkeypatch.setattr(pipeline, "STEPS", tuple(traced(trace, step) for step in steps))
    (tmp_path / "own.yaml").write_text(RECIPE)
    return Scene(tmp_path, {"a": {}}, rows=20, changes={"recipe": "own.yaml", "prompt": {"seeds": 2}}), trace


def test_answer_goes_through_the_steps_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a real run of two stages, each answer that brought rows is seen by each step once, in the order of `STEPS`;
    only what the last stage accepts is passed on to nobody."""
    scene, trace = play(tmp_path, monkeypatch, STEPS)
    assert scene.play().result.exit_code == 0
    names = [step.name for step in STEPS]
    assert names == ["durable", "parsed", "checked", "encoded", "deduplicated", "committed", "passed on"]
    for folder, way in ((tmp_path / "out" / "stages" / "1-write", names), (tmp_path / "out", names[:-1])):
        journal = Journal.read(folder)
        slots = [slot for slot in journal.slots() if any(row.reason is None for row in slot.rows)]
        journal.close()
        assert slots
        assert all(trace[slot.slot_id] == way for slot in slots)


@pytest.mark.parametrize("name", [step.name for step in STEPS[:-1]])
def test_no_row_is_accepted_without_a_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The run goes through `STEPS` and by no other way: where a step does not work, nothing is accepted."""

    def refuse(line: pipeline.Pipeline, batch: Any) -> Any:
        raise RuntimeError(f"no step {name}")

    scene, _ = play(tmp_path, monkeypatch, [s._replace(work=refuse) if s.name == name else s for s in STEPS])
    with pytest.raises(RuntimeError, match=name):
        scene.play()
    journal = Journal.read(tmp_path / "out")
    assert journal.accepted_counts() == {}
    journal.close()


def test_steps_that_wait_for_nothing_follow_at_once() -> None:
    """Where the way is broken into parts is read off the steps."""
    parts = pipeline.follow_at_once(STEPS)
    assert [step.name for step in parts["durable"]] == ["durable", "parsed", "checked"]
    assert [step.name for step in parts["parsed"]] == ["parsed", "checked"]
    assert [step.name for step in parts["deduplicated"]] == ["deduplicated", "committed"]
    assert [step.name for step in parts["passed on"]] == ["passed on"]


PAGE = (Path(__file__).parents[2] / "docs" / "pipeline.md").read_text()
PACKAGE = Path(pipeline.__file__).parents[1]


@pytest.mark.parametrize("place", sorted(set(re.findall(r"`([\w/]+\.py: \w+)`", PAGE))))
def test_the_page_names_what_exists(place: str) -> None:
    """Each file and function that `docs/pipeline.md` names is there."""
    path, _, name = place.partition(": ")
    tree = ast.parse((PACKAGE / path).read_text())
    defined = {n.name for n in ast.walk(tree) if isinstance(n, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)}
    assigned = {t.id for n in tree.body if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)}
    assert name in defined | assigned


def test_the_page_shows_the_steps() -> None:
    """The table of `docs/pipeline.md` has each step, in order, with the function that does it."""
    rows = re.findall(r"^\| ([\w ]+) \| `engine/pipeline\.py: (\w+)`", PAGE, re.MULTILINE)
    assert rows == [(step.name, step.work.__name__) for step in STEPS]
