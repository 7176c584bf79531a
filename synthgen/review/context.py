"""What a reviewer needs beside a row: what its class means, and the real rows it was written from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from synthgen.data.tables import load_rows
from synthgen.errors import JobError
from synthgen.identity import content_id


@dataclass(frozen=True, slots=True)
class Context:
    """Of one run.

    Attributes:
        name: The job's name.
        text_field: Field that holds the text.
        label_field: Column that holds the class; empty where there are no classes.
        descriptions: What each class means, where the job says so.
        seeds: Texts of the real rows by id; empty where they cannot be shown.
        seeds_missing: Why they cannot be shown; empty where they can.
    """

    name: str
    text_field: str
    label_field: str
    descriptions: Mapping[str, str]
    seeds: Mapping[str, str]
    seeds_missing: str


def read_context(meta: Mapping[str, str]) -> Context:
    """From the journal's facts about the run, and the training file where it is still what it was."""
    fingerprint = orjson.loads(meta["fingerprint"])
    job: dict[str, Any] = fingerprint.get("job", {})
    seeds, missing = _seeds(meta, job, fingerprint.get("files", {}).get("train", ""))
    return Context(
        name=meta.get("name", "run"),
        text_field=meta.get("text_field", "text"),
        label_field=meta.get("label_field", ""),
        descriptions=job.get("descriptions", {}),
        seeds=seeds,
        seeds_missing=missing,
    )


def _seeds(meta: Mapping[str, str], job: Mapping[str, Any], digest: str) -> tuple[Mapping[str, str], str]:
    data = job.get("data", {})
    path = Path(meta.get("base", ".")) / data.get("train", "")
    try:
        if content_id(path.read_bytes()) != digest:
            return {}, f"{path.name} is not what it was when the rows were made, so their examples cannot be shown"
        rows = load_rows(path, pool="train", text=data["text"], label=data.get("label"))
    except (OSError, JobError, KeyError):
        return {}, f"{path.name or 'the training file'} cannot be read any more, so the examples cannot be shown"
    return {row.id: row.text for row in rows.rows}, ""
