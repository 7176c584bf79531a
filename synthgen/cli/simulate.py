"""`synthgen simulate`: an OpenAI-compatible server on loopback, slow, limited or broken on demand."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import TYPE_CHECKING, Any

import click

from synthgen.simulator.settings import SimulatorSettings, kind_of

if TYPE_CHECKING:
    from synthgen.simulator import Simulator

_TYPES = {"int": int, "float": float, "str": str, "tuple": str}


def _flag(option: dataclasses.Field[Any]) -> click.Option:
    name, kind, words = option.name.replace("_", "-"), kind_of(option), option.metadata["words"]
    help_text = option.metadata["help"]
    if kind == "bool":
        return click.Option([f"--{name}/--no-{name.removeprefix('has-')}"], default=option.default, help=help_text)
    if kind == "tuple":
        return click.Option([f"--{name}"], multiple=True, help=f"{help_text} May be given again.")
    has_default = option.default is not None and option.default != 0
    return click.Option(
        [f"--{name}"],
        type=click.Choice(words) if words else _TYPES[kind],
        default=option.default,
        show_default=has_default,
        help=help_text,
    )


def _simulate(as_json: bool, **values: Any) -> None:
    from synthgen.simulator.server import serve_until_signal

    def announce(simulator: Simulator) -> None:
        told = {"url": simulator.url, "base_url": simulator.base_url}
        print(json.dumps(told) if as_json else simulator.url, flush=True)
        print(f"base_url for a job file: {simulator.base_url}   (Ctrl-C ends it)", file=sys.stderr, flush=True)

    try:
        settings = SimulatorSettings(**values)
        serve_until_signal(settings, announce)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        raise click.UsageError(f"cannot listen on 127.0.0.1:{values['port']}: {error.strerror or error}") from None


command = click.Command(
    "simulate",
    callback=_simulate,
    help="Run an OpenAI-compatible server on 127.0.0.1 that is slow, limited or broken on demand.\n\n"
    "It calls no model. Point a job's base_url at it to rehearse a run before paying for one. GET /stats counts what "
    "was asked and granted; POST /control changes any of these settings while it runs. The first line on stdout is "
    "its URL.",
    params=[
        *(_flag(option) for option in dataclasses.fields(SimulatorSettings)),
        click.Option(["--json", "as_json"], is_flag=True, help="Print the URL as one JSON object."),
    ],
)
