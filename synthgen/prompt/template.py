"""One prompt template: YAML front matter, then a sandboxed, strict Jinja body.

    ---
    description: What it is for, in a line.
    output: json          # json | text | lines: what the answer looks like
    mode: chat            # chat | continue: turns, or one text to go on with
    stop: []              # strings that end the answer
    variables: [label, seeds, items]
    ---
    {% message "user" %}Write {{ items }} messages ...{% endmessage %}

A body without `message` tags is one user turn (or, in `continue` mode, the text itself). A variable that is not
defined is an error with file and line, never an empty string. Seeds are values: Jinja inside them is not run.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, UndefinedError, meta
from jinja2 import Template as JinjaTemplate
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import Field, ValidationError

from synthgen.errors import JobError
from synthgen.job.source import complaints, parse_yaml
from synthgen.job.strict import Strict
from synthgen.prompt.messages import COLLECTOR, MessageExtension
from synthgen.records import Message, OutputKind, Prompt, Row, Source

VARIABLES: Mapping[str, str] = {
    "label": "class to write for; empty where the job has none",
    "labels": "every class of the training data; without any, the classes aimed at",
    "description": "what the class means, from the job's `descriptions`; may be empty",
    "seeds": "real rows of the class, each with .text and .label",
    "items": "rows asked for in this answer",
    "attributes": "attribute values for this slot, by name",
    "language": "ISO 639-1 code from the job, or none",
    "instructions": "the job's own extra words; may be empty",
    "schema_hint": "the JSON shape of the answer, on one line",
    "fields": "names of an item's fields",
    "source": "the row a slot works on, with .text, .label and its fields; not where a stage generates from seeds",
    "options": "what the recipe lets a job choose, by name",
}


_SEED_ATTRIBUTES = frozenset({"text", "label", "id"})


class SourceView:
    """A source row as templates see it: fields under their own names, whatever these are."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields

    def __getitem__(self, name: str) -> Any:
        return self._fields[name]

    def __repr__(self) -> str:
        return f"the source row (it has: {', '.join(self._fields)})"


def source_view(source: Source) -> SourceView:
    """A row for templates; a field called `text` or `label` hides the row's own."""
    return SourceView({"text": source.text, "label": source.label, "id": source.id, **source.fields})


class FrontMatter(Strict):
    """What a template says of itself."""

    description: str = ""
    output: OutputKind = "json"
    mode: Literal["chat", "continue"] = "chat"
    stop: list[str] = Field(default_factory=list)
    items: int | None = Field(default=None, ge=1)
    variables: list[str] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Template:
    """A template ready to render.

    Attributes:
        name: For messages.
        meta: Its front matter.
        body: The compiled body.
    """

    name: str
    meta: FrontMatter
    body: JinjaTemplate = field(repr=False)

    def render(self, values: Mapping[str, Any]) -> Prompt:
        """The prompt for one slot.

        Args:
            values: A value for every name in `VARIABLES`; `source` only where there is one.

        Raises:
            JobError: The body uses something undefined or forbidden, names its line, and what there is.
        """
        collected: list[Message] = []
        try:
            text = self.body.render({**values, COLLECTOR: collected}).strip("\n")
        except (UndefinedError, SecurityError, TemplateError, TypeError, ValueError, ArithmeticError) as error:
            said = str(error).replace("'synthgen.records.Row object'", "a seed (it has .text, .label and .id)")
            said = said.replace(f"'{SourceView.__module__}.SourceView object'", repr(values.get("source")))
            raise JobError(f"{self._where(error)}: {said}", hint=_variables_hint()) from None
        if self.meta.mode == "continue":
            return Prompt(text=text, output=self.meta.output, stop=tuple(self.meta.stop))
        messages = tuple(collected) or (Message("user", text.strip()),)
        return Prompt(messages=messages, output=self.meta.output, stop=tuple(self.meta.stop))

    def _where(self, error: Exception) -> str:
        """`name:line`, the line read off the traceback, which Jinja rewrites to the template's own lines."""
        line = None
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == self.name:
                line = trace.tb_lineno
            trace = trace.tb_next
        return self.name if line is None else f"{self.name}:{line}"


def parse_template(text: str, *, name: str) -> Template:
    """Read a template.

    Raises:
        JobError: Broken front matter or Jinja, or a variable nobody provides; each with file and line.
    """
    front, body, skipped_lines = _split(text, name)
    environment = _environment()
    padded = "\n" * skipped_lines + body  # so that Jinja's line numbers are the file's
    try:
        tree = environment.parse(padded, name=name, filename=name)
        _refuse_unknown(meta.find_undeclared_variables(tree), front, name, text)
        code = environment.compile(tree, name=name, filename=name)
    except TemplateSyntaxError as error:
        raise JobError(f"{name}:{error.lineno}: {error.message}", hint="edit the template") from None
    return Template(name, front, JinjaTemplate.from_code(environment, code, dict(environment.globals)))


class _Environment(ImmutableSandboxedEnvironment):
    """The sandbox, with a short way to what templates look at most: a seed's own words."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if obj.__class__ is Row and attribute in _SEED_ATTRIBUTES:
            return getattr(obj, attribute)
        return super().getattr(obj, attribute)


def _environment() -> ImmutableSandboxedEnvironment:
    return _Environment(
        undefined=StrictUndefined, extensions=[MessageExtension], trim_blocks=True, lstrip_blocks=True, autoescape=False
    )


def _split(text: str, name: str) -> tuple[FrontMatter, str, int]:
    lines = text.splitlines(keepends=True)
    if not lines or lines[0].strip() != "---":
        return FrontMatter(), text, 0
    end = next((i for i, line in enumerate(lines[1:], 1) if line.strip() == "---"), None)
    if end is None:
        raise JobError(f"{name}:1: the front matter opened by '---' is never closed by another '---'")
    value, places = parse_yaml("\n" + "".join(lines[1:end]), name=name)
    try:
        front = FrontMatter.model_validate(value or {})
    except ValidationError as error:
        raise JobError("\n".join(complaints(error, places, name)), hint="edit the template's front matter") from None
    return front, "".join(lines[end + 1 :]), end + 1


def _refuse_unknown(used: set[str], front: FrontMatter, name: str, text: str) -> None:
    for variable in sorted(used | set(front.variables)):
        if variable in VARIABLES or variable == COLLECTOR:
            continue
        line = next((i for i, content in enumerate(text.splitlines(), 1) if variable in content), 1)
        near = difflib.get_close_matches(variable, VARIABLES, n=1, cutoff=0.5)
        guess = f"; did you mean '{near[0]}'?" if near else ""
        raise JobError(f"{name}:{line}: undefined variable '{variable}'{guess}", hint=_variables_hint())


def _variables_hint() -> str:
    return f"a template may use: {', '.join(VARIABLES)}"
