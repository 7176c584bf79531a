"""Texts as the checks and dedup compare them (plain typography, normal form, character n-grams, overlap), and as they
are shown: what would be invisible or move other text about is written out by its name.

Owns no decision: whoever compares has its own threshold. Nothing here escapes for HTML: whoever writes a page does
that too.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

REMEMBERED_TEXTS = 1024  # a candidate's form is looked at by several checks, one after the other
_APOSTROPHES = dict.fromkeys(map(ord, "‘’‚‛′´ʼ"), "'")
_QUOTES = dict.fromkeys(map(ord, "“”„‟″«»"), '"')
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−"), "-")
_PLAIN = {**_APOSTROPHES, **_QUOTES, **_DASHES}
_TYPOGRAPHIC = re.compile(f"[{''.join(map(chr, _PLAIN))}]")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff]")
# What goes is listed, since what carries meaning cannot be: "£10" is not "$10", "-5" not "5", "c++" not "c", "3.5" not
# "35", one emoji not another, and in Hindi or Thai a vowel is a mark that no word class (`\w`) holds.
# All branches stand behind one class of characters, which `re` finds eight times as fast as branches of their own.
# A space behind goes with it, since both become one.
PUNCTUATION = re.compile(
    r"""[!?;"()\[\]{}<>…¡¿*_~|\\/、。，！？；：「」.,:\-]"""
    r"""(?:(?<![.,:\-])|(?<=[.,:])(?:(?!\d)|(?<!\d.))|(?<=-)(?!\w)) ?"""
)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "": 1.0}


def duration_s(text: str) -> float:
    """Seconds that a duration such as `1h30m`, `500ms` or `6m0.5s` names; a number without a unit is seconds."""
    return sum(float(number) * _UNIT_S[unit] for number, unit in _DURATION.findall(text))


def straighten(text: str) -> str:
    """`text` with curly quotes and typographic dashes written plainly; every character keeps its place."""
    return text if text.isascii() or not _TYPOGRAPHIC.search(text) else text.translate(_PLAIN)


def utf8_length(text: str) -> int:
    """Bytes of `text` in UTF-8, half of a surrogate pair counted as three."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


@lru_cache(maxsize=REMEMBERED_TEXTS)
def normalise(text: str) -> str:
    """One spelling of what reads the same: Unicode compatibility form, case folded, apostrophes and invisible
    characters dropped, every other run of punctuation and white space one space. Two texts are exact duplicates where
    these are equal; a text of nothing but punctuation stays itself."""
    folded = _folded(text)
    bare = PUNCTUATION.sub(" ", folded.replace("'", "").replace("`", ""))
    return " ".join(bare.split()) or folded.strip()


def _folded(text: str) -> str:
    # What the long way does to other characters, ASCII does not need.
    return text.lower() if text.isascii() else _compatible(_compatible(_INVISIBLE.sub("", text)).casefold())


def _compatible(text: str) -> str:
    """NFKC with plain typography before, since it makes "´" a space and an accent, and after, since it makes quotes."""
    plain = straighten(text)
    return plain if unicodedata.is_normalized("NFKC", plain) else straighten(unicodedata.normalize("NFKC", plain))


def char_ngrams(text: str, n: int = 3) -> frozenset[str]:
    """Character n-grams of the normal form, padded so that short texts and word ends count."""
    return form_ngrams(normalise(text), n)


def form_ngrams(form: str, n: int = 3) -> frozenset[str]:
    """As `char_ngrams`, of a text that is in normal form."""
    padded = f" {form} "
    return frozenset([padded[i : i + n] for i in range(max(1, len(padded) - n + 1))])


def jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    """Shared share of two sets, 0 to 1."""
    if not a and not b:
        return 1.0
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared)


# Bidirectional controls can make a line read in another order than it is stored in, zero-width characters hide in a
# word. The joiners U+200C and U+200D stay: Persian spelling and many emoji need them.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]"
)


def visible(text: str, *, max_chars: int | None = None) -> str:
    """`text` with control characters, direction marks and zero-width characters written out.

    Args:
        text: From anywhere. Line feeds and tabs stay; `\\r\\n` becomes a line feed.
        max_chars: Cut after this many characters, saying how many more there are; None shows all.
    """
    more = ""
    if max_chars is not None and len(text) > max_chars:
        more, text = f" … ({len(text) - max_chars:,} more characters)", text[:max_chars]
    return _UNSAFE.sub(_control_name, text.replace("\r\n", "\n")) + more


def _control_name(found: re.Match[str]) -> str:
    code = ord(found.group())
    if code < 0x20:
        return chr(0x2400 + code)  # the Unicode block of control pictures: ␀, ␛
    return "␡" if code == 0x7F else f"⟦U+{code:04X}⟧"
