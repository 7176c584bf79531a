"""Rows as the formats of the field's trainers want them: chat turns, instruction and output, conversations.

A labelled row becomes a classification task: the classes in the instruction, the text as the input, its class as the
answer. Rows without classes need two fields of their own that say which is asked and which answered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from synthgen.errors import JobError

_ASKED = ("instruction", "prompt", "question", "query")
_ANSWERED = ("output", "response", "answer", "completion")
_GIVEN = ("input", "context")


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

    def turns(self, row: Mapping[str, Any]) -> tuple[str, str, str]:
        """Instruction, input and output of a row; the input may be empty.

        Raises:
            JobError: The row has neither a class nor a pair of fields that fits.
        """
        if self.label_field:
            return self.classify, _text(row, self.text_field), _text(row, self.label_field)
        asked = next((name for name in _ASKED if name in row), None)
        answered = next((name for name in _ANSWERED if name in row), None)
        if asked is None or answered is None:
            raise JobError(
                "rows of this run have no class, and no pair of fields that says what is asked and what answered"
                f" (fields: {', '.join(name for name in row if name not in ('id', 'synthetic', 'provenance'))})",
                hint=f"name one field {'|'.join(_ASKED)} and another {'|'.join(_ANSWERED)}, or choose jsonl",
            )
        given = next((name for name in _GIVEN if name in row), None)
        return _text(row, asked), _text(row, given) if given else "", _text(row, answered)


def as_openai_chat(row: Mapping[str, Any], task: Task) -> dict[str, Any]:
    """`messages` and nothing else: the fine-tuning API refuses keys that it does not know."""
    instruction, given, answer = task.turns(row)
    if not task.label_field:
        asked = f"{instruction}\n\n{given}" if given else instruction
        turns = [("user", asked), ("assistant", answer)]
    else:
        turns = [("system", instruction), ("user", given), ("assistant", answer)]
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


def as_alpaca(row: Mapping[str, Any], task: Task) -> dict[str, Any]:
    """`instruction`, `input`, `output`, and the row's id and mark."""
    instruction, given, answer = task.turns(row)
    return {"instruction": instruction, "input": given, "output": answer, "id": row["id"], "synthetic": True}


def as_sharegpt(row: Mapping[str, Any], task: Task) -> dict[str, Any]:
    """`conversations` from human to gpt, and the row's id and mark."""
    names = {"system": "system", "user": "human", "assistant": "gpt"}
    turns = as_openai_chat(row, task)["messages"]
    conversations = [{"from": names[turn["role"]], "value": turn["content"]} for turn in turns]
    return {"conversations": conversations, "id": row["id"], "synthetic": True}


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name, "")
    return value if isinstance(value, str) else str(value)
