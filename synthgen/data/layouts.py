"""Rows as the formats of the field's trainers want them: chat turns, instruction and output, conversations.

A row with fields that ask and answer (instruction and response) is that exchange, and further ones where it holds them.
Any other labelled row becomes a classification task: the classes in the instruction, the text as the input, its class
as the answer.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from synthgen.data.formats import Format
from synthgen.errors import JobError

_ASKED = ("instruction", "prompt", "question", "query")
_ANSWERED = ("output", "response", "answer", "completion")
_GIVEN = ("input", "context")
_FOLLOW_UP = "follow_up"


@dataclass(frozen=True, slots=True)
class Exchanges:
    """What is said in one row.

    Attributes:
        system: What stands over all of it; may be empty.
        question: What is asked.
        given: What the question is about; may be empty.
        answer: What is answered.
        further: Further questions and answers.
        is_class: Whether the answer is the row's class.
    """

    system: str
    question: str
    given: str
    answer: str
    further: tuple[tuple[str, str], ...] = ()
    is_class: bool = False

    @property
    def all(self) -> tuple[tuple[str, str], ...]:
        """Every question, with what it is about, and its answer."""
        asked = "\n\n".join(part for part in (self.question, self.given) if part.strip())
        return ((asked, self.answer), *self.further)


@dataclass(frozen=True, slots=True)
class Task:
    """How a row is turned into something asked and answered.

    Attributes:
        text_field: Field that holds the text.
        label_field: Field that holds the class; empty where there are no classes.
        labels: Every class, for the instruction.
        instruction: What is asked of a labelled row; None takes a plain one that lists the classes.
    """

    text_field: str
    label_field: str
    labels: Sequence[str] = ()
    instruction: str | None = None

    @property
    def classify(self) -> str:
        """The instruction of a labelled row."""
        return self.instruction or (
            f"Classify the text. Answer with one of these classes and nothing else: {', '.join(self.labels)}."
        )

    def exchanges(self, row: Mapping[str, Any]) -> Exchanges:
        """What is said in a row. A pair of fields that asks and answers comes before the class.

        Raises:
            JobError: The row has neither such a pair nor a class.
        """
        asked, answered = _first(row, _ASKED) or self.text_field, _first(row, _ANSWERED)
        if answered not in (None, self.label_field, asked) and asked in row:
            given = _first(row, _GIVEN)
            first = (_text(row, asked), _text(row, given) if given else "", _text(row, str(answered)))
            return Exchanges(_text(row, "system"), *first, tuple(_follow_ups(row)))
        if self.label_field:
            return Exchanges(
                self.classify, "", _text(row, self.text_field), _text(row, self.label_field), is_class=True
            )
        raise JobError(
            "rows of this run have no class, and no pair of fields that says what is asked and what answered"
            f" (fields: {', '.join(name for name in row if name not in ('id', 'synthetic', 'provenance'))})",
            hint=f"name one field {'|'.join(_ASKED)} and another {'|'.join(_ANSWERED)}, or choose jsonl",
        )


def _first(row: Mapping[str, Any], names: Sequence[str]) -> str | None:
    return next((name for name in names if name in row), None)


def _follow_ups(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Further exchanges: `follow_up` and `follow_up_response`, `follow_up_2` and so on, as far as both are there."""
    for number in itertools.count(1):
        asked = _FOLLOW_UP if number == 1 else f"{_FOLLOW_UP}_{number}"
        answered = asked.replace(_FOLLOW_UP, f"{_FOLLOW_UP}_response")
        if not (_text(row, asked).strip() and _text(row, answered).strip()):
            return
        yield _text(row, asked), _text(row, answered)


def as_openai_chat(row: Mapping[str, Any], task: Task) -> dict[str, Any]:
    """`messages` and nothing else: the fine-tuning API refuses keys that it does not know."""
    said = task.exchanges(row)
    turns = [("system", said.system)] if said.system.strip() else []
    for question, answer in said.all:
        turns += [("user", question), ("assistant", answer)]
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


def as_alpaca(row: Mapping[str, Any], task: Task) -> dict[str, Any]:
    """`instruction`, `input`, `output`, and the row's id and mark; of several exchanges the last, the others before it
    as `history`."""
    said = task.exchanges(row)
    marks = {"id": row["id"], "synthetic": True}
    if said.is_class:
        return {"instruction": said.system, "input": said.given, "output": said.answer, **marks}
    system = {"system": said.system} if said.system.strip() else {}
    if not said.further:
        return {"instruction": said.question, "input": said.given, "output": said.answer, **system, **marks}
    *before, (question, answer) = said.all
    history = [list(pair) for pair in before]
    return {"instruction": question, "input": "", "output": answer, **system, "history": history, **marks}


def as_sharegpt(row: Mapping[str, Any], task: Task) -> dict[str, Any]:
    """`conversations` from human to gpt, and the row's id and mark."""
    names = {"system": "system", "user": "human", "assistant": "gpt"}
    turns = as_openai_chat(row, task)["messages"]
    conversations = [{"from": names[turn["role"]], "value": turn["content"]} for turn in turns]
    return {"conversations": conversations, "id": row["id"], "synthetic": True}


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else "" if value is None else str(value)


OPENAI_CHAT = Format(
    fields="`messages`; line n of the provenance file beside it says where row n came from.",
    layout=as_openai_chat,
    has_rules=True,
    has_provenance_file=True,
)
ALPACA = Format(
    fields="`instruction`, `input`, `output`, `id` and `synthetic`.",
    layout=as_alpaca,
    is_array_allowed=True,
    has_rules=True,
)
SHAREGPT = Format(
    fields="`conversations`, `id` and `synthetic`.", layout=as_sharegpt, is_array_allowed=True, has_rules=True
)
