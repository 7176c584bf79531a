"""Where the values of a JSON-like answer begin and end, without reading them.

One linear pass that survives what models write: prose around the JSON, code fences, comments, quotes left
unescaped inside strings, missing brackets, and an end in the middle. Because every item gets its own span, one
bad item cannot sink its neighbours, and an item that the answer stops inside is known to be cut. Refuses to guess
how a cut value would have gone on.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, field

_MARK = re.compile(r"""[{}\[\],:"'/#]""")
_CLOSERS = {"}": "{", "]": "["}
_COMMENT_CLOSERS = {"#": "\n", "//": "\n", "/*": "*/"}
_QUOTE_OR_ESCAPE = {'"': re.compile(r'["\\]'), "'": re.compile(r"['\\]")}
# In valid JSON a closing quote is always followed by one of these; a quote that is not stands inside its string.
_AFTER_STRING = re.compile(r"\s*(?:[,:}\]#]|//|/\*|\Z)")
_COLON = re.compile(r"\s*:")
_APOSTROPHE = re.compile(r"\w'\w")
_KEY_INSIDE = re.compile(r"""[{,]\s*(["'])[^"']*\1\s*:""")
# Going back is what could make a hostile answer cost more than one pass.
_MAX_RETURNS = 1_000
# A mark costs 5 us (2026-12-01), and the event loop stands still meanwhile; sloppy answers of 500 items have 6,000.
MAX_MARKS = 20_000
_MAX_RETURN_CHARS = 10_000
# Root, its member, its member's member, theirs: deeper values are spanned by their parents and never listed.
_LISTED_DEPTH = 3


@dataclass(slots=True)
class Piece:
    """One value of an answer: found, not read.

    Attributes:
        opener: `{`, `[` or the quote it begins with.
        start: Offset of the opener.
        end: Offset after the closer, or None where the answer stops inside the value.
        key: Its name, where it is a member of an object.
        members: Objects, arrays and strings directly inside, in order; bare words and numbers are not listed.
    """

    opener: str
    start: int
    end: int | None = None
    key: str = ""
    members: list[Piece] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Scan:
    """What one pass finds.

    Attributes:
        text: The answer with its comments blanked; offsets are the same.
        roots: Its outermost objects and arrays.
        strings: Spans of all its whole strings, keys among them, quotes included.
        doubts: Offsets of quotes that may or may not end a string.
        is_cut_short: Whether it has more than `MAX_MARKS` marks; what comes after them was not looked at.
    """

    text: str
    roots: list[Piece]
    strings: list[tuple[int, int]]
    doubts: list[int]
    is_cut_short: bool = False

    def strings_in(self, piece: Piece) -> list[tuple[int, int]]:
        """Spans of the strings of a whole piece, counted from its start."""
        first = bisect_left(self.strings, (piece.start, 0))
        last = bisect_left(self.strings, (piece.end or len(self.text), 0))
        return [(start - piece.start, end - piece.start) for start, end in self.strings[first:last]]

    def is_doubtful(self, piece: Piece) -> bool:
        """Whether a quote inside the piece may or may not end a string, so that a repair would be a guess."""
        first = bisect_left(self.doubts, piece.start)
        return first < len(self.doubts) and self.doubts[first] < (piece.end or len(self.text))


