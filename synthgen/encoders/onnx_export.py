"""A sentence-transformers model as an ONNX graph, with its tokenizer and what is done around it: made once, by torch.

Run as a program (`python -m synthgen.encoders.onnx_export MODEL FOLDER`), so that torch, its messages and its memory
are gone when it ends. What was made is held against the model itself before it gets its name: a model that would answer
otherwise is refused, never used.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from synthgen.encoders.onnx_graph import GRAPH, MANIFEST, TOKENIZER, Graph
from synthgen.encoders.sentence import load_model, quiet
from synthgen.errors import JobError

OPSET = 18
POOLINGS = ("mean", "cls")
REFUSED = "refused: "
# fp32 sums in another order: MiniLM differs by 2e-7. A wrong pooling or prompt differs by hundredths.
MAX_DIFFERENCE = 1e-5
_MAX_TOKENS = 1 << 20  # what a tokenizer without a limit says is far beyond
_MAX_GRAPH_BYTES = 1_800_000_000  # protobuf ends at 2 GiB; weights then stand beside the graph
_STALE_S = 86_400.0
_MAKING = ".making-"
PROBES = (
    "Where is my card?",
    "no",
    "  I was CHARGED twice,\n\tand nobody answers… why?  ",
    "¿Dónde está mi tarjeta? Größe, naïve, 漢字 and 🙂",
    "a sentence that goes on and on " * 120,
)


def export_model(name: str, into: Path) -> None:
    """Make the graph of a model in a folder that does not exist yet; it appears whole or not at all.

    Args:
        name: A folder, or a hub name.
        into: What to make.

    Raises:
        JobError: The model cannot be expressed, or the graph answers otherwise than the model.
    """
    into.parent.mkdir(parents=True, exist_ok=True)
    _sweep(into.parent)
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = load_model(name)
        manifest = describe(model)
        with tempfile.TemporaryDirectory(dir=into.parent, prefix=_MAKING) as folder:
            made = Path(folder) / "graph"
            made.mkdir()
            manifest["inputs"] = _write_graph(model, made / GRAPH)
            (made / TOKENIZER).write_text(_tokenizer(model), encoding="utf-8")
            (made / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
            _require_equal(model, made)
            if not into.exists():  # somebody else may have made it meanwhile: then theirs is as good
                made.rename(into)


def describe(model: Any) -> dict[str, Any]:
    """What is done around the graph: pooling, prompt, length.

    Raises:
        JobError: The model does something that this knows nothing of.
    """
    modules = list(model)
    kinds = [type(module).__name__ for module in modules]
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        raise JobError(f"its modules are {', '.join(kinds)}; only Transformer, Pooling and Normalize are known here")
    pooling = modules[1].pooling_mode
    if pooling not in POOLINGS:
        raise JobError(f"its pooling is {pooling}; only {' and '.join(POOLINGS)} are known here")
    prompt = model.prompts.get(model.default_prompt_name, "") if model.default_prompt_name else ""
    if prompt and not modules[1].include_prompt:
        raise JobError("it leaves its prompt out of the pooling, which is not known here")
    if not getattr(model.tokenizer, "is_fast", False):
        raise JobError("its tokenizer has no fast form")
    return {
        "pooling": pooling,
        "prompt": prompt,
        "max_tokens": _max_tokens(model),
        "pad_id": int(model.tokenizer.pad_token_id or 0),
    }


def _max_tokens(model: Any) -> int | None:
    said = model.max_seq_length
    return None if said is None or said > _MAX_TOKENS else int(said)


def _tokenizer(model: Any) -> str:
    """As a file of the package `tokenizers`, without length and padding: these are the encoder's own."""
    backend = model.tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    return str(backend.to_str())


def _write_graph(model: Any, path: Path) -> list[str]:
    """Token embeddings from token numbers, for any number of texts of any length; the names of what goes in."""
    import torch

    said = model.tokenizer(["one text", "another that is somewhat longer"], padding=True, return_tensors="pt")
    inner = model[0].auto_model.eval()
    names = [name for name in ("input_ids", "attention_mask", "token_type_ids") if name in said]

    class Tokens(torch.nn.Module):  # type: ignore[misc,name-defined,unused-ignore]
        """Takes its inputs by place, as the exporter wants them."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, *values: Any) -> Any:
            return self.inner(**dict(zip(names, values, strict=True)), return_dict=True).last_hidden_state

    batch, length = torch.export.Dim("batch"), torch.export.Dim("length")
    weights = sum(parameter.numel() * parameter.element_size() for parameter in inner.parameters())
    with torch.no_grad():
        torch.onnx.export(
            Tokens().eval(),
            tuple(said[name] for name in names),
            str(path),
            input_names=names,
            output_names=["tokens"],
            dynamic_shapes=(tuple({0: batch, 1: length} for _ in names),),
            opset_version=OPSET,
            dynamo=True,
            external_data=weights > _MAX_GRAPH_BYTES,
            verbose=False,
        )
    return names


def _require_equal(model: Any, made: Path) -> None:
    expected = model.encode(
        list(PROBES), normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False, batch_size=len(PROBES)
    )
    found = Graph(made).encode(PROBES)
    apart = float(np.abs(found - expected).max()) if found.shape == expected.shape else float("inf")
    if not apart <= MAX_DIFFERENCE:
        raise JobError(f"its graph answers otherwise than the model itself (by {apart:.2g})")


def _sweep(folder: Path) -> None:
    """Take away what killed exports left."""
    for left in folder.glob(f"{_MAKING}*"):
        if time.time() - left.stat().st_mtime > _STALE_S:
            shutil.rmtree(left, ignore_errors=True)


def main(arguments: Sequence[str]) -> int:
    name, into = arguments
    try:
        export_model(name, Path(into))
    except Exception as error:  # the exporter's errors are of a dozen kinds, and mean the same to its user
        said = str(error).strip().splitlines() or [type(error).__name__]
        print(f"{REFUSED}{said[0][:300]}", file=sys.stderr)  # noqa: T201 - read by the encoder
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
