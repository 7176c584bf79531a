"""From the name in a job file to an encoder: one table, which installed packages add to."""

from __future__ import annotations

from synthgen.encoders.protocol import Encoder
from synthgen.errors import JobError, SynthgenError
from synthgen.registry import Registry

HASHING = "hashing"
_SENTENCE = "synthgen.encoders.sentence:SentenceEncoder"
ENCODERS = Registry(
    "synthgen.encoders",
    {
        "all-MiniLM-L6-v2": _SENTENCE,
        HASHING: "synthgen.encoders.hashing:HashingEncoder",
        "static": "synthgen.encoders.static:StaticEncoder",
        "openai": "synthgen.encoders.endpoint:EndpointEncoder",
        "onnx": "synthgen.encoders.onnx:OnnxEncoder",
    },
)
_WITHOUT_NAME = (HASHING, "static")


def open_encoder(name: str) -> Encoder:
    """The encoder of that name.

    Args:
        name: `all-MiniLM-L6-v2` (comes with synthgen), `static` (token vectors, an extra), `hashing` (lexical, no
            model), `openai:MODEL@BASE_URL` (an endpoint), `onnx:` and one of these or of the last (the same vectors by
            onnxruntime, an extra), a name that an installed package brings, alone or with `:` and more behind it, or
            any sentence-transformers model by folder or hub name.

    Raises:
        JobError: It cannot be loaded.
        ProviderError: The endpoint does not answer.
    """
    kind = name.partition(":")[0]
    if name in _WITHOUT_NAME:
        made: Encoder = ENCODERS.load(name, where="encoder")()
        return made
    if kind in ENCODERS.builtins and kind not in _WITHOUT_NAME:
        made = ENCODERS.load(kind, where="encoder")(name)
        return made  # noqa: RET504 (the loaded class is of no type that mypy knows)
    if ENCODERS.has(kind) and kind not in _WITHOUT_NAME:
        return _open_outside(kind, name)
    from synthgen.encoders.sentence import SentenceEncoder

    return SentenceEncoder(name)


def _open_outside(kind: str, name: str) -> Encoder:
    make = ENCODERS.load(kind, where="encoder")
    try:
        made: Encoder = make(name)
    except SynthgenError:
        raise
    except Exception as error:  # a stranger's code: whatever it raises is theirs to read
        raise JobError(f"encoder '{name}': the package's code failed: {type(error).__name__}: {error}") from None
    missing = [part for part in ("identity", "dimensions", "encode") if not hasattr(made, part)]
    if missing:
        raise JobError(f"encoder '{name}': what the package brings is no encoder: it has no {', '.join(missing)}")
    return made
