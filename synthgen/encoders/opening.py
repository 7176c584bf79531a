"""From the name in a job file to an encoder."""

from __future__ import annotations

from synthgen.encoders.protocol import Encoder

HASHING = "hashing"


def open_encoder(name: str) -> Encoder:
    """The encoder of that name.

    Args:
        name: `all-MiniLM-L6-v2` (comes with synthgen), `static` (token vectors, an extra), `hashing` (lexical, no
            model), `openai:MODEL@BASE_URL` (an endpoint), any sentence-transformers model by folder or hub name, or
            `onnx:` and one of these (the same vectors by onnxruntime, an extra).

    Raises:
        JobError: It cannot be loaded.
        ProviderError: The endpoint does not answer.
    """
    if name == HASHING:
        from synthgen.encoders.hashing import HashingEncoder

        return HashingEncoder()
    if name == "static":
        from synthgen.encoders.static import StaticEncoder

        return StaticEncoder()
    if name.startswith("openai:"):
        from synthgen.encoders.endpoint import EndpointEncoder

        return EndpointEncoder(name)
    if name.startswith("onnx:"):
        from synthgen.encoders.onnx import OnnxEncoder

        return OnnxEncoder(name)
    from synthgen.encoders.sentence import SentenceEncoder

    return SentenceEncoder(name)
