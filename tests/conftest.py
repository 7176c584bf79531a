"""Fixtures for every room."""

from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, the only loop synthgen runs on."""
    return "asyncio"
