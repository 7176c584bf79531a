"""A check of the row's text, put to one of its other fields: a response, an input, a reason."""

from __future__ import annotations

from synthgen.checks.protocol import Check
from synthgen.records import Candidate, Rejection


class OfField:
    """Judges the text of one field as `check` judges the row's; a row without the field passes.

    Args:
        check: Judges a text.
        field: The field's name.
    """

    def __init__(self, check: Check, field: str) -> None:
        self._check, self._field = check, field

    @property
    def name(self) -> str:
        return self._check.name

    @property
    def cost(self) -> int:
        return self._check.cost

    def judge(self, candidate: Candidate) -> Rejection | None:
        text = candidate.fields.get(self._field)
        if not isinstance(text, str):
            return None
        rejection = self._check.judge(candidate._replace(text=text))
        if rejection is None:
            return None
        return Rejection(rejection.reason, {"field": self._field, **rejection.evidence})
