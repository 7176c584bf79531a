"""Judges of one row. Each says why, with evidence; none looks at any other row.

`build_checks` makes the list a job asks for, cheapest first. Duplicates and leakage are `dedup`'s, labels `label`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from synthgen.checks.change import Change, Unchanged, judge_similarity, needs_vectors
from synthgen.checks.chatter import Chatter
from synthgen.checks.label import LabelJudge
from synthgen.checks.language import Language
from synthgen.checks.length import Length
from synthgen.checks.memorised import Memorised
from synthgen.checks.of_field import OfField
from synthgen.checks.pattern import Pattern
from synthgen.checks.pii import Pii
from synthgen.checks.placeholder import Placeholder
from synthgen.checks.protocol import Check, MeasuringCheck
from synthgen.checks.refusal import Refusal
from synthgen.checks.repetitive import Repetitive
from synthgen.checks.seeds import CopiedSeed
from synthgen.job import (
    ChangeCheck,
    ChatterCheck,
    CheckConfig,
    CopiedSeedCheck,
    LanguageCheck,
    LengthCheck,
    MemorisedCheck,
    PatternCheck,
    PiiCheck,
    PlaceholderCheck,
    RefusalCheck,
    RepetitiveCheck,
    UnchangedCheck,
)
from synthgen.job.model import TextCheck
from synthgen.records import Candidate, Row

__all__ = [
    "Check",
    "LabelJudge",
    "build_checks",
    "judge_similarity",
    "measure_row",
    "measuring",
    "needs_vectors",
    "rewrite_row",
    "rewriting",
]

_ORDER = (
    "length",
    "unchanged",
    "pattern",
    "placeholder",
    "refusal",
    "chatter",
    "repetitive",
    "change",
    "copied_seed",
    "memorised",
    "language",
    "pii",
)


def build_checks(configs: Sequence[CheckConfig], *, language: str | None, real: Sequence[Row] = ()) -> list[Check]:
    """The row checks of a job, cheapest first.

    Args:
        configs: The job's checks; those that look at other rows are left to their own rooms.
        language: The job's language, checked even where no check says so.
        real: The real training rows.
    """
    built = [(config, check) for config in configs if (check := _build(config, language, real)) is not None]
    checks = [OfField(check, field) if (field := _field(config)) else check for config, check in built]
    if language is not None and not any(check.name == "language" for check in checks):
        checks.append(Language([language]))
    return sorted(checks, key=lambda check: _ORDER.index(check.name))


def measuring(checks: Sequence[Check]) -> tuple[MeasuringCheck, ...]:
    """Those of some checks that have figures to keep of the rows that pass them."""
    return tuple(check for check in checks if isinstance(check, MeasuringCheck))


def rewriting(checks: Sequence[Check]) -> tuple[Check, ...]:
    """Those of some checks that may change a row."""
    return tuple(check for check in checks if isinstance(check, Pii))


def measure_row(checks: Sequence[MeasuringCheck], candidate: Candidate) -> Mapping[str, Any]:
    """What the checks that a row passed found worth keeping of it."""
    found: dict[str, Any] = {}
    for check in checks:
        found.update(check.measure(candidate))
    return found


def rewrite_row(checks: Sequence[Check], candidate: Candidate) -> tuple[Candidate, Mapping[str, Any]]:
    """The row as it is to be judged and kept, and what was changed about it: personal data that is to be redacted."""
    found: dict[str, Any] = {}
    for check in checks:
        if isinstance(check, Pii):
            candidate, changed = check.rewrite(candidate)
            found.update(changed)
    return candidate, found


def _field(config: CheckConfig) -> str | None:
    return config.field if isinstance(config, TextCheck) and not isinstance(config, PiiCheck) else None


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
        case UnchangedCheck():
            return Unchanged()
        case ChangeCheck():
            return Change(config)
        case RepetitiveCheck():
            return Repetitive(config.max_repeat_ratio)
        case CopiedSeedCheck():
            return CopiedSeed(config.max_overlap_ratio)
        case MemorisedCheck():
            return Memorised(config.max_words, real)
        case PiiCheck():
            return Pii(config, language)
        case LanguageCheck():
            languages = config.languages or ([language] if language else [])
            return Language(languages) if languages else None
        case _:
            return None
