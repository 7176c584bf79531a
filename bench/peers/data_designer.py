"""NeMo Data Designer: a seed file of prompts and one `LLMTextColumnConfig` over it.

Rows are done in groups. Left at its defaults but for what may be in flight, early shutdown (which a share of faults
would set off) and the port of its metrics; `--resumable` takes groups of 100, since only finished ones are kept.
Validation is `LLMStructuredColumnConfig`, which puts the schema into the prompt.
"""

from __future__ import annotations

import json
from typing import Any

import data_designer.config as dd
import pandas
from data_designer.interface import DataDesigner
from pydantic import BaseModel

from bench.peers.protocol import API_KEY, MODEL, Task, conclude, prompt, read_task, write_rows

RESUMABLE_GROUP = 100


class Item(BaseModel):
    text: str


class Answer(BaseModel):
    items: list[Item]


def config_of(task: Task) -> Any:
    seeds = task.state / "seeds.parquet"
    if not seeds.exists():
        rows = [{"number": number, "prompt": prompt(number)} for number in range(task.rows)]
        pandas.DataFrame(rows).to_parquet(seeds)
    model = dd.ModelConfig(
        alias="writer",
        model=MODEL,
        provider="simulator",
        inference_parameters=dd.ChatCompletionInferenceParams(
            max_parallel_requests=task.in_flight, timeout=int(task.timeout_s)
        ),
        skip_health_check=True,
    )
    builder = dd.DataDesignerConfigBuilder(model_configs=[model])
    builder.with_seed_dataset(dd.LocalFileSeedSource(path=str(seeds)))
    asked = {"name": "text", "model_alias": "writer", "prompt": "{{ prompt }}"}
    if task.is_validated:
        builder.add_column(dd.LLMStructuredColumnConfig(**asked, output_format=Answer))
    else:
        builder.add_column(dd.LLMTextColumnConfig(**asked))
    return builder


def main(task: Task) -> None:
    provider = dd.ModelProvider(name="simulator", endpoint=task.base_url, provider_type="openai", api_key=API_KEY)
    designer = DataDesigner(artifact_path=task.state / "artifacts", model_providers=[provider])
    groups = {"buffer_size": RESUMABLE_GROUP} if task.is_resumable else {}
    designer.set_run_config(dd.RunConfig(disable_early_shutdown=True, otel_metrics_port=None, **groups))
    resume = dd.ResumeMode.IF_POSSIBLE if task.is_resumable else dd.ResumeMode.NEVER
    found = designer.create(config_of(task), num_records=task.rows, resume=resume).load_dataset()
    texts = (text if isinstance(text, str) else json.dumps(_plain(text)) for text in found["text"])
    conclude(write_rows(task, zip(map(int, found["number"]), texts, strict=True)))


def _plain(value: Any) -> Any:
    """Arrays and mappings of a table as JSON knows them."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if hasattr(value, "__iter__") and not isinstance(value, str) else value


if __name__ == "__main__":
    main(read_task())
