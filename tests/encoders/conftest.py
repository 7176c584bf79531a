"""The real default encoder, loaded once: it takes seconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from synthgen.encoders.sentence import SentenceEncoder


@pytest.fixture(scope="session")
def minilm() -> SentenceEncoder:
    """all-MiniLM-L6-v2 as synthgen ships it."""
    return SentenceEncoder("all-MiniLM-L6-v2")


@pytest.fixture(scope="session")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder for exported models: making one takes half a minute."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def own_cache(graphs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tests' cache folder instead of the user's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(graphs))
    return graphs
