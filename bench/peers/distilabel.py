"""distilabel: a pipeline of `LoadDataFromDicts` and `TextGeneration` on `OpenAILLM`.

A step asks one batch at a time and waits for all of it, so the batch is as large as what may be in flight. Its own
validation needs `instructor`, which is not part of it: answers are asked for as JSON and taken as they are.
"""

from __future__ import annotations

import os
from typing import Any

from distilabel.models.llms import OpenAILLM
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts
from distilabel.steps.tasks import TextGeneration

from bench.peers.protocol import API_KEY, MODEL, RETRIES, Task, conclude, prompt, read_task, write_rows


def pipeline_of(task: Task) -> Any:
    rows = [{"number": number, "instruction": prompt(number)} for number in range(task.rows)]
    with Pipeline(name="bench", cache_dir=task.state) as pipeline:
        load = LoadDataFromDicts(data=rows, batch_size=task.in_flight)
        generate = TextGeneration(
            llm=OpenAILLM(
                model=MODEL,
                base_url=task.base_url,
                api_key=API_KEY,
                max_retries=RETRIES,
                timeout=int(task.timeout_s),
                generation_kwargs={"max_new_tokens": 400},
            ),
            input_batch_size=task.in_flight,
        )
        load >> generate
    return pipeline


def main(task: Task) -> None:
    found = pipeline_of(task).run(use_cache=task.is_resumable)
    rows = found["default"]["train"]
    conclude(write_rows(task, zip(rows["number"], rows["generation"], strict=True)))


if __name__ == "__main__":
    os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
    main(read_task())
