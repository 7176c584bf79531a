"""`synthgen check-format`: a file of training examples against the rules of its format, before a trainer meets it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from synthgen.data.format_check import FormatReport

FORMATS = ["openai-chat", "alpaca", "sharegpt"]
SHOWN = 20


@click.command("check-format")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--format", "file_format", type=click.Choice(FORMATS), help="Told by the first example where left out.")
@click.option(
    "--max-tokens",
    type=click.IntRange(min=1),
    default=65_536,
    show_default=True,
    help="Most tokens of one example, by estimate (within a quarter on prose).",
)
@click.option("--json", "as_json", is_flag=True, help="Everything as one JSON object on the last line of stdout.")
@click.pass_context
def command(ctx: click.Context, file: Path, file_format: str | None, max_tokens: int, as_json: bool) -> None:
    """Say whether a trainer will take FILE, and on which lines it will not. Exit code 2 where it will not.

    openai-chat follows OpenAI's chat fine-tuning: roles, non-empty content, an assistant message at the end, no unknown
    keys, ten examples. Repeated examples are counted and are no error.
    """
    import orjson

    from synthgen.data.format_check import check_format

    report = check_format(file, format=file_format, max_tokens=max_tokens)
    _tell(report, file, is_beside_json=as_json)
    if as_json:
        click.echo(orjson.dumps({"file": str(file), **report.as_json()}).decode())
    ctx.exit(0 if report.is_valid else 2)


def _tell(report: FormatReport, file: Path, *, is_beside_json: bool) -> None:
    from synthgen.text import visible

    for text in report.of_file:
        click.echo(f"{file}: {text}", err=is_beside_json)
    for problem in report.problems[:SHOWN]:
        click.echo(f"{file}:{problem.line}: {visible(problem.text)}", err=is_beside_json)
    more = len(report.problems) - SHOWN
    if more > 0:
        click.echo(f"... and {more:,} more: --json shows all", err=is_beside_json)
    line, tokens = report.longest
    word = "valid" if report.is_valid else "NOT valid"
    click.echo(
        f"{word} {report.format}: {report.examples:,} examples, {report.duplicates:,} of them repeats, about "
        f"{report.tokens:,} tokens, the longest about {tokens:,} (line {line})",
        err=is_beside_json,
    )
