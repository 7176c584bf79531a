"""The command line: thin doors to the rooms below. Heavy imports stand inside the commands, so help comes at once."""

from __future__ import annotations

import io
import os
import sys

import click

from synthgen.cli.check import command as check
from synthgen.cli.check_format import command as check_format
from synthgen.cli.compare import command as compare
from synthgen.cli.dedup import command as dedup
from synthgen.cli.evaluate import command as evaluate
from synthgen.cli.export import command as export
from synthgen.cli.init import command as init
from synthgen.cli.journal import command as journal
from synthgen.cli.mix import command as mix
from synthgen.cli.plan import command as plan
from synthgen.cli.prompts import command as prompts
from synthgen.cli.recipes import command as recipes
from synthgen.cli.replay import command as replay
from synthgen.cli.report import command as report
from synthgen.cli.retry_failed import command as retry_failed
from synthgen.cli.review import command as review
from synthgen.cli.run import command as run
from synthgen.cli.simulate import command as simulate
from synthgen.cli.status import command as status
from synthgen.errors import SynthgenError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="synthgen")
def cli() -> None:
    """Exactly N accepted rows of synthetic training data, from a language model, without losing a paid answer."""


for _command in (
    init,
    run,
    plan,
    status,
    replay,
    retry_failed,
    journal,
    review,
    report,
    export,
    check,
    check_format,
    compare,
    dedup,
    evaluate,
    mix,
    recipes,
    prompts,
    simulate,
):
    cli.add_command(_command)


def main() -> None:
    """Entry point: errors a person can act on become one message and an exit code, without a traceback."""
    # Looking for plugins of pydantic reads the metadata of every installed package: 0.1 s. Set it empty to have them.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what a terminal cannot show becomes an escape, not an error
            stream.reconfigure(errors="backslashreplace")
    try:
        code = cli.main(standalone_mode=False)
    except SynthgenError as error:
        click.echo(f"synthgen: {error}", err=True)
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = 130
    except BrokenPipeError:
        sys.stderr.close()
        code = 0
    sys.exit(code if isinstance(code, int) else 0)
