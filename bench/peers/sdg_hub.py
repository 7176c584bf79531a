"""sdg-hub: a flow of `LLMChatBlock` (asynchronous) and `LLMResponseExtractorBlock`.

With `--resumable` the flow saves a checkpoint each time as many rows are done as may be in flight; it waits for all of
them then. With `--validated` its `JSONParserBlock` reads and mends the answers; nothing asks again.
"""

from __future__ import annotations

import json
from typing import Any

import pandas
from sdg_hub import Flow, FlowMetadata
from sdg_hub.core.blocks import JSONParserBlock, LLMChatBlock, LLMResponseExtractorBlock

from bench.peers.protocol import API_KEY, MODEL, RETRIES, Task, conclude, messages, read_task, write_rows

CONTENT = "take_content"


def flow_of(task: Task) -> Any:
    ask = LLMChatBlock(block_name="ask", input_cols="messages", output_cols="response", async_mode=True)
    take = LLMResponseExtractorBlock(
        block_name="take", input_cols="response", extract_content=True, field_prefix="take_"
    )
    read = JSONParserBlock(block_name="read", input_cols=CONTENT, output_cols=["items"])
    blocks = [ask, take, read] if task.is_validated else [ask, take]
    flow = Flow(blocks=blocks, metadata=FlowMetadata(name="bench", id="bench-flow-001"))
    flow.set_model_config(
        model=f"openai/{MODEL}",
        api_base=task.base_url,
        api_key=API_KEY,
        timeout=task.timeout_s,
        num_retries=RETRIES,
    )
    return flow


def main(task: Task) -> None:
    asked = pandas.DataFrame([{"number": number, "messages": messages(number)} for number in range(task.rows)])
    keeping = {"checkpoint_dir": str(task.state), "save_freq": task.in_flight} if task.is_resumable else {}
    found = flow_of(task).generate(asked, max_concurrency=task.in_flight, **keeping)
    texts = map(_answer, found["items"]) if task.is_validated else found[CONTENT]
    conclude(write_rows(task, zip(map(int, found["number"]), texts, strict=True)))


def _answer(items: Any) -> str | None:
    return json.dumps({"items": items}) if isinstance(items, list) else None


if __name__ == "__main__":
    main(read_task())
