"""Everything a report shows, as one JSON object: what `report --json` prints and the page is drawn from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

from synthgen.data.training import recall_rows
from synthgen.identity import content_id
from synthgen.journal import ENCODER_KEY, Journal, Judgement, StoredSession
from synthgen.measure.overlap import SharedWords
from synthgen.measure.words import words
from synthgen.records import Reason
from synthgen.report.decisions import BINS, DecisionTally, Place, binned
from synthgen.report.embedding import MapRow, draw_map, thin
from synthgen.report.facts import run_facts
from synthgen.report.nearness import MAX_ROWS, nearest_similarities
from synthgen.report.timeline import timeline
from synthgen.text import visible

MAX_EXAMPLE_CHARS = 400
NOT_SHOWN = "(not shown: it holds personal data)"
_COSINE_STAGES = ("near", "cosine", "semantic")


Compare = Callable[[Sequence[MapRow], Sequence[MapRow]], Mapping[str, Any] | None]


def gather_report(journal: Journal, *, review: Mapping[str, Any], compare: Compare | None = None) -> dict[str, Any]:
    """Figures of a run, from its journal.

    Args:
        journal: Of the run; read it in a snapshot where the run may be live.
        review: Where the spot check stands, as JSON values.
        compare: Measures a sample of the accepted rows against the real ones, both with their vectors where the run
            made some (else empty bytes), and gives JSON values, or None where it cannot; None leaves it out.
    """
    facts, tally = run_facts(journal)
    real, synthetic = real_rows(journal), sampled_rows(journal, tally)
    sessions = _alive(journal.sessions(), journal.last_answered_at())
    with journal.figures() as figures:
        times = timeline(figures.answer_times(), sessions, journal.limit_history())
    return {
        **facts,
        "review": dict(review),
        "drift": compare(real, synthetic) if compare and real and synthetic else None,
        "memorised": memorised(real, synthetic, facts["checks"]),
        "duplicates": _duplicates(tally, facts["checks"], _nearness(journal, tally, real)),
        "examples": _examples(journal, tally),
        "timeline": times,
        "map": _map(real, synthetic, accepted=sum(tally.accepted.values())),
    }


def _alive(sessions: list[StoredSession], last_answer_at: float | None) -> list[StoredSession]:
    """A session that did not end was last seen at the last answer."""
    return [
        s
        if s.elapsed_s is not None or last_answer_at is None
        else replace(s, elapsed_s=max(0.0, last_answer_at - s.started_at))
        for s in sessions
    ]


def _duplicates(tally: DecisionTally, checks: Sequence[Mapping[str, Any]], near: Sequence[float]) -> dict[str, Any]:
    """How near rows came to another: accepted ones, and those rejected, by the stage that found them."""
    cosine = next((stage for stage in _COSINE_STAGES if stage in tally.duplicates), _COSINE_STAGES[0])
    declared = next((check.get("threshold") for check in checks if check["check"] == "duplicate"), None)
    stages: dict[str, dict[str, Any]] = {
        stage: {"rejected": counts, "threshold": tally.thresholds.get(stage)}
        for stage, counts in tally.duplicates.items()
    }
    accepted = binned(n for n in near if n > -1) if near else tally.nearest
    if sum(accepted):
        found = stages.get(cosine, {"rejected": [0] * BINS, "threshold": declared})
        stages[cosine] = {**found, "accepted": accepted, "accepted_looked_at": sum(accepted)}
    return {"bin_width": 1 / BINS, "stages": stages}


def _nearness(journal: Journal, tally: DecisionTally, real: Sequence[MapRow]) -> list[float]:
    """Of a sample of the accepted rows, with the nearest other row; empty where there are no vectors."""
    total = max(1, sum(tally.accepted.values()))
    places = [
        _place(judgement)
        for label, few in tally.points.items()
        for judgement in thin(few.kept(), most=max(1, round(MAX_ROWS * tally.accepted[label] / total)))
    ]
    with journal.figures() as figures:
        asked = list(figures.row_vectors(places).items())
        return (
            nearest_similarities(asked, figures.accepted_vectors(), [row.vector for row in real if row.vector])
            if asked
            else []
        )


def memorised(
    real: Sequence[MapRow], synthetic: Sequence[MapRow], checks: Sequence[Mapping[str, Any]]
) -> dict[str, Any] | None:
    """How long a run of words each row shares with any real one: what a model may have learnt by heart.

    Args:
        real: Every real row.
        synthetic: A sample of the accepted ones.
        checks: The job's, which may bound it.

    Returns:
        Rows by the length of their longest shared run, and the longest run of all; None where there are no real rows.
    """
    if not real or not synthetic:
        return None
    shared = SharedWords([row.text for row in real])
    found = [(*shared.longest(row.text), row) for row in synthetic]
    count, place, run, row = max(found, key=lambda one: one[0])
    lengths = Counter(length for length, *_ in found)
    longest = {"words": count, "run": run, "id": row.id, "real": None if place is None else real[place].id}
    whole = sum(length >= max(1, len(words(one.text))) for length, *_, one in found)
    return {
        "rows": {str(length): rows for length, rows in sorted(lengths.items())},
        "looked_at": len(found),
        "median_words": int(median(length for length, *_ in found)),
        "whole_rows": whole,
        "longest": {**longest, "run": visible(run, max_chars=MAX_EXAMPLE_CHARS)},
        "max_words": next((check.get("max_words") for check in checks if check["check"] == "memorised"), None),
    }


def _examples(journal: Journal, tally: DecisionTally) -> dict[str, list[dict[str, Any]]]:
    kept = {reason: few.kept() for reason, few in tally.examples.items()}
    with journal.figures() as figures:
        texts = figures.texts(_place(j) for found in kept.values() for j in found)
    return {
        reason: [
            {
                "id": judgement.row_id,
                "label": judgement.label,
                "text": NOT_SHOWN
                if reason == Reason.PII
                else visible(texts.get(_place(judgement), ""), max_chars=MAX_EXAMPLE_CHARS),
                "evidence": {name: _brief(value) for name, value in judgement.evidence.items()},
            }
            for judgement in kept[reason]
        ]
        for reason in tally.rejected
    }


def _map(real: Sequence[MapRow], synthetic: Sequence[MapRow], *, accepted: int) -> dict[str, Any] | None:
    found = draw_map([row for row in real if row.vector], [row for row in synthetic if row.vector])
    if found is not None:
        found["points"] = [
            {**point, "text": visible(point["text"]), "label": visible(point["label"])} for point in found["points"]
        ]
        found["synthetic"] = accepted
    return found


def real_rows(journal: Journal) -> list[MapRow]:
    """The training rows, where they are still there, with their stored vectors."""
    meta = journal.meta()
    vectors = journal.vectors(meta[ENCODER_KEY]) if ENCODER_KEY in meta else {}
    return [
        MapRow(row.id, row.label, row.text, vectors.get(content_id(row.text), b""), "real")
        for row in recall_rows(meta)[0]
    ]


def sampled_rows(journal: Journal, tally: DecisionTally, *, most: int | None = None) -> list[MapRow]:
    """A sample of the accepted rows with their texts, and their vectors where the run made some (else empty bytes).

    Args:
        journal: Of the run.
        tally: Its decisions.
        most: Rows of each class at most; None is all that the tally kept.
    """
    chosen = [
        judgement
        for few in tally.points.values()
        for judgement in (few.kept() if most is None else thin(few.kept(), most=most))
    ]
    places = [_place(judgement) for judgement in chosen]
    with journal.figures() as figures:
        texts, vectors = figures.texts(places), figures.row_vectors(places)
    return [
        MapRow(j.row_id, j.label, texts[place], vectors.get(place, b""), "synthetic")
        for j, place in zip(chosen, places, strict=True)
        if place in texts
    ]


def _place(judgement: Judgement) -> Place:
    return judgement.position, judgement.item


def _brief(value: Any) -> Any:
    return visible(value, max_chars=MAX_EXAMPLE_CHARS) if isinstance(value, str) else value
