"""What an encoder must be: one method and an identity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt


class Encoder(Protocol):
    """Turns texts into unit vectors.

    The same list of texts gives the same vectors, bit for bit, on one machine. A text encoded in other company may
    differ in the last bits, so whoever needs equal vectors encodes equal lists.
    """

    @property
    def identity(self) -> str:
        """Name and content of the model: vectors of two identities never meet."""
        ...

    @property
    def dimensions(self) -> int: ...

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit rows, shape (len(texts), dimensions). Blocking; call it off the event loop."""
        ...
