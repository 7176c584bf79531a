"""What changed in a job since its run began, and what that means for answers already paid for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any


class Effect(IntEnum):
    """What a difference touches, mildest first."""

    FREE = 0  # limits, budgets, targets, patience: nothing recomputed
    REPLAY = 1  # checks, thresholds, test rows: decisions recomputed from stored answers, nothing asked again
    NEW_SLOTS = 2  # prompt, model, training rows: answers already paid for stand, new slots are asked the new way

    @property
    def meaning(self) -> str:
        """For a person who must decide."""
        return _MEANINGS[self]


_MEANINGS = {
    Effect.FREE: "free: no row is judged again and nothing is asked again",
    Effect.REPLAY: "recomputed from the answers without a request; rows accepted so far may be dropped",
    Effect.NEW_SLOTS: "asked the new way from here on: answers already paid for stay and are judged anew",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: dotted place, what it was, what it is."""

    place: str
    before: Any
    after: Any
    effect: Effect

    def __str__(self) -> str:
        return f"{self.place}: {_show(self.before)} -> {_show(self.after)}"


_REPLAY = ("job.checks", "job.encoder", "job.rules", "files.test")
_OF_STAGE = re.compile(r"job\.stages\[\d+\]\.(checks|pass)\b")
_NEW_SLOTS = (
    "job.recipe",
    "job.options",
    "job.stages",
    "job.data",
    "job.prompt",
    "job.schema",
    "job.attributes",
    "job.descriptions",
    "job.language",
    "job.seed",
    "files.train",
    "seeds",
    "template",
    "item",
)
_NEW_SLOTS_IN_MODEL = ("provider", "model", "params", "base_url", "weight", "stages")


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Differences between two fingerprints, the weightiest first."""
    old, new = _flatten(before), _flatten(after)
    places = [p for p in dict.fromkeys((*old, *new)) if old.get(p) != new.get(p)]
    changes = [Change(p, old.get(p), new.get(p), _effect(p)) for p in places]
    return sorted(changes, key=lambda c: -c.effect)


def weight_of(changes: Sequence[Change]) -> Effect:
    """The weightiest effect; free where nothing changed."""
    return max((change.effect for change in changes), default=Effect.FREE)


def as_it_meant(job: dict[str, Any]) -> dict[str, Any]:
    """A job kept whole, with what its synthgen did where it did not know a key: no character n-grams compared, rows
    shown as they are, answers read by the first rules."""
    checks = [
        {"lexical": None, **check} if check["check"] in ("duplicate", "leakage") else check
        for check in job.get("checks") or ()
    ]
    job = {"seeds": {"pii": "allow"}, "rules": 1, **job}
    return {**job, "checks": checks} if checks else job


def _effect(place: str) -> Effect:
    if _OF_STAGE.match(place):
        return Effect.REPLAY
    if any(place == p or place.startswith((p + ".", p + "[")) for p in _NEW_SLOTS):
        return Effect.NEW_SLOTS
    if any(place == p or place.startswith((p + ".", p + "[")) for p in _REPLAY):
        return Effect.REPLAY
    if place.startswith("job.models["):
        field = place.partition("].")[2].split(".")[0].split("[")[0]
        return Effect.NEW_SLOTS if field in _NEW_SLOTS_IN_MODEL else Effect.FREE
    return Effect.FREE


def _flatten(value: Any, place: str = "") -> dict[str, Any]:
    """Leaves by dotted place."""
    if isinstance(value, Mapping) and value:
        parts = [_flatten(v, f"{place}.{k}" if place else str(k)) for k, v in value.items()]
    elif isinstance(value, list) and value:
        parts = [_flatten(v, f"{place}[{i}]") for i, v in enumerate(value)]
    else:
        return {place: value}
    return {k: v for part in parts for k, v in part.items()}


def _show(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."
