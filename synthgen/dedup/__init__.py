"""Is a row new? Exact by normal form, near by character n-grams and by embedding; against accepted, real and test
rows."""

from synthgen.dedup.decide import Comparison, Deduplicator, NearMiss
from synthgen.dedup.ngrams import Profiles
from synthgen.dedup.pool import PoolRows
from synthgen.dedup.vectors import Neighbour, VectorIndex

__all__ = ["Comparison", "Deduplicator", "NearMiss", "Neighbour", "PoolRows", "Profiles", "VectorIndex"]
