"""The real rows that a run was made from, read again afterwards, for people to look at.

They are quoted only while the file is what the run used: other rows under the same numbers would be a lie.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import orjson

from synthgen.data.reading import Reading
from synthgen.data.tables import load_rows
from synthgen.errors import JobError
from synthgen.identity import content_id
from synthgen.records import Row


def files_read(meta: Mapping[str, str]) -> list[Path]:
    """The files that a run was made from: its job file and its tables.

    Args:
        meta: The journal's facts about the run.
    """
    data = orjson.loads(meta.get("fingerprint", "{}")).get("job", {}).get("data", {})
    base = Path(meta.get("base", "."))
    tables = [base / data[pool] for pool in ("train", "test") if data.get(pool)]
    return [*([Path(meta["job_path"])] if "job_path" in meta else []), *tables]


def recall_rows(meta: Mapping[str, str]) -> tuple[tuple[Row, ...], str]:
    """The training rows of a run, and the empty string; or no rows, and why.

    Args:
        meta: The journal's facts about the run.
    """
    fingerprint = orjson.loads(meta["fingerprint"])
    data = fingerprint.get("job", {}).get("data", {})
    if data.get("train") is None:
        return (), "the job names no real rows"
    path = Path(meta.get("base", ".")) / data["train"]
    try:
        if content_id(path.read_bytes()) != fingerprint.get("files", {}).get("train"):
            return (), f"{path.name} is not what it was when the run used it"
        reading = Reading(data.get("separator"), data.get("encoding"))
        return load_rows(path, pool="train", text=data["text"], label=data.get("label"), reading=reading).rows, ""
    except (OSError, JobError, KeyError):
        return (), f"{path.name or 'the training file'} cannot be read any more"
