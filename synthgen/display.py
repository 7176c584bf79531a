"""Text of strangers, made safe to look at: what would be invisible or move other text about is shown by its name.

Nothing here escapes for HTML: whoever writes a page does that too.
"""

from __future__ import annotations

import re

# Bidirectional controls can make a line read in another order than it is stored in, zero-width characters hide in a
# word. The joiners U+200C and U+200D stay: Persian spelling and many emoji need them.
_CONTROLS = re.compile(
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
    return _CONTROLS.sub(_name, text.replace("\r\n", "\n")) + more


def _name(found: re.Match[str]) -> str:
    code = ord(found.group())
    if code < 0x20:
        return chr(0x2400 + code)  # the Unicode block of control pictures: ␀, ␛
    return "␡" if code == 0x7F else f"⟦U+{code:04X}⟧"
