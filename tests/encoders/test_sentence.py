"""The default encoder, the real one: its weights, its silence, and what its last bits depend on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from synthgen.encoders import open_encoder
from synthgen.encoders.sentence import SentenceEncoder
from synthgen.errors import JobError

TEXTS = [
    "Where is my card?",
    "My card has not arrived yet",
    "I was charged twice for one payment, and nobody answers me.",
    "no",
]


def test_sentence_encoder_is_the_official_model(minilm: SentenceEncoder) -> None:
    """The identity names the weights by their content, which is the published one."""
    assert minilm.identity == "all-MiniLM-L6-v2@53aa51172d142c89"
    assert minilm.dimensions == 384


def test_sentence_encoder_gives_unit_rows(minilm: SentenceEncoder) -> None:
    """So that a dot product is a cosine."""
    rows = minilm.encode(TEXTS)
    assert rows.shape == (4, 384)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert minilm.encode([]).shape == (0, 384)
    assert rows[0] @ rows[1] > 0.6 > 0.4 > rows[0] @ rows[2]


def test_sentence_encoder_same_list_gives_the_same_bits(minilm: SentenceEncoder) -> None:
    """What replay and resume rest on: equal lists, equal vectors."""
    assert np.array_equal(minilm.encode(TEXTS), minilm.encode(TEXTS))


def test_sentence_encoder_company_changes_the_last_bits_only(minilm: SentenceEncoder) -> None:
    """A text alone and in company may differ by a step of float16, never by enough to matter to a person."""
    together = minilm.encode(TEXTS)
    for text, row in zip(TEXTS, together, strict=True):
        alone = minilm.encode([text])[0]
        assert np.abs(alone - row).max() < 1e-6
        steps = np.abs(alone.astype(np.float16).astype(np.float32) - row.astype(np.float16).astype(np.float32))
        assert steps.max() <= 2.0**-11


def test_sentence_encoder_that_cannot_be_loaded_says_what_to_do(tmp_path: Path) -> None:
    """A folder without a model is a mistake in the job, with the next step and no traceback."""
    with pytest.raises(JobError, match="cannot be loaded") as caught:
        open_encoder(str(tmp_path))
    assert "hashing" in (caught.value.hint or "")


@pytest.mark.slow
def test_sentence_encoder_loads_in_silence_and_warns_of_nothing() -> None:
    """Bars and advice of the libraries stay off the terminal, where the progress display lives."""
    program = "from synthgen.encoders import open_encoder; open_encoder('all-MiniLM-L6-v2').encode(['a'])"
    shown = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, "", "")


def test_open_encoder_imports_no_heavy_library_before_it_must() -> None:
    """`synthgen plan` and the hashing encoder pay nothing for torch."""
    program = (
        "import sys; from synthgen.encoders import open_encoder; open_encoder('hashing').encode(['a']);"
        "print({'torch', 'transformers', 'sentence_transformers'} & set(sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"
