"""LiteLLM: `acompletion` under a semaphore, gathered. Validation is its `enable_json_schema_validation`."""

from __future__ import annotations

import asyncio
from typing import Any

import litellm

from bench.peers.protocol import (
    ANSWER_SCHEMA,
    API_KEY,
    MODEL,
    RETRIES,
    Task,
    conclude,
    messages,
    read_task,
    write_rows,
)

# `max_retries` goes to the openai client, which honours Retry-After; `num_retries` is LiteLLM's own, for bad JSON.
RESPONSE_FORMAT = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": ANSWER_SCHEMA}}


async def process(task: Task) -> list[tuple[int, str | None]]:
    places = asyncio.Semaphore(task.in_flight)
    more: dict[str, Any] = {"response_format": RESPONSE_FORMAT, "num_retries": RETRIES} if task.is_validated else {}
    litellm.enable_json_schema_validation = task.is_validated

    async def ask(number: int) -> tuple[int, str | None]:
        async with places:
            try:
                answer = await litellm.acompletion(
                    model=f"openai/{MODEL}",
                    messages=messages(number),
                    api_base=task.base_url,
                    api_key=API_KEY,
                    max_retries=RETRIES,
                    timeout=task.timeout_s,
                    **more,
                )
            except Exception:  # its errors come from many trees; a script of this kind drops the row
                return number, None
            return number, answer.choices[0].message.content

    return list(await asyncio.gather(*(ask(number) for number in range(task.rows))))


def main(task: Task) -> None:
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    conclude(write_rows(task, asyncio.run(process(task))))


if __name__ == "__main__":
    main(read_task())
