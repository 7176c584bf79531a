"""Texts to vectors by a graph that `onnx_export` made: onnxruntime, tokenizers and numpy, nothing else."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

GRAPH, TOKENIZER, MANIFEST = "model.onnx", "tokenizer.json", "encoder.json"
_MAX_TEXTS, _MAX_TOKENS = 64, 2048  # at once: more is no quicker, and takes hundreds of megabytes
_TOKENIZED_TEXTS = 2048
_WARNINGS = 3
Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]


class Graph:
    """A model loaded from its folder. Which texts are computed together follows from the list alone.

    Args:
        folder: As `onnx_export` made it.

    Raises:
        Exception: Whatever onnxruntime and tokenizers raise where a file is missing or damaged.
    """

    def __init__(self, folder: Path) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        self._inputs: list[str] = manifest["inputs"]
        self._pooling, self._prompt, self._pad_id = manifest["pooling"], manifest["prompt"], manifest["pad_id"]
        self._tokenizer: Any = Tokenizer.from_file(str(folder / TOKENIZER))
        if manifest["max_tokens"] is not None:
            self._tokenizer.enable_truncation(manifest["max_tokens"])
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _WARNINGS
        options.intra_op_num_threads = _threads()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the event loop needs the cores
        self._session: Any = onnxruntime.InferenceSession(
            str(folder / GRAPH), options, providers=["CPUExecutionProvider"]
        )

    def encode(self, texts: Sequence[str]) -> Floats:
        """Unit rows, shape (len(texts), dimensions); at least one text."""
        starts = range(0, len(texts), _TOKENIZED_TEXTS)
        return np.concatenate([self._encode(texts[start : start + _TOKENIZED_TEXTS]) for start in starts])

    def _encode(self, texts: Sequence[str]) -> Floats:
        said = [self._prompt + text.encode("utf-8", "replace").decode() for text in texts]
        found = self._tokenizer.encode_batch_fast(said)
        rows: list[Floats] = [np.empty(0, dtype=np.float32)] * len(texts)
        for places in batches([len(one.ids) for one in found]):
            for place, row in zip(places, self._embed([found[place] for place in places]), strict=True):
                rows[place] = row
        return np.stack(rows)

    def _embed(self, found: Sequence[Any]) -> Floats:
        mask = _padded([one.attention_mask for one in found], 0)
        given = {
            "input_ids": lambda: _padded([one.ids for one in found], self._pad_id),
            "attention_mask": lambda: mask,
            "token_type_ids": lambda: _padded([one.type_ids for one in found], 0),
        }
        (tokens,) = self._session.run(None, {name: given[name]() for name in self._inputs})
        if self._pooling == "cls":
            pooled = tokens[:, 0]
        else:
            weights = mask[:, :, None].astype(np.float32)
            pooled = (tokens * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-9)
        lengths = np.linalg.norm(pooled, axis=1, keepdims=True)
        return np.asarray(pooled / np.maximum(lengths, 1e-12), dtype=np.float32)


def batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Places of texts to compute together: the longest first, so many that padding and memory stay small."""
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda place: -lengths[place]):
        if batch and (len(batch) == _MAX_TEXTS or (len(batch) + 1) * lengths[batch[0]] > _MAX_TOKENS):
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def _padded(rows: Sequence[Sequence[int]], filler: int) -> Integers:
    found = np.full((len(rows), max(1, *map(len, rows))), filler, dtype=np.int64)
    for row, values in zip(found, rows, strict=True):
        row[: len(values)] = values
    return found


def _threads() -> int:
    """As many as torch and BLAS are told to take; 0 is one a core."""
    said = os.environ.get("OMP_NUM_THREADS", "")
    return int(said) if said.isdigit() else 0
