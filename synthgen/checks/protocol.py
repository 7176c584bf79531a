"""What a check must be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from synthgen.records import Candidate, Rejection, Row


class Check(Protocol):
    """Judges one row by itself: pure, so it may run in any order and again."""

    @property
    def name(self) -> str:
        """As the job file says it."""
        ...

    @property
    def cost(self) -> int:
        """Its place: checks of less cost judge first. Ours are 10 to 120, a function of the user's 1000."""
        ...

    def judge(self, candidate: Candidate) -> Rejection | None:
        """Why the row is not wanted, or None."""
        ...


@runtime_checkable
class MeasuringCheck(Check, Protocol):
    """A check that also has figures to keep of the rows that it passes."""

    def measure(self, candidate: Candidate) -> Mapping[str, Any]:
        """JSON values by name, which an exported row carries among its check results; empty where there is none."""
        ...


@runtime_checkable
class RewritingCheck(Check, Protocol):
    """A check that may change a row before any check judges it."""

    def rewrite(self, candidate: Candidate) -> tuple[Candidate, Mapping[str, Any]]:
        """The row as it is to be judged and kept, and what was changed, for its check results."""
        ...


@dataclass(frozen=True, slots=True)
class Setting:
    """What a check may know of the job it judges for.

    Attributes:
        language: The job's, or None.
        real: The real training rows.
        load: Imports the user's `module:name`, blaming the key given second.
        rules: Version of the job's rules; checks judge as they did where a run began with earlier ones.
    """

    language: str | None
    real: Sequence[Row]
    load: Callable[[str, str], Any]
    rules: int = 2


@runtime_checkable
class RowCheckConfig(Protocol):
    """The keys of a check that judges rows one by one."""

    def build(self, setting: Setting) -> Check | None:
        """The judge, or None where these keys ask for none.

        Raises:
            JobError: They mean nothing here.
        """
        ...
