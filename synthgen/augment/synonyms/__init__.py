"""Texts rewritten without a model: synonyms that keep part of speech and form, insertion, swap and deletion."""

from synthgen.augment.synonyms.lexicon import Lexicon
from synthgen.augment.synonyms.rewrite import DEFAULT_RATIO, Meaning, Rewritten, Settings, rewrite
from synthgen.augment.synonyms.thesaurus import POS, Pos, Sense, Thesaurus, Word, WordList

__all__ = [
    "DEFAULT_RATIO",
    "POS",
    "Lexicon",
    "Meaning",
    "Pos",
    "Rewritten",
    "Sense",
    "Settings",
    "Thesaurus",
    "Word",
    "WordList",
    "rewrite",
]
