"""Why none of a class's first answers could be read: what they share, an excerpt, and what to change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice

from synthgen.journal import Journal
from synthgen.records import Reason
from synthgen.text import visible

_LOOKED_AT, _EXCERPT_CHARS = 64, 120
_REMEDIES = {
    Reason.TRUNCATED: "raise `max_tokens` in the model's `params`, or ask for fewer `items` in each answer",
    Reason.INVALID: "compare the fields under `schema` with what the model is told by the template (`synthgen plan`)",
    Reason.MALFORMED: "look at an answer with `synthgen status --rejected 5`; a small model often does better with a "
    "template of plain text (`synthgen prompts`)",
    Reason.BROKEN: "this is a fault of synthgen or of a check: the evidence is in `synthgen status --rejected 5`",
}
_EMPTY_REMEDY = (
    "a reasoning model may have spent all its tokens on thinking: raise `max_tokens`, or set `reasoning_effort: low` "
    "in the model's `params`"
)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What the answers of a class share.

    Attributes:
        said: In words, with an excerpt.
        remedy: What to change.
    """

    said: str
    remedy: str


def why_unreadable(journals: Sequence[Journal], label: str) -> Unreadable:
    """Look at the rejections of a class of which nothing could be read, in the first stage that has some."""
    rejected = chain.from_iterable(journal.rows(accepted=False) for journal in journals)
    rows = list(islice((row for row in rejected if row.label == label), _LOOKED_AT))
    if not rows:
        return Unreadable("", _REMEDIES[Reason.MALFORMED])
    reasons = Counter(Reason(row.reason) for row in rows if row.reason is not None)
    problems = Counter(problem for row in rows for problem in row.evidence.get("problems", ())[:1])
    reason = reasons.most_common(1)[0][0]
    problem = problems.most_common(1)[0][0] if problems else reason.value
    excerpt = next((str(row.evidence["excerpt"]) for row in rows if row.evidence.get("excerpt")), "")
    shown = f", such as {visible(excerpt, max_chars=_EXCERPT_CHARS)!r}" if excerpt else ""
    remedy = _EMPTY_REMEDY if problem == "the answer is empty" else _REMEDIES.get(reason, _REMEDIES[Reason.MALFORMED])
    return Unreadable(f"{problem}{shown}", remedy)
