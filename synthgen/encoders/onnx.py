"""Sentence models through onnxruntime: `onnx:all-MiniLM-L6-v2`, `onnx:FOLDER`, or a hub name where it is reachable.

The vectors are torch's to the seventh digit, from a process that starts in a second at a third of the memory. The graph
is made once for each model, by torch, and kept in the user's cache folder under the digest of the model's files.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from synthgen.encoders.onnx_export import REFUSED
from synthgen.encoders.onnx_graph import GRAPH, MANIFEST, Graph
from synthgen.encoders.sentence import DEFAULT, bundled_folder, load_model, quiet
from synthgen.errors import JobError

PREFIX = "onnx:"
FORMAT = "1"  # of what is cached: another number makes every graph anew
_INSTALL = "pip install 'synthgen[onnx]'"
_AT_START, _AT_EXPORT = ("onnxruntime", "tokenizers"), ("onnx", "onnxscript", "sentence_transformers")
_MODEL_FILES = frozenset([".json", ".txt", ".model", ".safetensors", ".bin"])
_HASHED_BYTES = 1 << 20


class OnnxEncoder:
    """One model's graph, made where it is not in the cache yet (half a minute) and loaded at construction.

    Args:
        name: `onnx:` and the name of a sentence-transformers model.

    Raises:
        JobError: A package is missing, there is no such model, or it is one that cannot be exported faithfully.
    """

    def __init__(self, name: str) -> None:
        model = name.removeprefix(PREFIX)
        if not model:
            raise JobError(f"encoder: '{name}' names no model", hint=f"write {PREFIX}{DEFAULT}, or {PREFIX}FOLDER")
        _require(name, _AT_START)
        folder = _folder_of(model, name)
        digest = model_digest(folder)
        made = cache_folder() / digest
        if not (made / MANIFEST).is_file():
            _require(name, _AT_EXPORT)
            _export(folder, made, name)
        try:
            self._graph = Graph(made)
            self.dimensions = int(self._graph.encode(["probe"]).shape[1])
        except Exception as error:  # of two libraries, and all mean that the files are not what they were
            raise JobError(
                f"encoder: '{name}': its graph cannot be loaded: {_first_line(error)}",
                hint=f"delete {made}: it is made again",
            ) from None
        self.identity = f"{name}@{digest[:16]}"

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit rows; texts beyond the model's length (256 tokens for the default) count by their beginning."""
        if not texts:
            return np.empty((0, self.dimensions), dtype=np.float32)
        return self._graph.encode(texts)


def cache_folder() -> Path:
    """Where graphs are kept: `synthgen/onnx` in XDG_CACHE_HOME, else in ~/.cache."""
    root = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(root) if root and Path(root).is_absolute() else Path.home() / ".cache") / "synthgen" / "onnx"


def model_digest(folder: Path) -> str:
    """Content of everything in a model's folder that decides its vectors: weights, settings, tokenizer."""
    digest = hashlib.sha256(FORMAT.encode())
    for path in sorted(_model_files(folder)):
        digest.update(f"\0{path.relative_to(folder).as_posix()}\0".encode())
        with path.open("rb") as file:
            while part := file.read(_HASHED_BYTES):
                digest.update(part)
    return digest.hexdigest()[:32]


def _model_files(folder: Path) -> list[Path]:
    """At the top and one level below, where modules have their settings; not other forms of the same weights."""
    nested = [path for path in folder.glob("*/*.json") if path.parent.name not in ("onnx", "openvino")]
    return [path for path in (*folder.iterdir(), *nested) if path.suffix in _MODEL_FILES and path.is_file()]


def _folder_of(model: str, name: str) -> Path:
    if model == DEFAULT:
        return Path(bundled_folder())
    folder = Path(model).expanduser()
    if folder.is_dir() and not (folder / "modules.json").is_file():
        raise JobError(
            f"encoder: '{name}': {folder} holds no sentence-transformers model (no modules.json)",
            hint="name the folder that SentenceTransformer.save_pretrained wrote",
        )
    return folder if folder.is_dir() else _hub_folder(model, name)


def _hub_folder(model: str, name: str) -> Path:
    """The hub's copy on this machine; it is fetched where it is not there yet."""
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(model, local_files_only=True))
    except Exception:  # not there, by any of a dozen errors
        pass
    try:
        with quiet():
            load_model(model)
        return Path(snapshot_download(model, local_files_only=True))
    except Exception as error:
        raise JobError(
            f"encoder: '{name}': there is no such folder, and no such model of the hub can be had: "
            f"{_first_line(error)}",
            hint=f"use `encoder: {PREFIX}{DEFAULT}` (comes with synthgen), or the folder of such a model",
        ) from None


def _export(folder: Path, into: Path, name: str) -> None:
    """In a process of its own, which takes torch and what it prints with it."""
    try:
        into.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise JobError(
            f"encoder: '{name}': its graph cannot be kept in {into.parent}: {error.strerror or error}",
            hint="set XDG_CACHE_HOME to a folder that can be written",
        ) from None
    command = [sys.executable, "-m", "synthgen.encoders.onnx_export", str(folder), str(into)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode == 0 and (into / GRAPH).is_file():
        return
    lines = ended.stderr.strip().splitlines()
    said = next((line.removeprefix(REFUSED) for line in reversed(lines) if line.startswith(REFUSED)), None)
    if said is None:
        said = lines[-1][:300] if lines else f"the export ended with {ended.returncode}"
    raise JobError(
        f"encoder: '{name}' cannot be exported: {said}",
        hint=f"use `encoder: {name.removeprefix(PREFIX)}` (the same model by torch)",
    )


def _require(name: str, packages: Sequence[str]) -> None:
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if missing:
        raise JobError(f"encoder: '{name}' needs {', '.join(missing)}, which is not installed", hint=_INSTALL)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
