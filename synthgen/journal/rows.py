"""Between values and the columns that hold them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson

from synthgen.journal.entries import StoredRow
from synthgen.records import Completion, Decision, Usage


def as_completion(row: Sequence[Any]) -> Completion:
    """Of a row with `Completion`'s fields in order, its usage as three columns."""
    usage = Usage(row[6], row[7], Decimal(row[8]))
    return Completion._make((*row[:6], usage, *row[9:14], orjson.loads(row[14])))


def completion_values(c: Completion) -> tuple[Any, ...]:
    usage = c.usage
    return (
        c.slot_id, c.label, c.ordinal, c.step, as_storable(c.text), c.finish_reason, usage.input_tokens,
        usage.output_tokens, str(usage.usd), c.model, c.endpoint, c.attempts, c.latency_s, c.answered_at,
        as_json(c.draft),
    )  # fmt: skip


def as_row(row: Sequence[Any]) -> StoredRow:
    """Of a row with `StoredRow`'s fields in order, mappings as JSON."""
    return StoredRow(*row[:7], *(orjson.loads(value) if value else {} for value in row[7:12]), *row[12:])


def decision_values(decision: Decision) -> tuple[Any, ...]:
    candidate, rejection, nearest = decision.candidate, decision.rejection, decision.nearest
    return (
        candidate.item,
        candidate.id,
        candidate.label,
        rejection.reason if rejection else None,
        as_storable(candidate.text),
        as_json(candidate.fields),
        as_json(rejection.evidence) if rejection else None,
        as_json({"id": nearest.id, "similarity": nearest.similarity, "pool": nearest.pool}) if nearest else None,
        as_json(decision.results) if decision.results else None,
        decision.vector,
    )


def as_json(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # a lone surrogate somewhere in model text
        return orjson.dumps(_all_storable(value)).decode()


def _all_storable(value: Any) -> Any:
    match value:
        case str():
            return as_storable(value)
        case Mapping():
            return {as_storable(str(k)): _all_storable(v) for k, v in value.items()}
        case list() | tuple():
            return [_all_storable(v) for v in value]
        case _:
            return value


def as_storable(text: str) -> str:
    """Text that UTF-8 can hold: lone surrogates become replacement characters."""
    return text.encode("utf-8", "replace").decode() if not text.isascii() else text
