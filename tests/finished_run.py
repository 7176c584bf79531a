"""A finished run's folder, made by hand: any rows, any verdicts, no model and no clock."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from synthgen.identity import content_id, row_id
from synthgen.journal import CommittedSlot, Journal, LimitChange, VectorEntry
from synthgen.records import Candidate, Completion, Decision, Nearest, Reason, Rejection, Usage

TRAIN = "text,intent\nwhere is my parcel,late\nmy parcel is late,late\ni lost my card,lost\n"


@dataclass(frozen=True)
class Item:
    """One row of the run to be."""

    label: str
    text: str
    reason: Reason | None = None
    results: Mapping[str, Any] = field(default_factory=dict)
    evidence: Mapping[str, Any] = field(default_factory=dict)
    similarity: float = 0.5
    vector: bytes | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


def make_run(
    folder: Path, items: Sequence[Item], *, targets: Mapping[str, int] | None = None, encoder: str | None = None
) -> Path:
    """A run in `folder/run` whose answers held one item each; its job's data stands in `folder`."""
    run_dir = folder / "run"
    run_dir.mkdir(parents=True)
    (folder / "train.csv").write_text(TRAIN)
    journal = Journal.create(run_dir)
    counts: dict[str, int] = {}
    for item in items:
        if item.reason is None:
            counts[item.label] = counts.get(item.label, 0) + 1
    journal.set_meta(_meta(folder, dict(targets or counts)))
    if encoder:
        journal.set_meta({"encoder": encoder})
    journal.begin_session(1_000.0)
    journal.apply(list(_writes(items)))
    if encoder:
        journal.apply(list(_real_vectors(encoder)))
    journal.apply(
        [LimitChange("sim", 1_000.0 + 5 * n, 32 * (n + 1), 40.0 + n, 30, "used to the full") for n in range(4)]
    )
    journal.end_session("complete", "", 60.0, 1_060.0)
    journal.close()
    return run_dir


def slot_of(label: str, ordinal: int) -> str:
    return f"s1:{hashlib.blake2b(f'{label}{ordinal}'.encode(), digest_size=12).hexdigest()}"


def _meta(folder: Path, targets: Mapping[str, int]) -> dict[str, str]:
    job = {
        "name": "demo",
        "recipe": "balance",
        "data": {"train": "train.csv", "test": None, "text": "text", "label": "intent"},
        "targets": targets,
        "models": [{"provider": "openai", "model": "sim", "base_url": "http://127.0.0.1:8000/v1", "api_key_env": None}],
        "descriptions": {"late": "Something has not come yet"},
        "checks": [
            {"check": "duplicate", "threshold": 0.95, "near": True},
            {"check": "label", "min_probability": None},
        ],
        "encoder": "hashing",
        "seed": 7,
    }
    fingerprint = {"job": job, "files": {"train": content_id(TRAIN.encode())}, "template": "c1:t", "item": "c1:i"}
    return {
        "fingerprint": orjson.dumps(fingerprint).decode(),
        "template": "Write {{ items }}",
        "template_id": "c1:t",
        "base": str(folder),
        "job_path": str(folder / "job.yaml"),
        "targets": orjson.dumps(targets).decode(),
        "text_field": "text",
        "label_field": "intent",
        "name": "demo",
    }


def _writes(items: Sequence[Item]) -> Any:
    ordinals: dict[str, int] = {}
    for number, item in enumerate(items):
        ordinal = ordinals.get(item.label, 0)
        ordinals[item.label] = ordinal + 1
        slot = slot_of(item.label, ordinal)
        usage = Usage(100, 20, Decimal("0.0001"))
        draft = {"seeds": ["train:1", "train:2"], "attributes": {"tone": "calm"}}
        yield Completion(
            slot, item.label, ordinal, 0, item.text, "stop", usage, "sim-model", "sim", 1, 0.2 + 0.001 * number,
            1_001.0 + number * 0.1, draft,
        )  # fmt: skip
        candidate = Candidate(
            row_id(slot, 0), slot, item.label, ordinal, 0, item.text, {"text": item.text, **item.fields}
        )
        rejection = Rejection(item.reason, item.evidence) if item.reason else None
        nearest = Nearest("train:1", item.similarity, "train")
        decision = Decision(candidate, rejection, nearest, item.vector, item.results)
        yield CommittedSlot(slot, item.label, ordinal, False, (decision,))


def _real_vectors(encoder: str) -> Any:
    import numpy as np

    rng = np.random.default_rng(0)
    for text in ("where is my parcel", "my parcel is late", "i lost my card"):
        yield VectorEntry(encoder, content_id(text), rng.normal(size=16).astype(np.float16).tobytes())


def plain_items(count: int, *, labels: Sequence[str] = ("late", "lost")) -> list[Item]:
    """Rows of equal classes without a label check."""
    return [Item(labels[i % len(labels)], f"row number {i}") for i in range(count)]
