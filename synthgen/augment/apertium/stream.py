"""Text into Apertium's stream format and back. Values only: no process is started here.

The stream gives meaning to `^ $ / < > { } [ ] \\ @ * # + ~`, and NUL ends a message. What holds one of these, and what
no dictionary should touch (links, mail addresses, hashtags), is put into a *superblank*, `[...]`, which travels through
every stage unread. So whatever stands outside brackets in an answer is a mark of the tool's own, and can be taken off
without touching a star that the user wrote.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal, TypeAlias

Unknown: TypeAlias = Literal["keep", "mark", "drop"]

END = ".[]"  # as apertium-destxt ends a text: without a full stop, the last word is read as if more followed
_RESERVED = re.compile(r"([\[\]\\^$@*/<>{}~#+])")
_PROTECTED = re.compile(
    r"\w[\w.+-]*@\w[\w.-]*\w"  # mail addresses
    r"|\w+://\S+|www\.\S+"  # links
    r"|[@#]\w+"  # handles, hashtags
    r"|\{\{?\w+\}?\}|<[^<>\s]{1,40}>"  # placeholders, tags
    r"|\.{2,}"  # an ellipsis would come back as one full stop
    r"|[\[\]\\^$@*/<>{}~#+]+"
)
_TOKEN = re.compile(r"\[((?:\\.|[^\]\\])*)\]|\\(.)|([*@#])(?=\S)", re.DOTALL)
_UNKNOWN_WORD = re.compile(r"\[(?:\\.|[^\]\\])*\]|\\.|[*@#][^\s\[\].,;:!?()\"¿¡]+", re.DOTALL)
_APOSTROPHES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u00a0": " ", "\u202f": " "})


def encode_line(line: str) -> bytes:
    """One line as a message, without the NUL that ends it.

    Characters that are no text (controls, halves of surrogate pairs) become spaces: a NUL would end the message.
    """
    text = "".join(" " if _is_control(c) else c for c in line.translate(_APOSTROPHES))
    return (_PROTECTED.sub(lambda found: f"[{_escape(found[0])}]", text.strip()) + END).encode()


def decode_line(answer: bytes, *, unknown: Unknown = "keep") -> str:
    """The plain text of an answer.

    Args:
        answer: A message as it came, without its NUL.
        unknown: What becomes of a word no dictionary knows: `keep` leaves it as it was, `mark` with the tool's mark
            (`*word` not known, `@word` without a translation, `#word` without a form), `drop` leaves it out.
    """
    text = answer.decode("utf-8", errors="replace").strip()
    text = text.removesuffix(END) if text.endswith(END) else text.removesuffix("[]")
    if unknown == "drop":
        text = _UNKNOWN_WORD.sub(lambda m: m[0] if m[0][0] in "[\\" else "", text)
    text = _TOKEN.sub(lambda m: _plain(m, keeps_marks=unknown == "mark"), text)
    return re.sub(r"[ \t]{2,}", " ", text).strip()


def mend_spaces(text: str, *, source: str, language: str) -> str:
    """Takes out the space that a dropped word leaves before a mark of punctuation. French sets one on purpose."""
    if language[:2] == "fr" or re.search(r"\s[.,;:!?]", source):
        return text
    return re.sub(r" +([.,;:!?])", r"\1", text)


def _plain(found: re.Match[str], *, keeps_marks: bool) -> str:
    if found[1] is not None:
        return re.sub(r"\\(.)", r"\1", found[1], flags=re.DOTALL)
    if found[2] is not None:
        return found[2]
    return found[3] if keeps_marks else ""


def _escape(text: str) -> str:
    return _RESERVED.sub(r"\\\1", text)


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs") and character != "\t"
