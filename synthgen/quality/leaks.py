"""Test rows that are synthetic: by what the file says of them, by id, or because a synthetic row says the same.

Real test rows resemble other rows of their class by chance (on banking77 one test row in sixty is a word away from a
training row), so a near match alone refuses nothing: only more of them than the real training rows have does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synthgen.errors import JobError
from synthgen.identity import ROW_PREFIX
from synthgen.quality.marks import is_marked_synthetic
from synthgen.quality.tables import Table
from synthgen.records import Row
from synthgen.text import form_ngrams, jaccard, normalise

NEAR = 0.9
MAX_BY_CHANCE = 3.0
_SHOWN = 3
_BLOCK = 256


@dataclass(frozen=True, slots=True)
class Matches:
    """Test rows that a synthetic row says too.

    Attributes:
        exact: Places of synthetic rows equal to a test row, and the test rows they equal.
        near: Places of synthetic rows nearly equal to one (character 3-grams overlap by nine tenths).
        exact_tests: Places of the test rows that were matched exactly.
        near_tests: Places of those that were matched nearly, the exact ones too.
        near_real_tests: How many test rows match a real training row as nearly.
    """

    exact: frozenset[int]
    near: frozenset[int]
    exact_tests: tuple[int, ...]
    near_tests: tuple[int, ...]
    near_real_tests: int


def refuse_synthetic_test(test: Table) -> None:
    """Refuse a test file that says itself that it holds synthetic rows.

    Raises:
        JobError: A column `synthetic` is true, or an id is one that synthgen gives.
    """
    marked = [i for i, r in enumerate(test.records) if is_marked_synthetic(r.get("synthetic"))]
    by_id = [i for i, r in enumerate(test.records) if str(r.get("id", "")).startswith(ROW_PREFIX)]
    for found, why in ((marked, "marked `synthetic`"), (by_id, f"named by synthgen (id {ROW_PREFIX}...)")):
        if found:
            raise JobError(
                f"{test.path}: {len(found):,} of {len(test.records):,} rows are {why}, the first in row "
                f"{found[0] + 1}: a test on synthetic rows proves nothing",
                hint="test on real rows only: take these out of the file",
            )


def find_matches(test: Sequence[Row], synthetic: Sequence[Row], train: Sequence[Row]) -> Matches:
    """Which synthetic rows say what a test row says.

    Args:
        test: Real test rows.
        synthetic: Synthetic rows.
        train: Real training rows, for how often that happens by chance.
    """
    forms: dict[str, list[int]] = {}
    for place, row in enumerate(test):
        forms.setdefault(normalise(row.text), []).append(place)
    exact = frozenset(i for i, row in enumerate(synthetic) if normalise(row.text) in forms)
    equal_tests = sorted({place for i in exact for place in forms[normalise(synthetic[i].text)]})
    near = _near_pairs(test, synthetic)
    near_tests = sorted({t for t, _ in near} | set(equal_tests))
    near_real = len(
        {t for t, _ in _near_pairs(test, train)} | {p for r in train for p in forms.get(normalise(r.text), ())}
    )
    return Matches(exact, frozenset(s for _, s in near) | exact, tuple(equal_tests), tuple(near_tests), near_real)


def refuse_matches(matches: Matches, test: Table, *, named: str, rows: tuple[int, int]) -> None:
    """Refuse a test file whose rows are among the synthetic ones.

    Args:
        matches: What was found.
        test: The test file.
        named: What they were compared with.
        rows: How many synthetic and how many real training rows were compared with it.

    Raises:
        JobError: A test row equals a synthetic one, or more are near than chance explains.
    """
    by_chance = matches.near_real_tests * rows[0] / max(1, rows[1])
    too_many = len(matches.near_tests) > MAX_BY_CHANCE * by_chance + max(MAX_BY_CHANCE, 0.01 * len(test.rows))
    found, how = (matches.exact_tests, "equal") if matches.exact_tests else (matches.near_tests, "nearly equal")
    if not matches.exact_tests and not too_many:
        return
    shown = "\n".join(f"  row {test.places[p] + 1}: {test.rows[p].text[:80]}" for p in found[:_SHOWN])
    raise JobError(
        f"{test.path}: {len(found):,} of {len(test.rows):,} test rows {how} rows of {named}:\n{shown}",
        hint="take synthetic rows out of the test file; where these are real and the synthetic rows copied them, "
        "--on-match drop leaves the copies out of the training",
    )


def _near_pairs(one: Sequence[Row], other: Sequence[Row]) -> list[tuple[int, int]]:
    """Pairs whose character 3-grams overlap by `NEAR` or more: counted by a sparse product, then compared exactly."""
    from scipy import sparse

    if not one or not other:
        return []
    grams = [[form_ngrams(normalise(row.text)) for row in rows] for rows in (one, other)]
    names: dict[str, int] = {}
    for row in grams[0]:
        for gram in row:
            names.setdefault(gram, len(names))
    tables = []
    for rows in grams:
        cells = [(i, names[g]) for i, row in enumerate(rows) for g in row if g in names]
        at = np.array(cells, dtype=np.int64).reshape(-1, 2)
        ones = np.ones(len(at), dtype=np.int32)
        tables.append(sparse.csr_array((ones, (at[:, 0], at[:, 1])), shape=(len(rows), len(names))))
    sizes = [np.array([len(row) for row in rows]) for rows in grams]
    found: list[tuple[int, int]] = []
    for start in range(0, len(one), _BLOCK):
        shared = (tables[0][start : start + _BLOCK] @ tables[1].T).tocoo()
        least = NEAR * np.maximum(sizes[0][start + shared.row], sizes[1][shared.col])
        close = shared.data >= least - 1e-9
        found += zip((start + shared.row[close]).tolist(), shared.col[close].tolist(), strict=True)
    return [(i, j) for i, j in found if jaccard(grams[0][i], grams[1][j]) >= NEAR]
