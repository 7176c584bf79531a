"""Fixtures for every room."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# In CI the same examples every time, and no test that fails because the machine is slow; elsewhere new ones each time.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("soak", max_examples=20_000, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("ci")
if "HYPOTHESIS_PROFILE" in os.environ:
    settings.load_profile(os.environ["HYPOTHESIS_PROFILE"])


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, the only loop synthgen runs on."""
    return "asyncio"
