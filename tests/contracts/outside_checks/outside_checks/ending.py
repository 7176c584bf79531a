from typing import Literal

from synthgen.job import TextCheck
from synthgen.records import Candidate, Reason, Rejection


class EndingCheck(TextCheck):
    """The text ends in one of these."""

    check: Literal["ending"]
    any_of: list[str]

    def build(self, setting):
        return Ending(tuple(self.any_of))


class Ending:
    name = "ending"
    cost = 15

    def __init__(self, any_of: tuple[str, ...]) -> None:
        self.any_of = any_of

    def judge(self, candidate: Candidate) -> Rejection | None:
        if candidate.text.endswith(self.any_of):
            return None
        return Rejection(Reason.CHECK, {"check": self.name, "ends_in": candidate.text[-1:]})
