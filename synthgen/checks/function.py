"""A function of the user's own: of the row's text and fields, to None or the reason why the row is not wanted."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import Field

from synthgen.checks.protocol import Setting
from synthgen.errors import JobError
from synthgen.job.checks import TextCheck
from synthgen.records import Candidate, Reason, Rejection

_MAX_SHOWN = 200


class FunctionCheck(TextCheck):
    """`check: module:function`, imported from the job's folder or an installed package when the run is prepared.

    The function is called with the text and all fields of a row. It returns None, a reason, or a reason and a mapping
    of evidence; it must be pure, for `verify` and `replay` call it again.
    """

    check: Annotated[str, Field(pattern=r"^[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*$")]

    def build(self, setting: Setting) -> UsersFunction:
        function = setting.load(self.check, "checks")
        if not callable(function):
            raise JobError(f"checks: '{self.check}' is no function", hint="name a function of (text, fields)")
        if inspect.iscoroutinefunction(function):
            raise JobError(f"checks: '{self.check}' is async; checks are called plainly", hint="write `def`")
        try:
            inspect.signature(function).bind("", {})
        except TypeError as error:
            raise JobError(
                f"checks: '{self.check}' cannot be called with (text, fields): {error}",
                hint="def check(text: str, fields: dict) -> str | None",
            ) from None
        except ValueError:
            pass  # a builtin without a signature
        return UsersFunction(self.check, function)


class UsersFunction:
    """Rejects what the function has a reason against. An exception or another result rejects too, and says so.

    Args:
        name: `module:function`.
        function: Of text and fields.
    """

    cost = 1000

    def __init__(self, name: str, function: Callable[[str, dict[str, Any]], Any]) -> None:
        self.name, self._function = name, function

    def judge(self, candidate: Candidate) -> Rejection | None:
        try:
            found = self._function(candidate.text, dict(candidate.fields))
            if found is None:
                return None
            evidence = _evidence(found)
        except (Exception, SystemExit) as error:  # the user's code: whatever it raises is theirs to read
            evidence = {"why": "the function failed", "exception": f"{type(error).__name__}: {error}"[:_MAX_SHOWN]}
        return Rejection(Reason.CHECK, {"check": self.name, **evidence})


def _evidence(found: Any) -> dict[str, Any]:
    match found:
        case str() if found:
            return {"why": str(found)}
        case (str() as why, Mapping() as more) if why:
            plain: dict[str, Any] = json.loads(json.dumps(dict(more), default=repr))
            return {**plain, "why": str(why)}
    shown = repr(found)[:_MAX_SHOWN]
    return {"why": "the function returned neither None nor a reason", "returned": shown}
