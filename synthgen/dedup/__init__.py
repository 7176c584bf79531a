"""Is a row new? Exact by normal form, near by character n-grams and by embedding; against accepted, real and test
rows."""

from synthgen.dedup.decide import Comparison, Deduplicator
from synthgen.dedup.pool import PoolRows
from synthgen.dedup.vectors.index import Neighbour, VectorIndex

__all__ = ["Comparison", "Deduplicator", "Neighbour", "PoolRows", "VectorIndex"]
