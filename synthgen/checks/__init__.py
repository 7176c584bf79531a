"""Judges of one row. Each says why, with evidence; none looks at any other row.

`build_checks` makes the list a job asks for, cheapest first. The table of names is `job.checks`; duplicates and leakage
are judged by `dedup`, labels by `checks.label`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from synthgen.checks.change import judge_similarity, needs_vectors
from synthgen.checks.label import LabelJudge
from synthgen.checks.language import Language
from synthgen.checks.of_field import OfField
from synthgen.checks.protocol import Check, MeasuringCheck, RewritingCheck, RowCheckConfig, Setting
from synthgen.errors import JobError
from synthgen.job.checks import CheckConfig, TextCheck
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


def _load_nothing(reference: str, blame: str) -> Any:
    raise JobError(f"{blame}: '{reference}' cannot be imported here")


def build_checks(
    configs: Sequence[CheckConfig],
    *,
    language: str | None,
    real: Sequence[Row] = (),
    load: Callable[[str, str], Any] = _load_nothing,
    rules: int = 2,
) -> list[Check]:
    """The row checks of a job, cheapest first.

    Args:
        configs: The job's checks; those that look at other rows are left to their own rooms.
        language: The job's language, checked even where no check says so.
        real: The real training rows.
        load: Imports the user's `module:name`, blaming the key given second.
        rules: Version of the job's rules.

    Raises:
        JobError: A check's setting means nothing, or what it names cannot be used.
    """
    setting = Setting(language, real, load, rules)
    checks = [check for config in configs if (check := _build(config, setting)) is not None]
    if language is not None and not any(check.name == "language" for check in checks):
        checks.append(Language([language]))
    return sorted(checks, key=lambda check: check.cost)


def measuring(checks: Sequence[Check]) -> tuple[MeasuringCheck, ...]:
    """Those of some checks that have figures to keep of the rows that pass them."""
    return tuple(check for check in checks if isinstance(check, MeasuringCheck))


def rewriting(checks: Sequence[Check]) -> tuple[RewritingCheck, ...]:
    """Those of some checks that may change a row."""
    return tuple(check for check in checks if isinstance(check, RewritingCheck))


def measure_row(checks: Sequence[MeasuringCheck], candidate: Candidate) -> Mapping[str, Any]:
    """What the checks that a row passed found worth keeping of it."""
    found: dict[str, Any] = {}
    for check in checks:
        found.update(check.measure(candidate))
    return found


def rewrite_row(checks: Sequence[RewritingCheck], candidate: Candidate) -> tuple[Candidate, Mapping[str, Any]]:
    """The row as it is to be judged and kept, and what was changed about it: personal data that is to be redacted."""
    found: dict[str, Any] = {}
    for check in checks:
        candidate, changed = check.rewrite(candidate)
        found.update(changed)
    return candidate, found


def _build(config: CheckConfig, setting: Setting) -> Check | None:
    field = config.field if isinstance(config, TextCheck) else None
    if not isinstance(config, RowCheckConfig):
        return None
    check = config.build(setting)
    if check is not None and not (callable(getattr(check, "judge", None)) and isinstance(check.cost, int)):
        raise JobError(f"check '{config.check}': what its `build` makes has no `judge` or no `cost`")
    return OfField(check, field) if check is not None and field else check
