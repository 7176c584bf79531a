"""From a job and real rows to the draft of any slot."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from synthgen.engine.planning.interleaving import Interleaving
from synthgen.engine.planning.permutation import stride
from synthgen.engine.planning.seeds import SeedPicker
from synthgen.identity import derive_seed
from synthgen.records import Draft, Row, Source

_TURNS = 1 << 20


class Planner:
    """Drafts slots.

    Args:
        rows: Real rows of each class that is generated.
        pickers: A seed picker for each of those classes.
        attributes: Values to combine evenly, by attribute name.
        model_weights: Share of the slots of each group of interchangeable endpoints.
        seed: The job's seed.
        stage: Name of the stage; empty for the first, whose choices do not depend on it.
    """

    def __init__(
        self,
        *,
        rows: Mapping[str, Sequence[Row]],
        pickers: Mapping[str, SeedPicker],
        attributes: Mapping[str, Sequence[str]],
        model_weights: Sequence[float],
        seed: int,
        stage: str = "",
    ) -> None:
        self._rows, self._pickers, self._seed, self._stage = rows, pickers, seed, stage
        self._attributes = {name: list(values) for name, values in attributes.items()}
        self._combinations = math.prod(len(v) for v in self._attributes.values())
        self._models = Interleaving({str(i): max(1, round(100 * w)) for i, w in enumerate(model_weights) if w > 0})

    def draft(self, label: str, ordinal: int) -> Draft:
        """The `ordinal`-th slot of class `label`."""
        rows = self._rows[label]
        return Draft(
            label=label,
            ordinal=ordinal,
            seeds=tuple(rows[i] for i in self._pickers[label].pick(ordinal)),
            attributes=self._combine(label, ordinal),
            sampling_seed=derive_seed(self._seed, "sampling", label, ordinal),
            model_index=int(self._models.at(ordinal)[0]),
        )

    def draft_of(self, source: Source, copy: int, *, label: str, ordinal: int) -> Draft:
        """The `copy`-th slot that works on a row of the stage before.

        All but `ordinal` is a pure function of the row and `copy`: where earlier decisions are made anew and the row
        gets another ordinal, its slot keeps its id, and its answer is found again.
        """
        turn = derive_seed(self._seed, "turn", self._stage, source.id) % _TURNS + copy
        return Draft(
            label=label,
            ordinal=ordinal,
            seeds=(),
            attributes=self._combine(label, turn),
            sampling_seed=derive_seed(self._seed, "sampling", self._stage, source.id, copy),
            model_index=int(self._models.at(turn)[0]),
            source=source,
            copy=copy,
        )

    def _combine(self, label: str, ordinal: int) -> dict[str, str]:
        """One combination of attribute values; every combination comes once before any comes twice."""
        if not self._attributes:
            return {}
        start, step = stride(self._combinations, self._seed, "attributes", label)
        rest = (start + ordinal * step) % self._combinations
        combination = {}
        for name, values in self._attributes.items():
            rest, i = divmod(rest, len(values))
            combination[name] = values[i]
        return combination