def scan(text: str) -> Scan:
    """Find the values of `text`. Linear in its length, whatever it holds, and bounded in steps."""
    scanner = _Scanner(text)
    scanner.run()
    return Scan(scanner.blanked(), scanner.roots, scanner.strings, sorted(scanner.doubts), not scanner.left)


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.roots: list[Piece] = []
        self.open: list[Piece] = []
        self.open_count = {"{": 0, "[": 0}
        self.comments: list[tuple[int, int]] = []
        self.strings: list[tuple[int, int]] = []
        self.doubts: list[int] = []
        self.returns = 0  # strings closed at an earlier quote than the first guess
        self.left = MAX_MARKS
        self.at = 0  # everything before it is done
        self.before = ""  # last character that was neither space nor comment
        self.key = ""  # name that waits for its value

    def run(self) -> None:
        while self.left and (found := _MARK.search(self.text, self.at)):
            self.left -= 1
            gap = self.text[self.at : found.start()].strip()
            self.before = gap[-1] if gap else self.before
            self.at = found.end()
            self._take(found[0], found.start(), gap)

    def _take(self, mark: str, start: int, gap: str) -> None:
        if mark in "{[":
            self._open(mark, start)
        elif not self.open:
            return
        elif mark in "}]":
            self._close(_CLOSERS[mark], start)
        elif mark in "/#":
            self._comment(start)
            return
        elif mark in "\"'" and self.before in "{[,:":
            self._string(mark, start)
        elif mark in "\"'" and not _APOSTROPHE.match(self.text, start - 1):
            self.doubts.append(start)
        elif mark == ":" and gap:
            self.key = gap
        elif mark == ",":
            self.key = ""
        self.before = mark

    def _open(self, mark: str, start: int) -> None:
        piece = Piece(mark, start, key=self.key)
        self._list(piece)
        self.open.append(piece)
        self.open_count[mark] += 1
        self.key = ""

    def _close(self, opener: str, start: int) -> None:
        """Close the nearest such opener; what was left open inside it ends before this closer."""
        if not self.open_count[opener]:
            return
        while True:
            piece = self.open.pop()
            self.open_count[piece.opener] -= 1
            piece.end = start + 1 if piece.opener == opener else start
            if piece.opener == opener:
                break
        self.key = ""

    def _string(self, quote: str, start: int) -> None:
        end = self._string_end(start, quote)
        self.at = len(self.text) if end is None else end
        if end is not None:
            self.strings.append((start, end))
            if _COLON.match(self.text, end):
                self.key = self.text[start + 1 : end - 1]
                return
        self._list(Piece(quote, start, end, key=self.key))
        self.key = ""

    def _string_end(self, start: int, quote: str) -> int | None:
        """Offset after the quote that closes the string opened at `start`, or None where nothing does."""
        at, doubts = start + 1, list[int]()
        while found := _QUOTE_OR_ESCAPE[quote].search(self.text, at):
            at = found.end()
            if found[0] == "\\":
                at += 1
            elif _AFTER_STRING.match(self.text, at):
                return self._checked_end(at, doubts)
            elif not _APOSTROPHE.match(self.text, at - 2):
                doubts.append(at - 1)
        return None

    def _checked_end(self, end: int, doubts: list[int]) -> int | None:
        """`end`, or the first doubtful quote where a key stands in between: the string ended there, unnoticed."""
        if doubts and _KEY_INSIDE.search(self.text, doubts[0], end + 1):
            self.returns += 1
            if self.returns > _MAX_RETURNS or end - doubts[0] > _MAX_RETURN_CHARS:
                return None
            end, doubts = doubts[0] + 1, doubts[:1]
        self.doubts += doubts
        return end

    def _list(self, piece: Piece) -> None:
        if not self.open:
            self.roots.append(piece)
        elif len(self.open) <= _LISTED_DEPTH:
            self.open[-1].members.append(piece)

    def _comment(self, start: int) -> None:
        """Skip `// ...`, `# ...` or `/* ... */` where a comment can stand; `http://` and `a/b` are no comments."""
        mark = self.text[start] if self.text[start] == "#" else self.text[start : start + 2]
        closer = _COMMENT_CLOSERS.get(mark)
        if closer is None or not (self.text[start - 1].isspace() or self.text[start - 1] in "{[,}]\"'"):
            return
        close = self.text.find(closer, start + len(mark))
        self.at = len(self.text) if close < 0 else close + len(closer)
        self.comments.append((start, self.at))

    def blanked(self) -> str:
        parts, done = [], 0
        for start, end in self.comments:
            parts += [self.text[done:start], " " * (end - start)]
            done = end
        return "".join([*parts, self.text[done:]])
