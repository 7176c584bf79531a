"""A limit on open files is raised, or said."""

from __future__ import annotations

import resource

import pytest

from synthgen.engine.asking import open_files
from synthgen.engine.asking.open_files import OWN_FILES, allow_connections


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Soft and hard limit of a system that is not this one."""
    held = [256, 1000]

    def set_limit(_: int, limits: tuple[int, int]) -> None:
        if limits[0] > held[1]:
            raise ValueError("current limit exceeds maximum limit")
        held[0] = limits[0]

    monkeypatch.setattr(resource, "getrlimit", lambda _: tuple(held))
    monkeypatch.setattr(resource, "setrlimit", set_limit)
    return held


def test_the_soft_limit_is_raised_as_far_as_it_is_needed(limits: list[int]) -> None:
    """macOS gives 256: a run with 500 in flight gets what it needs and no more."""
    assert allow_connections(100) == 100
    assert limits[0] == 256
    assert allow_connections(500) == 500
    assert limits[0] == 500 + OWN_FILES


def test_where_the_hard_limit_is_lower_fewer_are_allowed(limits: list[int]) -> None:
    """As many as there is room for, and never none."""
    assert allow_connections(5000) == 1000 - OWN_FILES
    limits[:] = [10, 10]
    assert allow_connections(5000) == 1
    assert open_files.allow_connections(1) == 1
