"""Rows set apart for testing: the same share of every class, and never one of two rows that say the same."""

from __future__ import annotations

from collections.abc import Sequence

from synthgen.identity import derive_seed
from synthgen.records import Row
from synthgen.text import normalise


def split_places(rows: Sequence[Row], share: float, *, seed: int) -> frozenset[int]:
    """Places of the rows to test on. Equal rows go the same way; a class keeps at least one row to train on.

    Args:
        rows: Real rows.
        share: Of each class, 0 to 1.
        seed: Changes which.
    """
    groups: dict[str, dict[str, list[int]]] = {}
    for place, row in enumerate(rows):
        groups.setdefault(row.label, {}).setdefault(normalise(row.text), []).append(place)
    held: set[int] = set()
    for label, by_form in groups.items():
        wanted = round(share * sum(map(len, by_form.values())))
        taken = 0
        for form in sorted(by_form, key=lambda form: derive_seed(seed, label, form))[:-1]:
            if taken < wanted:
                held.update(by_form[form])
                taken += len(by_form[form])
    conflicting = _forms_of_many_classes(rows)
    return frozenset(place for place in held if normalise(rows[place].text) not in conflicting)


def _forms_of_many_classes(rows: Sequence[Row]) -> set[str]:
    """What stands under two classes stays together, in the training rows."""
    seen: dict[str, str] = {}
    return {form for row in rows if seen.setdefault(form := normalise(row.text), row.label) != row.label}
