"""A finished run in figures, as plain JSON values: the one source of the report, the dataset card and `--json`.

Counts and costs come from the journal in one pass; nothing is asked of a model, and no vector is made.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import orjson

from synthgen.data.training import recall_rows
from synthgen.engine.planning.stage_journals import found_stage_dirs, losses_in_all, open_snapshots
from synthgen.journal import ENCODER_KEY, Journal
from synthgen.journal.figures import ModelUse
from synthgen.records import Usage
from synthgen.report.decisions import DecisionTally, tally_decisions

_SECRET_NAME = re.compile(r"(?i)(api_?key$|secret|password|authorization|bearer)")
LABEL_CHECK_KEY = "label_check"
ENCODING_KEY = "encoding"


def run_facts(journal: Journal) -> tuple[dict[str, Any], DecisionTally]:
    """What was made, from what, and what it cost; and the decisions added up, for whoever shows more of them."""
    meta = journal.meta()
    with journal.figures() as figures:
        tally = tally_decisions(figures.judgements())
    with open_snapshots(found_stage_dirs(journal.path.parent)[:-1]) as before:
        costs = _costs([*before, journal], sum(tally.accepted.values()))
    fingerprint = orjson.loads(meta["fingerprint"])
    job = without_secrets(fingerprint.get("job", {}))
    targets = orjson.loads(meta.get("targets", "{}"))
    accepted = {label: tally.accepted[label] for label in dict.fromkeys((*targets, *tally.accepted))}
    facts = {
        "name": meta.get("name", ""),
        "targets": targets,
        "accepted": accepted,
        "is_complete": all(accepted.get(label, 0) >= count for label, count in targets.items()),
        "classes": _classes(meta, targets, accepted, tally),
        "rejected": dict(tally.rejected.most_common()),
        **costs,
        "checks": [check for check in job.get("checks") or [] if check.get("enabled", True)],
        "label_check": _label_check(meta, tally),
        "seeds": {"pii": job.get("seeds", {}).get("pii", "allow"), **fingerprint.get("seeds", {})},
        "encoding": _encoding(meta),
        "text_field": meta.get("text_field", "text"),
        "label_field": meta.get("label_field", ""),
        "job": job,
        "hashes": {
            "template": meta.get("template_id", ""),
            "item": fingerprint.get("item", ""),
            **{f"{name} file": digest for name, digest in fingerprint.get("files", {}).items()},
            **({"encoder": meta[ENCODER_KEY]} if ENCODER_KEY in meta else {}),
        },
        "versions": _versions(),
    }
    return facts, tally


def without_secrets(value: Any, name: str = "") -> Any:
    """A job's values without what might be a key: names that say so, and user names in addresses."""
    match value:
        case Mapping():
            return {key: without_secrets(inner, str(key)) for key, inner in value.items()}
        case list():
            return [without_secrets(inner, name) for inner in value]
        case str() if _SECRET_NAME.search(name):
            return "(not shown)"
        case str():
            return re.sub(r"(?<=://)[^/@\s]+@", "", value)
        case _:
            return value


def _classes(
    meta: Mapping[str, str], targets: Mapping[str, int], accepted: Mapping[str, int], tally: DecisionTally
) -> dict[str, dict[str, Any]]:
    real = Counter(row.label for row in recall_rows(meta)[0])
    return {
        label: {
            "target": targets.get(label),
            "accepted": count,
            "rejected": dict(tally.rejected_by_class[label].most_common()),
            "yield_ratio": _ratio(count, count + tally.rejected_by_class[label].total()),
            "real": real[label] if real else None,
        }
        for label, count in accepted.items()
    }


def _costs(journals: Sequence[Journal], accepted: int) -> dict[str, Any]:
    """What all stages paid for, and each of them where there are several; the sessions are those of the run's own."""
    stages = [_paid(journal) for journal in journals]
    usage, losses = sum((stage.usage for stage in stages), Usage()), losses_in_all(journals)
    return {
        "requests": sum(stage.requests for stage in stages),
        "failed": _added(stage.failed for stage in stages),
        "usage": usage.as_json(),
        "losses": {"requests": losses[0], **losses[1].as_json(), "by_code": _added(stage.losses for stage in stages)},
        "usd_per_accepted_row": float(usage.usd) / accepted if accepted and usage.usd else None,
        "models": [
            {"model": use.model, "endpoint": use.endpoint, "answers": use.answers, **use.usage.as_json()}
            for stage in stages
            for use in stage.models
        ],
        "stages": [stage.as_json() for stage in stages] if len(stages) > 1 else [],
        "sessions": [
            {
                "started_at": s.started_at,
                "ended_at": s.ended_at,
                "status": s.status,
                "reason": s.reason,
                "elapsed_s": s.elapsed_s,
            }
            for s in journals[-1].sessions()
        ],
    }


@dataclass(frozen=True, slots=True)
class _Paid:
    """What one stage paid for, and what came of it."""

    name: str
    requests: int
    usage: Usage
    accepted: int
    rejected: Mapping[str, int]
    failed: Mapping[str, int]
    losses: Mapping[str, int]
    models: Sequence[ModelUse]

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "requests": self.requests,
            "usage": self.usage.as_json(),
            "accepted": self.accepted,
            "rejected": dict(self.rejected),
        }


def _paid(journal: Journal) -> _Paid:
    with journal.figures() as figures:
        return _Paid(
            name=journal.meta().get("stage", ""),
            requests=journal.answers(),
            usage=journal.usage(),
            accepted=sum(journal.accepted_counts().values()),
            rejected=journal.rejected_counts(),
            failed=figures.failures(),
            losses=figures.losses(),
            models=figures.models(),
        )


def _added(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for found in counts:
        total.update(found)
    return dict(total)


def _encoding(meta: Mapping[str, str]) -> dict[str, Any] | None:
    """What the encoder did over all sessions; None where nothing was encoded."""
    if ENCODING_KEY not in meta:
        return None
    found = orjson.loads(meta[ENCODING_KEY])
    return {
        "texts": found["texts"],
        "spared": found["spared"],
        "texts_per_s": _ratio(found["texts"], found["busy_s"]),
        "busy_s": found["busy_s"],
        "busy_ratio": min(1.0, _ratio(found["busy_s"], found["elapsed_s"]) or 0.0),
    }


def _label_check(meta: Mapping[str, str], tally: DecisionTally) -> dict[str, Any] | None:
    """Pass rates by class, and how good the check itself is where that was measured; None where nothing was checked."""
    measured = orjson.loads(meta[LABEL_CHECK_KEY]) if LABEL_CHECK_KEY in meta else None
    if not tally.labels and measured is None:
        return None
    classes = {
        label: {
            "passed": found.passed,
            "rejected": found.rejected,
            "unsure": found.unsure,
            "unjudged": found.unjudged,
            "pass_ratio": _ratio(found.passed, found.passed + found.rejected + found.unsure),
            "mean_probability": _ratio(found.probability_sum, found.passed),
        }
        for label, found in sorted(tally.labels.items())
    }
    accuracy = (measured or {}).get("accuracy", tally.held_out_accuracy)
    return {"per_class": classes, "measured": measured, "held_out_accuracy": accuracy}


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _versions() -> dict[str, str]:
    import platform

    names = ("synthgen", "numpy", "scikit-learn", "sentence-transformers", "polars", "pydantic")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}
