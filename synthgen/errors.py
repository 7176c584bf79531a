"""The error tree. Who must act decides the class; the class decides the exit code.

    SynthgenError
      JobError            you edit a file or an argument      exit 2
      ProviderError       the far side                        exit 3
        Fatal               wrong key, unknown model, exhausted quota: asking again cannot help
        RateLimited         asked too fast; carries how long to wait
        Transient           may work when asked again: 5xx, timeout, reset, cut body
        Refused             this one request is refused for good: 400, content filter
      JournalError        the disk or the run directory       exit 4   always stops the run
      BudgetExhausted     a planned end                       exit 5   resumable

A message says what happened and where; `hint` says the next step. Bad model output is never an exception: it is a
`Rejection` (see `records`).
"""

from __future__ import annotations


class SynthgenError(Exception):
    """Root of everything synthgen raises on purpose.

    Args:
        message: What happened and where, in one or two sentences.
        hint: The next step for the person who must act, or None where the message already says it.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\n  next: {self.hint}"


class JobError(SynthgenError):
    """A job file, a data file, a template or an argument is wrong: its author must edit it."""

    exit_code = 2


class ProviderError(SynthgenError):
    """The model's side failed or cannot be reached."""

    exit_code = 3


class Fatal(ProviderError):
    """Asking again cannot help: wrong key, no permission, unknown model, exhausted quota."""


class RateLimited(ProviderError):
    """The far side asks to be asked less often.

    Args:
        retry_after_s: Seconds the far side named, or None where it named none.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class Transient(ProviderError):
    """The same request may work a moment later: 5xx, timeout, connection reset, cut body."""


class Refused(ProviderError):
    """The far side will never answer this one request: malformed for it, too long, or filtered."""


class JournalError(SynthgenError):
    """The run's file cannot be written, read or locked. The one part that always stops a run."""

    exit_code = 4


class BudgetExhausted(SynthgenError):
    """A budget or the deadline ended the run as planned. Resumable with a larger one."""

    exit_code = 5
