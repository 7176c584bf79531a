"""A text as words and what stands between them, so that a changed word leaves everything else as it was.

Owns which words are left alone whatever is asked: names, numbers, codes, addresses, placeholders, and the caller's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_WORD = re.compile(r"[^\W_]+(?:['’\-][^\W_]+)*")
# {name}, [Name], <tag>, `code`, addresses, mentions, %s, $VAR, file.ext, a/b
_LITERAL = re.compile(
    r"\{\{.*?\}\}|\{[^{}]*\}|\[[^\[\]]*\]|<[^<>]*>|`[^`]*`|https?://\S+|www\.\S+|\S+@\S+|[@#$%\\]\w+|\w+(?:[./\\_]\w+)+"
)
_PLAIN_WORD = re.compile(r"[a-z]+")
_ENDS_SENTENCE = re.compile(r"[.!?…:;\n]")


@dataclass(slots=True)
class Sentence:
    """One text in pieces: `gaps[0] words[0] gaps[1] words[1] ... gaps[-1]`.

    Attributes:
        words: As they are written.
        gaps: What stands before each word and after the last.
        locked: Per word, whether it is to be left alone.
    """

    words: list[str]
    gaps: list[str]
    locked: list[bool]

    def text(self) -> str:
        """All pieces together."""
        pieces = [piece for pair in zip(self.gaps, self.words, strict=False) for piece in pair]
        return "".join([*pieces, self.gaps[-1]])

    def copy(self) -> Sentence:
        """One that can be changed without changing this one."""
        return Sentence(list(self.words), list(self.gaps), list(self.locked))

    def starts_sentence(self, place: int) -> bool:
        """Whether the word at `place` is the first of a sentence."""
        return place == 0 or bool(_ENDS_SENTENCE.search(self.gaps[place]))

    def is_cut_before(self, place: int) -> bool:
        """Whether anything but white space stands between the word at `place` and the one before."""
        return place == 0 or place >= len(self.words) or bool(self.gaps[place].strip())


def take_apart(text: str, keep: Iterable[str] = ()) -> Sentence:
    """The words of `text`, with those locked that must stay.

    Args:
        text: Any text.
        keep: Words and phrases to leave alone, whatever their case; a plural or other form is another word.
    """
    words, gaps, spans, end = [], [], [], 0
    for match in _WORD.finditer(text):
        gaps.append(text[end : match.start()])
        words.append(match[0])
        spans.append(match.span())
        end = match.end()
    gaps.append(text[end:])
    sentence = Sentence(words, gaps, [False] * len(words))
    literals = [match.span() for match in _LITERAL.finditer(text)]
    shouts = _is_shouted(words)
    for place, word in enumerate(words):
        begin, end = spans[place]
        inside = bool(literals) and any(start < end and begin < stop for start, stop in literals)
        sentence.locked[place] = inside or _is_named(sentence, place, word, shouts)
    _lock_phrases(sentence, keep)
    return sentence


def _is_named(sentence: Sentence, place: int, word: str, shouts: bool) -> bool:
    if shouts:
        return not _PLAIN_WORD.fullmatch(word.lower())
    if _PLAIN_WORD.fullmatch(word):
        return False
    is_first = word[0].isupper() and _PLAIN_WORD.fullmatch(word.lower()) and word[1:] == word[1:].lower()
    return not (is_first and len(word) > 1 and sentence.starts_sentence(place))


def _is_shouted(words: Sequence[str]) -> bool:
    """Whether the whole text is in capitals, where a capital tells nothing about names."""
    ngrams = [word for word in words if word.isalpha() and len(word) > 1]
    return len(ngrams) > 2 and all(word.isupper() for word in ngrams)


def _lock_phrases(sentence: Sentence, keep: Iterable[str]) -> None:
    folded = [word.casefold() for word in sentence.words]
    for phrase in keep:
        parts = [match[0].casefold() for match in _WORD.finditer(phrase)]
        for start in range(len(folded) - len(parts) + 1 if parts else 0):
            if folded[start : start + len(parts)] == parts:
                sentence.locked[start : start + len(parts)] = [True] * len(parts)


def dress_like(word: str, model: str) -> str:
    """`word` with the capitals of `model`: all, the first, or none."""
    if len(model) > 1 and model.isupper():
        return word.upper()
    return word[:1].upper() + word[1:] if model[:1].isupper() else word
