"""The real default encoder, loaded once: it takes seconds."""

from __future__ import annotations

import pytest

from synthgen.encoders.sentence import SentenceEncoder


@pytest.fixture(scope="session")
def minilm() -> SentenceEncoder:
    """all-MiniLM-L6-v2 as synthgen ships it."""
    return SentenceEncoder("all-MiniLM-L6-v2")
