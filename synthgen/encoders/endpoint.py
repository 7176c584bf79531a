"""Embeddings from an OpenAI-compatible endpoint: `openai:MODEL` or `openai:MODEL@BASE_URL`.

The key comes from OPENAI_API_KEY; an endpoint of one's own may need none. Its identity is its name and address: nobody
can see from here whether the model behind them is still the same.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from synthgen.errors import JobError, ProviderError

PREFIX = "openai:"
_DEFAULT_URL = "https://api.openai.com/v1"
_MAX_TEXTS = 256
_TIMEOUT_S, _TRIES = 60.0, 5


class EndpointEncoder:
    """Asks an endpoint for vectors, at most 256 texts at a time, and makes them unit length.

    Args:
        name: `openai:MODEL` or `openai:MODEL@BASE_URL`.

    Raises:
        JobError: The name is not of that form, or it needs a key and there is none.
        ProviderError: The endpoint does not answer, or with something else than vectors.
    """

    def __init__(self, name: str) -> None:
        model, _, url = name.removeprefix(PREFIX).partition("@")
        url = (url or _DEFAULT_URL).rstrip("/")
        if not model or not url.startswith(("http://", "https://")):
            raise JobError(
                f"encoder: '{name}' names no endpoint", hint="write openai:MODEL or openai:MODEL@http://HOST:PORT/v1"
            )
        key = os.environ.get("OPENAI_API_KEY")
        if not key and url == _DEFAULT_URL:
            raise JobError("encoder: OPENAI_API_KEY is not set", hint="export it, or choose another encoder")
        import openai

        self._model, self._url = model, url
        self._client = openai.OpenAI(base_url=url, api_key=key or "none", timeout=_TIMEOUT_S, max_retries=_TRIES)
        self.identity = f"{PREFIX}{model}@{url}"
        self.dimensions = int(self._ask(["probe"]).shape[1])

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit rows.

        Raises:
            ProviderError: The endpoint fails for good, or answers with vectors of another length.
        """
        parts = [self._ask(texts[start : start + _MAX_TEXTS]) for start in range(0, len(texts), _MAX_TEXTS)]
        rows = np.concatenate(parts) if parts else np.empty((0, self.dimensions), dtype=np.float32)
        if rows.shape != (len(texts), self.dimensions):
            raise ProviderError(f"{self.identity}: {rows.shape} numbers for {len(texts)} texts of {self.dimensions}")
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(rows / np.where(lengths == 0, 1.0, lengths), dtype=np.float32)

    def _ask(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        import openai

        said = [text.encode("utf-8", "replace").decode() or " " for text in texts]  # an empty text is refused
        try:
            answer = self._client.embeddings.create(model=self._model, input=said, encoding_format="float")
            found = sorted(answer.data, key=lambda item: item.index)
            return np.array([item.embedding for item in found], dtype=np.float32).reshape(len(found), -1)
        except openai.OpenAIError as error:
            said_so = str(error).splitlines()[0].replace(self._client.api_key, "***")[:300]
            raise ProviderError(
                f"{self.identity}: no embeddings: {said_so}",
                hint="is the address right and the server up? what was encoded so far is kept",
            ) from None
        except (TypeError, ValueError, AttributeError) as error:
            raise ProviderError(f"{self.identity}: its answer holds no vectors: {error}") from None
