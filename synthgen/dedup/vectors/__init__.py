"""Embedding similarity: which rows have a cosine at or above the threshold, exactly."""

from synthgen.dedup.vectors.index import Neighbour, VectorIndex, cosine
from synthgen.dedup.vectors.projection import SCAN_ERROR, as_unit

__all__ = ["SCAN_ERROR", "Neighbour", "VectorIndex", "as_unit", "cosine"]
