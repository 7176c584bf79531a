"""async-batch-llm: `process_prompts` on an OpenAI-compatible model, one knob for concurrency, as its README shows.

Cooldowns are brought down from its defaults (300 s, then a slow start at one item in 2 s) to what the server asks for:
those are meant for a quota, and would have it stand still here. With `--resumable` it keeps its JSONL checkpoint.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from async_batch_llm import (
    ArtifactIdentity,
    JsonlArtifactStore,
    ProcessorConfig,
    RateLimitConfig,
    ResumePolicy,
    RetryConfig,
    llm,
    process_prompts,
)
from async_batch_llm.parsing import pydantic_json_parser
from pydantic import BaseModel

from bench.peers.protocol import API_KEY, MODEL, RETRIES, Task, conclude, prompt, read_task, write_rows


class Item(BaseModel):
    text: str


class Answer(BaseModel):
    items: list[Item]


def config_of(task: Task) -> Any:
    return ProcessorConfig(
        concurrency=task.in_flight,
        attempt_timeout=task.timeout_s,
        retry=RetryConfig(max_attempts=RETRIES),
        rate_limit=RateLimitConfig(cooldown_seconds=1.0, backoff_multiplier=1.0, slow_start_items=0),
    )


async def process(task: Task) -> list[tuple[int, str | None]]:
    parser = {"response_parser": pydantic_json_parser(Answer)} if task.is_validated else {}
    model = llm(f"openai-compatible:{MODEL}", base_url=task.base_url, api_key=API_KEY, **parser)
    keeping: dict[str, Any] = {}
    if task.is_resumable:
        identity = ArtifactIdentity(provider="simulator", model=MODEL)
        store = JsonlArtifactStore(task.state / "answers.jsonl", identity=identity)
        keeping = {"artifact_store": store, "resume": ResumePolicy.REUSE_SUCCESSES}
    work = [(str(number), prompt(number)) for number in range(task.rows)]
    batch = await process_prompts(model, work, config=config_of(task), **keeping)
    return [(int(item.item_id), _text(item.output)) for item in batch.results if item.success]


def _text(output: Any) -> str:
    return output.model_dump_json() if isinstance(output, BaseModel) else str(output)


def main(task: Task) -> None:
    logging.disable(logging.WARNING)
    conclude(write_rows(task, asyncio.run(process(task))))


if __name__ == "__main__":
    main(read_task())
