"""What a reviewer needs beside a row: what its class means, and the real rows it was written from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from synthgen.data.training import recall_rows


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
    job: dict[str, Any] = orjson.loads(meta["fingerprint"]).get("job", {})
    rows, missing = recall_rows(meta)
    return Context(
        name=meta.get("name", "run"),
        text_field=meta.get("text_field", "text"),
        label_field=meta.get("label_field", ""),
        descriptions=job.get("descriptions", {}),
        seeds={row.id: row.text for row in rows},
        seeds_missing=f"{missing}, so the examples cannot be shown" if missing else "",
    )
