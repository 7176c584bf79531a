"""Normal forms of very many texts: `text.normalise`, two thousand texts at a time in one row of characters.

Those in ASCII, for others that is no gain. Which characters go, and beside which others they stay, is asked of the
pattern that `normalise` has, so that there is one rule.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from string import ascii_lowercase, ascii_uppercase

import numpy as np
import numpy.typing as npt

from synthgen.text import PUNCTUATION, normalise

_TEXTS_AT_ONCE = 2048
_BETWEEN, _SPACE = 0, ord(" ")
# Folded, what `str.split` parts words at as a space, and what goes without a trace.
_BLANKS, _DROPPED = b"\t\n\v\f\r\x1c\x1d\x1e\x1f", b"'`"
_PROJECTED = bytes.maketrans(_BLANKS + ascii_uppercase.encode(), b" " * len(_BLANKS) + ascii_lowercase.encode())
# What a character is, as bits.
_BLANK, _POINT, _DASH, _DIGIT, _WORD = (np.uint8(1 << bit) for bit in range(5))


def normalise_all(texts: Sequence[str]) -> list[str]:
    """The normal form of each."""
    plain = [text for text in texts if text.isascii()]
    normalised: list[str] = []
    for start in range(0, len(plain), _TEXTS_AT_ONCE):
        normalised += _plain_forms(plain[start : start + _TEXTS_AT_ONCE])
    if len(plain) == len(texts):
        return normalised
    left = iter(normalised)
    return [next(left) if text.isascii() else normalise(text) for text in texts]


def _plain_forms(texts: Sequence[str]) -> list[str]:
    """Of texts in ASCII, parted by a character that no rule looks at."""
    between = chr(_BETWEEN)
    block = f"{between}{between.join(texts)}{between}"
    if block.count(between) > len(texts) + 1:  # one holds it itself
        return [*map(normalise, texts)]
    signs = np.frombuffer(block.encode().translate(_PROJECTED, _DROPPED), dtype=np.uint8)
    is_blank = _blanks(_KINDS.take(signs))
    # Of each run of blanks the first stays, as a space, but where a text begins or ends.
    is_kept = ~is_blank
    is_kept[1:] |= (is_kept[:-1] & is_blank[1:]) & (signs[:-1] != _BETWEEN)
    spaced = signs * ~is_blank + is_blank * np.uint8(_SPACE)  # several times as quick as `where`
    left = spaced[is_kept]
    left = left[:-1][(left[:-1] != _SPACE) | (left[1:] != _BETWEEN)]
    normalised = left.tobytes().decode("ascii").split(between)[1:]
    return (
        normalised
        if all(normalised)
        else [normalised_text or normalise(text) for normalised_text, text in zip(normalised, texts, strict=True)]
    )


def _blanks(kinds: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Which characters are a space or become one; the first and the last part texts."""
    before, own, after = kinds[:-2], kinds[1:-1], kinds[2:]
    found = np.zeros(len(kinds), dtype=bool)
    inner = found[1:-1]
    np.not_equal(own & _BLANK, 0, out=inner)
    inner |= ((own & _POINT) != 0) & ((before & after & _DIGIT) == 0)
    inner |= ((own & _DASH) != 0) & ((after & _WORD) == 0)
    return found


def _kind(sign: str) -> int:
    goes_in = {beside: PUNCTUATION.match(f"{beside}{sign}{beside}", 1) is not None for beside in "1a "}
    found = _DIGIT * sign.isdigit() | _WORD * bool(re.match(r"\w", sign))
    if sign == " " or goes_in["1"]:
        return int(found | _BLANK)
    if goes_in["a"]:
        return int(found | _POINT)  # stays between digits
    return int(found | _DASH * goes_in[" "])  # stays before a letter, a digit or "_"


_KINDS = np.array([_kind(chr(code)) for code in range(128)], dtype=np.uint8)
