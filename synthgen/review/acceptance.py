"""What a number of looked-at rows and errors proves about the rest: exact binomial bounds, and a verdict.

Source of the bounds: C. Clopper, E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of
the binomial", Biometrika 26 (1934). A sample spread over the classes by their sizes, drawn without replacement, varies
less than the binomial that they assume, so they err on the safe side.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor
from typing import Any, Literal

MAX_ERROR_RATIO = 0.05
CONFIDENCE_RATIO = 0.95

State = Literal["unreviewed", "undecided", "passed", "failed"]


@dataclass(frozen=True, slots=True)
class AcceptanceTest:
    """Where the spot check stands.

    Attributes:
        state: `passed` where the upper bound is below 5 %, `failed` where the lower one is above, else `undecided`.
        looked_at: Rows that count: drawn evenly, with a verdict that is no skip.
        errors: Those of them that anybody found wrong, unnatural or harmful.
        rows: Accepted rows in all.
        error_ratio: Errors of looked at; None where nothing was.
        low_ratio: One-sided 95 % lower bound of the share of errors among all rows.
        high_ratio: One-sided 95 % upper bound.
        more_rows: Further rows to look at before it can pass, if no error is among them; None where it is decided, or
            where more rows cannot help any more.
        is_census: Whether every accepted row was looked at, so that the ratio is known and the bounds equal it.
    """

    state: State
    looked_at: int
    errors: int
    rows: int
    error_ratio: float | None
    low_ratio: float
    high_ratio: float
    more_rows: int | None
    is_census: bool

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "state": self.state,
            "looked_at": self.looked_at,
            "errors": self.errors,
            "rows": self.rows,
            "error_ratio": self.error_ratio,
            "low_ratio": self.low_ratio,
            "high_ratio": self.high_ratio,
            "max_error_ratio": MAX_ERROR_RATIO,
            "confidence_ratio": CONFIDENCE_RATIO,
            "more_rows": self.more_rows,
            "is_census": self.is_census,
        }

    def sentence(self) -> str:
        """For a person, in one sentence."""
        errors = f"{self.errors:,} error{'s' if self.errors != 1 else ''}"
        seen = f"{errors} in {self.looked_at:,} row{'s' if self.looked_at != 1 else ''} looked at"
        low, high = f"{floor(1000 * self.low_ratio) / 10:g}", f"{ceil(1000 * self.high_ratio) / 10:g} %"
        bounds = f"at 95 % confidence between {low} and {high}"
        match self.state:
            case "unreviewed":
                return f"unreviewed: nobody has looked at the {self.rows:,} rows"
            case _ if self.is_census:
                return f"{self.state}: {errors}, and all {self.rows:,} rows were looked at"
            case "passed":
                return f"passed: {seen}; the error rate is below {high} at 95 % confidence"
            case "failed":
                return f"failed: {seen}; the error rate is above {low} % at 95 % confidence"
        if self.more_rows is None:
            return f"undecided: {seen}; {bounds}"
        return f"undecided: {seen}; {bounds}. {self.more_rows:,} more without an error and it passes"


def run_acceptance_test(*, looked_at: int, errors: int, rows: int) -> AcceptanceTest:
    """What `errors` in `looked_at` of `rows` says.

    Raises:
        ValueError: The counts contradict each other.
    """
    if not 0 <= errors <= looked_at <= rows:
        raise ValueError(f"{errors} errors, {looked_at} looked at, {rows} rows")
    if not looked_at:
        return AcceptanceTest("unreviewed", 0, 0, rows, None, 0.0, 1.0, _more(0, 0, rows), is_census=False)
    ratio = errors / looked_at
    if looked_at == rows:
        state: State = "passed" if ratio < MAX_ERROR_RATIO else "failed"
        return AcceptanceTest(state, looked_at, errors, rows, ratio, ratio, ratio, None, is_census=True)
    low, high = lower_bound(looked_at, errors), upper_bound(looked_at, errors)
    state = "passed" if high < MAX_ERROR_RATIO else "failed" if low > MAX_ERROR_RATIO else "undecided"
    more = _more(looked_at, errors, rows) if state == "undecided" else None
    return AcceptanceTest(state, looked_at, errors, rows, ratio, low, high, more, is_census=False)


def upper_bound(looked_at: int, errors: int) -> float:
    """Largest error rate that would still show as few errors as this in one sample of twenty."""
    from scipy.special import betaincinv

    return 1.0 if errors >= looked_at else float(betaincinv(errors + 1, looked_at - errors, CONFIDENCE_RATIO))


def lower_bound(looked_at: int, errors: int) -> float:
    """Smallest error rate that would still show as many errors as this in one sample of twenty."""
    from scipy.special import betaincinv

    return 0.0 if errors == 0 else float(betaincinv(errors, looked_at - errors + 1, 1 - CONFIDENCE_RATIO))


def min_rows_to_pass(errors: int) -> int:
    """How many rows must be looked at for `errors` among them to pass: 59 for none, 93 for one."""
    low, high = errors, max(64, 64 * errors)
    while upper_bound(high, errors) >= MAX_ERROR_RATIO:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if upper_bound(middle, errors) < MAX_ERROR_RATIO:
            high = middle
        else:
            low = middle
    return high


def _more(looked_at: int, errors: int, rows: int) -> int | None:
    """Rows still to look at; where that is all of them the ratio is known, and may pass earlier or never."""
    missing = min_rows_to_pass(errors) - looked_at
    if missing < rows - looked_at:
        return missing
    return rows - looked_at if errors < MAX_ERROR_RATIO * rows else None
