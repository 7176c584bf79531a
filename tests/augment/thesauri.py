"""A thesaurus small enough to know by heart."""

from __future__ import annotations

from synthgen.augment.synonyms import Lexicon, WordList

WORDS = WordList(
    {
        "v": [
            ["buy", "purchase"],
            ["cancel", "annul"],
            ["begin", "start"],
            ["tease", "card"],
            ["plan", "intend"],
        ],
        "n": [
            ["error", "mistake"],
            ["card"],
            ["wag", "card", "wit"],
            ["shop", "store"],
            ["child", "kid"],
            ["plan", "scheme"],
            ["mobile phone", "cellphone"],
            ["exchange rate"],
            ["rate", "pace"],
            ["friend", "buddy"],
            ["pear", "fruit"],
        ],
        "a": [["wrong", "incorrect"], ["fast", "quick"], ["cheap", "inexpensive"]],
        "r": [["quickly", "rapidly"]],
    }
)
LEXICON = Lexicon(WORDS)
