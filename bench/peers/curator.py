"""Bespoke Curator: an `LLM` on its openai backend, limits far away, its cache in the task's folder.

Its cache cannot be kept from writing; it is what it resumes from. Validation is `response_format`. It counts tokens
with a vocabulary that it would fetch; LiteLLM, which it brings, holds the same file.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

from bespokelabs import curator
from datasets import Dataset
from pydantic import BaseModel

from bench.peers.protocol import (
    API_KEY,
    MODEL,
    NO_LIMIT_PER_MIN,
    RETRIES,
    Task,
    conclude,
    prompt,
    read_task,
    write_rows,
)


class Item(BaseModel):
    text: str


class Answer(BaseModel):
    items: list[Item]


class Writer(curator.LLM):  # type: ignore[misc]
    """Sends the prompt of a row, keeps the row's number beside the answer."""

    def prompt(self, row: dict[str, Any]) -> str:
        return str(row["prompt"])

    def parse(self, row: dict[str, Any], response: Any) -> dict[str, Any]:
        text = response.model_dump_json() if isinstance(response, BaseModel) else response
        return {"number": row["number"], "text": text}


def main(task: Task) -> None:
    writer = Writer(
        model_name=MODEL,
        backend="openai",
        response_format=Answer if task.is_validated else None,
        backend_params={
            "base_url": task.base_url,
            "api_key": API_KEY,
            "max_requests_per_minute": NO_LIMIT_PER_MIN,
            "max_tokens_per_minute": NO_LIMIT_PER_MIN,
            "max_concurrent_requests": task.in_flight,
            "max_retries": RETRIES,
            "request_timeout": int(task.timeout_s),
            "seconds_to_pause_on_rate_limit": 1,
            "require_all_responses": False,
        },
    )
    asked = Dataset.from_list([{"number": number, "prompt": prompt(number)} for number in range(task.rows)])
    found = writer(asked, working_dir=str(task.state)).dataset
    conclude(write_rows(task, zip(found["number"], found["text"], strict=True)))


def find_vocabulary() -> None:
    """ProgressCallback tiktoken where LiteLLM keeps its file."""
    found = importlib.util.find_spec("litellm")
    if found is not None and found.origin is not None:
        folder = Path(found.origin).parent / "litellm_core_utils" / "tokenizers"
        os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(folder))


if __name__ == "__main__":
    find_vocabulary()
    main(read_task())
