"""Is a row new? Exact by normal form, near by letters and by embedding; against accepted, real and test rows."""

from synthgen.dedup.decide import Deduplicator, Verdict
from synthgen.dedup.index import Neighbour, VectorIndex
from synthgen.dedup.pool import PoolRows

__all__ = ["Deduplicator", "Neighbour", "PoolRows", "VectorIndex", "Verdict"]
