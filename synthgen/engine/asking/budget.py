"""What a run may spend: reserved before sending, settled after, cumulative over resumes.

A request that failed after it was sent may have been billed; it is counted at its reservation, so that the budget is
an upper bound of what the far side can charge.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from synthgen.job import BudgetConfig
from synthgen.records import Spend, Usage
from synthgen.text import duration_s

LEASE = Fraction(5, 4)
MAX_LEASE = 4


class Budget:
    """Says whether one more request fits.

    Args:
        config: The job's bounds.
        spent: What earlier sessions of the run spent.

    Attributes:
        is_bounded: Whether anything but time is bounded.
    """

    def __init__(self, config: BudgetConfig, *, spent: Spend) -> None:
        self._config = config
        self.is_bounded = bool(self._used(Spend()))
        self.spent = spent
        self.reserved = Spend()
        self._lease = Spend()

    def reserve(self, estimate: Spend) -> str | None:
        """Reserve `estimate` where it fits.

        Returns:
            None where it was reserved, else the bound in its way, in words.
        """
        used = self._used(self.spent + self.reserved + estimate)
        broken = next((words for amount, bound, words in used if amount > bound), None)
        if broken is None:
            self.reserved += estimate
        return broken

    def settle(self, estimate: Spend, actual: Spend) -> None:
        """Turn a reservation into what was really spent."""
        self.reserved -= estimate
        self.spent += actual

    def next_lease(self) -> Spend | None:
        """What the journal should hold against a crash, where what it holds is too little or far too much.

        A lease covers everything reserved. It is renewed in steps of a quarter, so that few requests wait for one.
        """
        if not self.is_bounded:
            return None
        wanted = self.reserved
        is_far_too_much = self._lease.requests > 0 and _covers(self._lease, _scaled(wanted, MAX_LEASE))
        if _covers(self._lease, wanted) and not is_far_too_much:
            return None
        self._lease = _scaled(wanted, LEASE) if wanted.requests else Spend()
        return self._lease

    @property
    def used_ratio(self) -> float:
        """Share of the tightest bound that is spent; 0 where nothing is bounded."""
        return max((float(amount / bound) for amount, bound, _ in self._used(self.spent)), default=0.0)

    @property
    def has_reservations(self) -> bool:
        return self.reserved.requests > 0

    def _used(self, spend: Spend) -> list[tuple[Decimal, Decimal, str]]:
        """What `spend` is of each bound there is: the amount, the bound, and the bound in words."""
        config, usage = self._config, spend.usage
        found = (
            (spend.requests, config.max_requests, "max_requests: {:,} requests"),
            (usage.total_tokens, config.max_tokens, "max_tokens: {:,} tokens"),
            (usage.usd, config.max_usd, "max_usd: ${}"),
        )
        return [(Decimal(a), Decimal(bound), words.format(bound)) for a, bound, words in found if bound is not None]


def _covers(larger: Spend, smaller: Spend) -> bool:
    return all(more >= less for more, less in zip(_parts(larger), _parts(smaller), strict=True))


def _parts(spend: Spend) -> tuple[int | Decimal, ...]:
    usage = spend.usage
    return spend.requests, usage.input_tokens, usage.output_tokens, usage.usd


def _scaled(spend: Spend, factor: int | Fraction) -> Spend:
    """Every part times `factor`, rounded up."""
    usage = spend.usage
    parts = Usage(
        math.ceil(usage.input_tokens * factor),
        math.ceil(usage.output_tokens * factor),
        usage.usd * factor.numerator / factor.denominator,
    )
    return Spend(math.ceil(spend.requests * factor), parts)


def seconds_until(deadline: str, *, now: dt.datetime, worked_s: float = 0.0) -> float:
    """Seconds from `now` (local time) to a deadline as the job file writes it.

    `07:00` is the next time the clock says so; `8h30m` is time worked, of which earlier sessions spent `worked_s`.
    """
    clock = re.fullmatch(r"(\d{1,2}):(\d{2})", deadline)
    if clock:
        at = now.replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
        return ((at if at > now else at + dt.timedelta(days=1)) - now).total_seconds()
    return duration_s(deadline) - worked_s


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for one token."""

    input_usd: Decimal
    output_usd: Decimal

    def of(self, usage: Usage) -> Decimal:
        return usage.input_tokens * self.input_usd + usage.output_tokens * self.output_usd

    def warm_up(self) -> None:
        """It is known."""
