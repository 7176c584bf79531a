"""Dedup's two promises about a run, looked at by brute force and not by what decided: no two accepted rows at or above
a threshold, and every repeat as near to its row it duplicates as it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from synthgen.dedup.audit import Pair, as_thresholds, lexical_pairs, near_pairs, similarity_of
from synthgen.dedup.contrast import is_contrast
from synthgen.engine.audit.findings import Findings
from synthgen.engine.judging.pools import as_vector
from synthgen.engine.planning.prepared import PreparedJob
from synthgen.job import DuplicateCheck
from synthgen.journal import Journal, StoredRow
from synthgen.text import normalise

# The work grows with the square of the rows: seconds up to here.
MAX_ROWS: Mapping[str, int] = {"exact": 1_000_000, "lexical": 20_000, "near": 20_000}
_BY_TEXT = ("exact", "lexical")


def audit_promises(journal: Journal, prepared: PreparedJob, findings: Findings) -> None:
    """Compare every accepted row with every other, and every repeat with the row it names.

    Rows that were kept as a contrast are exempt where the pair is one.
    """
    check = prepared.check(DuplicateCheck)
    if check is None:
        return
    rows = list(journal.rows(accepted=True))
    texts = [normalise(row.text) for row in rows]
    thresholds = as_thresholds(check.lexical, check.threshold if check.near else None)
    for stage, threshold in thresholds.items():
        if len(rows) > MAX_ROWS[stage]:
            findings.skipped.append(
                f"comparing all {len(rows):,} accepted rows by the {stage} stage with each other: only every decision "
                "was made again"
            )
            continue
        findings.checked[f"pairs compared ({stage})"] += len(rows) * (len(rows) - 1) // 2
        for one, other, similarity in _pairs(stage, threshold, rows, texts):
            if check.contrast is None or stage == "exact" or not is_contrast(texts[one], texts[other]):
                both = f"{rows[one].row_id} and {rows[other].row_id} both accepted"
                findings.differ("promise", "", both, f"{stage} similarity {similarity:.4f}, {threshold} is too near")
    _audit_duplicates(journal, findings)


def _pairs(stage: str, threshold: float, rows: Sequence[StoredRow], texts: Sequence[str]) -> list[Pair]:
    if stage == "near":
        vectors = [vector for row in rows if (vector := as_vector(row.vector)) is not None]
        return list(near_pairs(np.stack(vectors), threshold)) if len(vectors) == len(rows) and vectors else []
    if stage == "lexical":
        return list(lexical_pairs(texts, threshold))
    seen: dict[str, int] = {}
    firsts = [seen.setdefault(form, place) for place, form in enumerate(texts)]
    return [(first, place, 1.0) for place, first in enumerate(firsts) if first != place]


def _audit_duplicates(journal: Journal, findings: Findings) -> None:
    """Repeats by character n-grams are compared with the text they name; those by embedding were, when they were
    derived."""
    for row in journal.rows(accepted=False):
        evidence = row.evidence
        stage = evidence.get("stage")
        if stage not in _BY_TEXT or "text" not in evidence:
            continue
        findings.checked["witnesses compared"] += 1
        similarity = similarity_of(stage, (normalise(row.text), normalise(evidence["text"])), None)
        if similarity != evidence["similarity"] or similarity < evidence["threshold"]:
            findings.differ("promise", row.row_id, f"{stage} {evidence['similarity']} to {evidence['id']}", similarity)
