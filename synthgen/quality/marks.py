"""What a file says it is: synthetic rows never reach a file for evaluation, nor pass for real ones."""

from __future__ import annotations

from pathlib import Path

from synthgen.data.export import EVALUATION_NAMES
from synthgen.errors import JobError
from synthgen.quality.tables import Table

TRUE_WORDS = frozenset({"true", "1", "yes", "1.0", "t"})
_EVALUATION_SPLITS = frozenset({"test", "eval", "evaluation", "valid", "validation", "val", "dev", "holdout"})
_SPLIT_COLUMNS = frozenset({"split", "subset", "partition", "fold_name"})


def is_marked_synthetic(value: object) -> bool:
    """Whether a cell of a column `synthetic` says yes."""
    return str(value if value is not None else "").strip().casefold() in TRUE_WORDS


def refuse_evaluation_name(path: Path) -> None:
    """Refuse a file whose name says that it is for evaluation.

    Raises:
        JobError: It does.
    """
    if EVALUATION_NAMES.search(path.stem.lower()):
        raise JobError(
            f"{path}: synthetic rows are for training, never for evaluation, and this name says evaluation",
            hint="choose a name without test, eval, validation or dev; measure on real rows",
        )


def refuse_marked(real: Table) -> None:
    """Refuse a file of real rows that are for evaluation, or not real.

    Raises:
        JobError: A column `split` says test or validation, or a column `synthetic` says yes.
    """
    for name in {key for record in real.records for key in record}:
        if name.casefold() in _SPLIT_COLUMNS:
            found = [i for i, r in enumerate(real.records) if str(r.get(name)).strip().casefold() in _EVALUATION_SPLITS]
            if found:
                said = real.records[found[0]][name]
                raise JobError(
                    f"{real.path}: row {found[0] + 1} is for evaluation ('{name}' is '{said}'), and so are "
                    f"{len(found) - 1:,} more: synthetic rows do not belong beside them",
                    hint="mix the training rows only",
                )
    made = [i for i, record in enumerate(real.records) if is_marked_synthetic(record.get("synthetic"))]
    if made:
        raise JobError(
            f"{real.path}: {len(made):,} rows are marked `synthetic`, the first in row {made[0] + 1}: not real rows",
            hint="give the real rows to --real",
        )
