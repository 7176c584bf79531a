"""An encoder with a watch: how many texts it was given and how long it worked on them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from synthgen.encoders.protocol import Encoder


class Metered:
    """Passes everything on to another encoder. For one thread.

    Args:
        encoder: The other.
        clock: Seconds.

    Attributes:
        texts: How many it was given.
        busy_s: How long it worked.
    """

    def __init__(self, encoder: Encoder, clock: Callable[[], float] = time.perf_counter) -> None:
        self._encoder, self._clock = encoder, clock
        self.texts, self.busy_s = 0, 0.0

    @property
    def identity(self) -> str:
        return self._encoder.identity

    @property
    def dimensions(self) -> int:
        return self._encoder.dimensions

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        began = self._clock()
        vectors = self._encoder.encode(texts)
        self.texts += len(texts)
        self.busy_s += self._clock() - began
        return vectors
