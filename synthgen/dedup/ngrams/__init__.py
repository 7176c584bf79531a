"""Lexical similarity: which rows share enough character 3-grams."""

from synthgen.dedup.ngrams.grams import GramOrder, Profiles, joined
from synthgen.dedup.ngrams.index import LexicalIndex

__all__ = ["GramOrder", "LexicalIndex", "Profiles", "joined"]
