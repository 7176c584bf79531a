"""The Jinja tag `{% message "user" %} ... {% endmessage %}`: one chat turn.

Turns are collected as values while the template renders, never found again in rendered text, so a seed that contains
something looking like a turn cannot start one.
"""

from __future__ import annotations

from collections.abc import Callable

from jinja2 import nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.runtime import Context

from synthgen.records import Message

COLLECTOR = "collected_messages"
ROLES = ("system", "user", "assistant")


class MessageExtension(Extension):
    """Adds the `message` tag."""

    tags = {"message"}  # noqa: RUF012 - jinja2's own interface

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        role = parser.parse_expression()
        if not isinstance(role, nodes.Const) or role.value not in ROLES:
            parser.fail(f"message needs one of the roles {', '.join(ROLES)}, in quotes", line)
        body = parser.parse_statements(("name:endmessage",), drop_needle=True)
        call = self.call_method("_collect", [nodes.ContextReference(), role])
        return nodes.CallBlock(call, [], [], body).set_lineno(line)

    def _collect(self, context: Context, role: str, caller: Callable[[], str]) -> str:
        collected: list[Message] = context[COLLECTOR]
        collected.append(Message(role, caller().strip()))  # type: ignore[arg-type]
        return ""
