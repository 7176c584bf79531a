"""Short customer messages, 20 to 160 characters, out of a grammar with more than 10**12 sentences.

Refuses nothing and judges nothing; the words are chosen so that no check for refusals, placeholders or chatter
would reject one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from synthgen.simulator import words
from synthgen.simulator.dice import Dice

MIN_CHARS = 20
MAX_CHARS = 160
_VOWEL = re.compile(r" a (?=[aeio])")
_REF_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"

FRAMES = (
    "I BOUGHT the QUALITY NOUN CHANNEL TIME and PROBLEM, ASK.",
    "I BOUGHT a QUALITY NOUN TIME but PROBLEM.",
    "PROBLEM_UP: the QUALITY NOUN I BOUGHT TIME CHANNEL.",
    "PROBLEM_UP, and my QUALITY NOUN is for NAME's flat in CITY, ASK?",
    "ASK_UP? I BOUGHT the QUALITY NOUN CHANNEL and PROBLEM.",
    "ASK_UP, since PROBLEM TIME.",
    "QUESTION?",
    "QUESTION, and ASK?",
    "A CHARGE of MONEY CHARGE_EVENT TIME, ASK.",
    "The CHARGE for my QUALITY NOUN CHARGE_EVENT, ASK?",
    "I cannot ACCOUNT_TASK DEVICE, and PROBLEM.",
    "How do I ACCOUNT_TASK DEVICE? It failed TIME and PROBLEM.",
    "Your courier COURIER my QUALITY NOUN in CITY TIME, PROBLEM.",
    "The driver COURIER the NOUN TIME; ASK.",
    "PRAISE the QUALITY NOUN from CITY, PRAISED.",
    "PRAISE my NOUN, but PROBLEM TIME and ASK.",
)

_PLAIN: Mapping[str, tuple[str, ...]] = {
    "NOUN": words.NOUNS,
    "OTHER": words.NOUNS,
    "QUALITY": words.QUALITIES,
    "PART": words.PARTS,
    "CITY": words.CITIES,
    "TIME": words.TIMES,
    "TIME_DAY": words.DAYS,
    "DAY": words.DAYS,
    "NAME": words.NAMES,
    "BOUGHT": words.PAID,
    "COURIER": words.COURIER,
    "CHARGE": words.CHARGES,
    "PRAISE": words.PRAISE,
    "CHANNEL": words.CHANNELS,
    "CHANNEL_SHORT": words.CHANNELS[:5],
    "DEADLINE": words.DEADLINES,
    "PROBLEM": words.PROBLEMS,
    "ASK": words.ASKS,
    "QUESTION": words.QUESTIONS,
    "CHARGE_EVENT": words.CHARGE_EVENTS,
    "ACCOUNT_TASK": words.ACCOUNT_TASKS,
    "DEVICE": words.DEVICES,
    "PRAISED": words.PRAISED,
}


def _money(dice: Dice) -> str:
    cents = (0, 50, 99, 95, dice.below(100))[dice.below(5)]
    return f"{dice.pick('£$€')}{dice.between(3, 640)}" + (f".{cents:02d}" if cents else "")


def _reference(dice: Dice) -> str:
    ngrams = dice.pick(_REF_LETTERS) + dice.pick(_REF_LETTERS)
    return f"{ngrams}{dice.between(10_000, 999_999)}"


_MADE: Mapping[str, Callable[[Dice], str]] = {
    "MONEY": _money,
    "REF": _reference,
    "COUNT": lambda dice: str(dice.between(2, 8)),
}

_NAMES = re.compile(r"\b(" + "|".join(sorted([*_PLAIN, *_MADE], key=len, reverse=True)) + r")(_UP)?\b")
_Hole = tuple[list[Any], Callable[[Dice], str] | None, bool]
# plain text, or a %-format and for each of its holes: the bank, or what makes it up, and whether it begins a sentence
_Template = str | tuple[str, tuple[_Hole, ...]]
_banks: dict[str, list[_Template]] = {name: [] for name in _PLAIN}


def _compile(template: str) -> _Template:
    """Looks up once what is expanded a million times; most entries hold no name and stay plain text."""
    holes = [(_banks.get(m[1], []), _MADE.get(m[1]), m[2] is not None) for m in _NAMES.finditer(template)]
    return (_NAMES.sub("%s", template), tuple(holes)) if holes else template


for _name, _entries in _PLAIN.items():
    _banks[_name] += map(_compile, _entries)
_FRAMES, _OPENERS, _TAILS = ([_compile(entry) for entry in bank] for bank in (FRAMES, words.OPENERS, words.TAILS))


def write_message(dice: Dice) -> str:
    """One message. Where the whole would be too long, the reference at the end goes first, then the greeting."""
    body = _expand(dice.pick(_FRAMES), dice)
    while len(body) > MAX_CHARS - 10:
        body = _expand(dice.pick(_FRAMES), dice)
    body = _VOWEL.sub(" an ", body)
    opener = _expand(dice.pick(_OPENERS), dice) if dice.below(4) == 0 else ""
    tail = _expand(dice.pick(_TAILS), dice) if dice.below(8) < 5 else ""
    goes_on = opener and not body.startswith("I ")
    greeted = opener + (body[0].lower() + body[1:] if goes_on else body)
    for text in (greeted + tail, body + tail, greeted):
        if len(text) <= MAX_CHARS:
            return text
    return body


def _expand(template: _Template, dice: Dice) -> str:
    if isinstance(template, str):
        return template
    pattern, holes = template
    said = []
    for bank, make, is_raised in holes:
        text = make(dice) if make else _expand(bank[dice.below(len(bank))], dice)
        said.append(text[0].upper() + text[1:] if is_raised else text)
    return pattern % tuple(said)
