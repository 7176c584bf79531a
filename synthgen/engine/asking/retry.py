"""When to ask again, and how long to wait before: a policy as a value, no clock of its own.

Being throttled burns no attempt and lasts as long as the deadline allows; transient errors back off with full jitter
(random between zero and an exponentially growing bound, from tenacity, which is loaded at the first of them); refused
and fatal ones are final.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

from synthgen.job import RetryConfig
from synthgen.records import Failure, FailureKind

if TYPE_CHECKING:
    from tenacity.wait import wait_base

FIRST_BACKOFF_S = 0.5
THROTTLED_WITHOUT_HINT_S = 2.0


class RetryDecision(Enum):
    """What to do with a request that failed."""

    AGAIN = "again"
    GIVE_UP = "give_up"
    STOP_ENDPOINT = "stop_endpoint"


@dataclass(slots=True)
class Tries:
    """What one request has been through.

    Attributes:
        first_at: When it was first sent, by the engine's clock, in seconds.
        attempts: Calls made.
        transient: Of these, the ones that failed transiently.
    """

    first_at: float
    attempts: int = 0
    transient: int = 0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Decides after each failure.

    Attributes:
        config: The job's bounds.
    """

    config: RetryConfig

    def decide(self, failure: Failure, tries: Tries, *, now: float) -> tuple[RetryDecision, float]:
        """The verdict and, for `AGAIN`, the seconds to wait."""
        match failure.kind:
            case FailureKind.FATAL:
                return RetryDecision.STOP_ENDPOINT, 0.0
            case FailureKind.REFUSED:
                return RetryDecision.GIVE_UP, 0.0
            case FailureKind.THROTTLED:
                return RetryDecision.AGAIN, failure.retry_after_s or THROTTLED_WITHOUT_HINT_S
            case FailureKind.TRANSIENT:
                is_spent = tries.transient >= self.config.max_attempts
                if is_spent or now - tries.first_at >= self.config.max_elapsed_s:
                    return RetryDecision.GIVE_UP, 0.0
                # A named wait holds up every slot behind this one: no longer than an outage is waited for.
                named_s = min(failure.retry_after_s or 0.0, self.config.max_outage_s)
                return RetryDecision.AGAIN, max(named_s, self.backoff_s(tries.transient))

    def backoff_s(self, failures: int) -> float:
        """Seconds to wait after so many transient failures, drawn at random below a growing bound."""
        from tenacity import RetryCallState

        state = RetryCallState(retry_object=None, fn=None, args=(), kwargs={})  # type: ignore[arg-type]
        state.attempt_number = failures
        return float(_backoff(self.config.max_wait_s)(state))


@lru_cache(maxsize=16)
def _backoff(max_wait_s: float) -> wait_base:
    from tenacity import wait_random_exponential

    return wait_random_exponential(multiplier=FIRST_BACKOFF_S, max=max_wait_s)
