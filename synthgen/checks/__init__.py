"""Judges of one row. Each says why, with evidence; none looks at any other row.

`build_checks` makes the list a job asks for, cheapest first. Duplicates and leakage are `dedup`'s, labels `label`'s.
"""

from __future__ import annotations

from collections.abc import Sequence

from synthgen.checks.chatter import Chatter
from synthgen.checks.label import LabelJudge
from synthgen.checks.language import Language
from synthgen.checks.length import Length
from synthgen.checks.memorised import Memorised
from synthgen.checks.pattern import Pattern
from synthgen.checks.placeholder import Placeholder
from synthgen.checks.protocol import Check
from synthgen.checks.refusal import Refusal
from synthgen.checks.repetitive import Repetitive
from synthgen.checks.seeds import CopiedSeed
from synthgen.job import (
    ChatterCheck,
    CheckConfig,
    CopiedSeedCheck,
    LanguageCheck,
    LengthCheck,
    MemorisedCheck,
    PatternCheck,
    PlaceholderCheck,
    RefusalCheck,
    RepetitiveCheck,
)
from synthgen.records import Row

__all__ = ["Check", "LabelJudge", "build_checks"]

_ORDER = (
    "length",
    "pattern",
    "placeholder",
    "refusal",
    "chatter",
    "repetitive",
    "copied_seed",
    "memorised",
    "language",
)


def build_checks(configs: Sequence[CheckConfig], *, language: str | None, real: Sequence[Row] = ()) -> list[Check]:
    """The row checks of a job, cheapest first.

    Args:
        configs: The job's checks; those that look at other rows are left to their own rooms.
        language: The job's language, checked even where no check says so.
        real: The real training rows.
    """
    checks = [check for config in configs if (check := _build(config, language, real)) is not None]
    if language is not None and not any(check.name == "language" for check in checks):
        checks.append(Language([language]))
    return sorted(checks, key=lambda check: _ORDER.index(check.name))


def _build(config: CheckConfig, language: str | None, real: Sequence[Row]) -> Check | None:
    match config:
        case LengthCheck():
            return Length(config)
        case PatternCheck():
            return Pattern(config)
        case PlaceholderCheck():
            return Placeholder(config.allow)
        case RefusalCheck():
            return Refusal()
        case ChatterCheck():
            return Chatter()
        case RepetitiveCheck():
            return Repetitive(config.max_repeat_ratio)
        case CopiedSeedCheck():
            return CopiedSeed(config.max_overlap_ratio)
        case MemorisedCheck():
            return Memorised(config.max_words, real)
        case LanguageCheck():
            languages = config.languages or ([language] if language else [])
            return Language(languages) if languages else None
        case _:
            return None
