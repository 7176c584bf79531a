"""Short forms of vectors whose dot product is never below the cosine: what an exact search can scan instead.

An orthonormal basis splits a unit vector into a head (its first coordinates) and a tail (the rest). By Cauchy-Schwarz
cos(x, y) <= head(x) . head(y) + |tail(x)| |tail(y)|: the dot product of the heads with the tail's length appended. A
basis of principal components makes the heads hold most of the length, and the bound tight. Seen as vectors themselves,
short forms have length one and lie no further apart than what they stand for.

All of it is float32: what it errs is less than SCAN_ERROR, which every comparison gives away.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# What float32 sums of up to 1,024 products of unit vectors, rounding before and folding can err by at the very most.
SCAN_ERROR = 6e-4
# Added to a squared tail: what float32 leaves of a length that ought to be 1, with much to spare.
_TAIL_ERROR = 1e-5
_EXPONENTS, _INFINITE = np.float32(2.0**112), 65536.0
_SIGN_EXPONENT_MANTISSA = np.int32(-0x70002000)
_NARROW_DIMENSIONS = 48
_HEADS = (16, 32, 64, 128)
# Relative costs of one more dimension to scan, and of one row that the bound lets through; measured.
_DIMENSION_COST, _PASS_COST = 1.0, 40000.0
_SAMPLE_QUERIES, _SAMPLE_ROWS = 128, 4096

Vectors = npt.NDArray[np.float16]
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


def as_unit(vectors: npt.NDArray[np.floating]) -> Doubles:
    """Rows of length one; a zero row, and one that holds what is no number, becomes zero: it is like nothing."""
    rows = np.atleast_2d(vectors).astype(np.float64)
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    is_good = np.isfinite(lengths) & (lengths > 0)
    rows[~is_good] = 0.0
    return np.asarray(rows / np.where(is_good, lengths, 1.0)[:, None])


def as_floats(vectors: npt.NDArray[np.floating]) -> Floats:
    """The same numbers in float32.

    Of float16, by moving the bits of a number where float32 has them and correcting the exponent by a product: four
    times as quick as numpy's own cast. What is no finite number becomes one of 65,536 or more.
    """
    if vectors.dtype != np.float16 or not _keeps_small_numbers():
        return vectors.astype(np.float32)
    bits = vectors.view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= _SIGN_EXPONENT_MANTISSA
    found: Floats = bits.view(np.float32)
    found *= _EXPONENTS
    return found


def _keeps_small_numbers() -> bool:
    """Whether this thread takes the smallest numbers for what they are; some libraries make it take them for 0."""
    smallest = np.array([1 << 13], dtype=np.int32).view(np.float32)
    return bool(smallest[0] * _EXPONENTS == np.float32(2.0**-24))


def as_short_unit(vectors: npt.NDArray[np.floating]) -> Floats:
    """As `as_unit`, to the last digits of float32 and ten times as quick."""
    rows = as_floats(np.atleast_2d(vectors))
    lengths = np.sqrt(np.vecdot(rows, rows))
    if not (lengths < _INFINITE).all():  # as good as never: find out how
        return as_unit(vectors).astype(np.float32)
    rows /= np.where(lengths > 0, lengths, np.float32(1.0))[:, None]
    return rows


class Projection:
    """A basis and how many of its dimensions the short form keeps.

    Args:
        basis: Orthonormal columns, shape (dimensions, head); None keeps vectors whole.
        dimensions: Length of a vector.
    """

    def __init__(self, basis: Floats | None, dimensions: int) -> None:
        self._basis = None if basis is None else np.asarray(basis, dtype=np.float32)
        self.width = dimensions if basis is None else basis.shape[1] + 1

    def projection(self, unit: Floats) -> Floats:
        """Short forms of unit (or zero) rows, shape (n, width)."""
        if self._basis is None:
            return unit
        heads = np.empty((len(unit), self.width), dtype=np.float32)
        head = np.matmul(unit, self._basis, out=heads[:, :-1])
        lengths = np.vecdot(unit, unit)
        left = lengths - np.vecdot(head, head)
        heads[:, -1] = np.sqrt(np.maximum(left, 0.0) + np.float32(_TAIL_ERROR)) * (lengths > 0)
        return heads


def whole(dimensions: int) -> Projection:
    """Keeps vectors as they are: for few rows, and for short vectors."""
    return Projection(None, dimensions)


def fitted(sample: Floats, at_least: float) -> Projection:
    """Principal components of a sample of unit rows, and the head's length that is cheapest to search with.

    Args:
        sample: At least a few hundred unit rows, shape (n, dimensions).
        at_least: Cosine that will be searched for.
    """
    dimensions = sample.shape[1]
    if dimensions <= _NARROW_DIMENSIONS:
        return whole(dimensions)
    _, components = np.linalg.eigh((sample.T @ sample).astype(np.float64))
    basis = components[:, ::-1].astype(np.float32)
    heads = [k for k in _HEADS if k < dimensions]
    head = min(heads, key=lambda k: _cost(sample @ basis[:, :k], at_least))
    return Projection(np.ascontiguousarray(basis[:, :head]), dimensions)


def _cost(heads: Floats, at_least: float) -> float:
    """Of one comparison, in the cost of one dimension."""
    tails = np.sqrt(np.maximum(1.0 - np.einsum("ij,ij->i", heads, heads), 0.0))
    some = min(_SAMPLE_QUERIES, len(heads) // 2)
    bounds = heads[:some] @ heads[some:][:_SAMPLE_ROWS].T + np.outer(tails[:some], tails[some:][:_SAMPLE_ROWS])
    return float(_DIMENSION_COST * heads.shape[1] + _PASS_COST * (bounds >= at_least).mean())
