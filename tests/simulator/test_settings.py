"""The settings are one value that refuses nonsense, and every one of them is a flag."""

from __future__ import annotations

import dataclasses

import click
import pytest

from synthgen.cli.simulate import command
from synthgen.simulator import SimulatorSettings


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"latency_s": -1}, "latency_s must be at least 0"),
        ({"cut_ratio": 1.5}, "cut_ratio must be at most 1"),
        ({"latency_kind": "slow"}, "one of fixed, jitter, lognormal"),
        ({"max_concurrency": "4"}, "max_concurrency must be int"),
        ({"items": True}, "items must be int"),
        ({"cut_ratio": 0.6, "hang_ratio": 0.6}, "sum to 1.2"),
        ({"malformed_ratio": 0.6, "refusal_ratio": 0.6}, "sum to 1.2"),
    ],
)
def test_settings_refuse_nonsense(values: dict[str, object], complaint: str) -> None:
    """A wrong value is named with its bound."""
    with pytest.raises(ValueError, match=complaint):
        SimulatorSettings().with_changes(values)


def test_settings_refuse_unknown_names() -> None:
    """A misspelt setting is refused, not ignored."""
    with pytest.raises(ValueError, match="unknown setting 'latency'"):
        SimulatorSettings().with_changes({"latency": 1})


def test_settings_hide_the_key() -> None:
    """What /control shows never holds the key."""
    assert "api_key" not in SimulatorSettings(api_key="sk-secret").as_json()


def test_settings_are_all_flags() -> None:
    """Every setting is a flag of `synthgen simulate`, with its help."""
    flags = {parameter.name: parameter for parameter in command.params}
    for option in dataclasses.fields(SimulatorSettings):
        flag = flags[option.name]
        assert isinstance(flag, click.Option)
        assert flag.help is not None
        assert flag.help.startswith(option.metadata["help"])
