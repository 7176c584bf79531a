"""Token vectors from a package: fast, the same in any company, blind to case."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.encoders import open_encoder, static
from synthgen.errors import JobError

needs_package = pytest.mark.skipif(importlib.util.find_spec("wordllama") is None, reason="the extra is not installed")


@needs_package
def test_static_is_near_for_like_texts_and_blind_to_case() -> None:
    """Meaning counts a little, capitals do not."""
    encoder = open_encoder("static")
    assert encoder.identity.startswith("static-wordllama-256@")
    one, upper, like, other = encoder.encode(
        ["where is my card", "WHERE IS MY CARD", "where is my bank card", "the weather is nice in Rome"]
    )
    assert one @ upper > 0.999
    assert one @ like > 0.8 > 0.4 > one @ other


@needs_package
@given(st.lists(st.text(max_size=30), max_size=5))
@settings(deadline=None, max_examples=40)
def test_static_gives_unit_rows_that_depend_on_their_text_alone(texts: list[str]) -> None:
    """Any text, the empty one included."""
    encoder = _opened()
    rows = encoder.encode(texts)
    assert rows.shape == (len(texts), 256)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    for text, row in zip(texts, rows, strict=True):
        assert np.array_equal(encoder.encode([text])[0], row)


def test_static_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """An extra that is not there is the user's to add."""
    monkeypatch.setattr(static, "_PACKAGE", "no_such_package_anywhere")
    with pytest.raises(JobError, match="not installed") as error:
        static.StaticEncoder()
    assert "synthgen[static]" in str(error.value)


_OPENED: list[static.StaticEncoder] = []


def _opened() -> static.StaticEncoder:
    if not _OPENED:
        _OPENED.append(static.StaticEncoder())
    return _OPENED[0]
