"""From the name in a job file to an encoder."""

from __future__ import annotations

from synthgen.encoders.protocol import Encoder

HASHING = "hashing"


def open_encoder(name: str) -> Encoder:
    """The encoder of that name.

    Args:
        name: `all-MiniLM-L6-v2` (comes with synthgen), `hashing` (lexical, no model), or any sentence-transformers
            model by folder or hub name.

    Raises:
        JobError: It cannot be loaded.
    """
    if name == HASHING:
        from synthgen.encoders.hashing import HashingEncoder

        return HashingEncoder()
    from synthgen.encoders.sentence import SentenceEncoder

    return SentenceEncoder(name)
