"""A static encoder: the mean of one vector for each token, from a package that carries them (WordLlama, 256 numbers).

A hundred times as fast as a sentence model and blind to the order of words. Case is folded first: its tokens
know capitals, and an upper-cased copy would score 0.33.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from synthgen.errors import JobError

NAME = "static"
_PACKAGE = "wordllama"
_WEIGHTS, _TOKENIZER = "weights/l2_supercat_256.safetensors", "tokenizers/l2_supercat_tokenizer_config.json"


class StaticEncoder:
    """Mean of token vectors, unit length. A text's vector does not depend on its company.

    Raises:
        JobError: The package is not installed, or holds other files than it did.
    """

    def __init__(self) -> None:
        weights, tokenizer = (_folder() / name for name in (_WEIGHTS, _TOKENIZER))
        try:
            from safetensors.numpy import load_file
            from tokenizers import Tokenizer

            (table,) = load_file(weights).values()
            self._tokenizer: Any = Tokenizer.from_file(str(tokenizer))
        except Exception as error:  # whatever these two raise, the files are not what they were
            raise JobError(
                f"encoder: '{NAME}' cannot be loaded: {error}", hint="pip install 'synthgen[static]'"
            ) from None
        self._table = np.ascontiguousarray(table, dtype=np.float32)
        self.dimensions = int(self._table.shape[1])
        self.identity = f"{NAME}-wordllama-{self.dimensions}@{hashlib.sha256(weights.read_bytes()).hexdigest()[:16]}"

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit rows; a text without a known token points along the first axis."""
        rows = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        folded = [text.casefold().encode("utf-8", "replace").decode() for text in texts]
        for row, found in zip(rows, self._tokenizer.encode_batch(folded, add_special_tokens=False), strict=True):
            if found.ids:
                row[:] = self._table[found.ids].mean(axis=0)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        rows[lengths[:, 0] == 0, 0] = 1.0
        return np.asarray(rows / np.where(lengths == 0, 1.0, lengths), dtype=np.float32)


def _folder() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    locations = spec.submodule_search_locations if spec else None
    if not locations:
        raise JobError(f"encoder: '{NAME}' is not installed", hint="pip install 'synthgen[static]'")
    return Path(next(iter(locations)))
