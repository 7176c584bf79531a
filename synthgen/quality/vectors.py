"""Vectors of texts, each text encoded once, with progress."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from synthgen.encoders import Encoder, open_encoder

BATCH = 64
ProgressCallback = Callable[[str, int, int], None]


class TextVectors:
    """Encodes texts and remembers them for as long as it lives.

    Args:
        encoder: By name, as in a job file; loaded when the first text comes.
        report: Called with what is done, how much of it, and of how much; None reports nothing.
    """

    def __init__(self, encoder: str, report: ProgressCallback | None = None) -> None:
        self.name = encoder
        self._report = report or (lambda what, done, total: None)
        self._encoder: Encoder | None = None
        self._known: dict[str, npt.NDArray[np.float16]] = {}

    def of(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit rows, shape (len(texts), d), to the precision that journals keep (float16).

        Raises:
            JobError: The encoder cannot be loaded.
        """
        missing = sorted({text for text in texts if text not in self._known}, key=lambda text: (len(text), text))
        if self._encoder is None:
            self._report(f"loading encoder {self.name}", 0, 1)
            self._encoder = open_encoder(self.name)
            self._report(f"loading encoder {self.name}", 1, 1)
        for start in range(0, len(missing), BATCH):
            self._report("encoding texts", start, len(missing))
            batch = missing[start : start + BATCH]
            self._known |= zip(batch, self._encoder.encode(batch).astype(np.float16), strict=True)
        if missing:
            self._report("encoding texts", len(missing), len(missing))
        if not texts:
            return np.empty((0, self._encoder.dimensions), dtype=np.float32)
        return np.stack([self._known[text] for text in texts]).astype(np.float32)
