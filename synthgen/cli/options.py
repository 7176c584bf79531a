"""Options that several commands share, written once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line of stdout.")


def columns(command: F) -> F:
    """`--text-column` and `--label-column`, of a table that nobody described."""
    label = click.option("--label-column", help="Column of the class.  [default: found by name or content]")
    text = click.option("--text-column", help="Column of the text.  [default: found by name or content]")
    return text(label(command))


def encoder(why: str) -> Callable[[F], F]:
    """`--encoder`, and what it is for."""
    return click.option("--encoder", default="all-MiniLM-L6-v2", show_default=True, help=why)
