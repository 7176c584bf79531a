"""Texts to vectors. `open_encoder` finds the one a job names."""

from synthgen.encoders.opening import open_encoder
from synthgen.encoders.protocol import Encoder

__all__ = ["Encoder", "open_encoder"]
