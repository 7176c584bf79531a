"""Models through onnxruntime: torch's vectors, without torch, or a plain no."""

from __future__ import annotations

import importlib.util
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgen.encoders import onnx as onnx_encoder
from synthgen.encoders import open_encoder
from synthgen.encoders.onnx import OnnxEncoder, cache_folder, model_digest
from synthgen.encoders.onnx_graph import batches
from synthgen.encoders.sentence import SentenceEncoder
from synthgen.errors import JobError

NAME = "onnx:all-MiniLM-L6-v2"
WORDS = [
    "card",
    "arrived",
    "Payment",
    "twice",
    "£10",
    "naïve",
    "漢字",
    "why?",
    "can't",
    "transfer",
    "🙂",
    "account\tblocked",
    "pin",
    "the",
    "of",
    "my",
    "please",
]

needs_onnx = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("onnxruntime", "onnx", "onnxscript")),
    reason="needs the extra: pip install 'synthgen[onnx]'",
)


def some_texts(count: int, seed: int = 4) -> list[str]:
    """From one word to some hundred, in no order."""
    chance = random.Random(seed)
    return [" ".join(chance.choices(WORDS, k=chance.choice([1, 4, 9, 15, 40]))) for _ in range(count)]


@pytest.fixture
def exported(own_cache: Path) -> OnnxEncoder:
    """The default model; the first test that asks for it waits for its export."""
    return OnnxEncoder(NAME)


def tiny_model(folder: Path, *, pooling: str = "mean", kind: str = "bert", lowercase: bool = False) -> Path:
    """A sentence-transformers model of two small random layers, saved like any other."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast, DistilBertConfig, DistilBertModel

    torch.manual_seed(3)
    inner = folder / "inner"
    inner.mkdir(parents=True)
    ngrams = [chr(c) for c in range(33, 127)]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *ngrams, *(f"##{c}" for c in ngrams)]
    (inner / "vocab.txt").write_text("\n".join(vocabulary))
    BertTokenizerFast(vocab=str(inner / "vocab.txt"), do_lower_case=False, model_max_length=48).save_pretrained(inner)
    if kind == "bert":
        shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
        config = BertConfig(vocab_size=len(vocabulary), max_position_embeddings=64, **shape)
        BertModel(config).save_pretrained(inner)
    else:
        shape = {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32}
        distil = DistilBertConfig(vocab_size=len(vocabulary), max_position_embeddings=64, **shape)
        DistilBertModel(distil).save_pretrained(inner)
    transformer = Transformer(str(inner), max_seq_length=48, do_lower_case=lowercase)
    SentenceTransformer(modules=[transformer, Pooling(16, pooling)], device="cpu").save_pretrained(
        str(folder / "model")
    )
    return folder / "model"


@needs_onnx
@pytest.mark.slow
def test_onnx_encoder_gives_torchs_vectors(exported: OnnxEncoder, minilm: SentenceEncoder) -> None:
    """To 4e-7, short and long texts, all scripts, beyond the model's length, and in batches of other sizes."""
    texts = [*some_texts(80), "", " ", "x", "a long one that goes on " * 100]
    found = exported.encode(texts)
    assert found.shape == (len(texts), 384)
    assert found.dtype == np.float32
    assert np.abs(found - minilm.encode(texts)).max() < 4e-7
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)


@needs_onnx
@pytest.mark.slow
def test_onnx_encoder_same_list_gives_the_same_bits(exported: OnnxEncoder) -> None:
    """What replay and resume rest on; another company changes the last bits only."""
    texts = some_texts(70)
    rows = exported.encode(texts)
    assert np.array_equal(rows, OnnxEncoder(NAME).encode(texts))
    assert np.abs(exported.encode(texts[:1])[0] - rows[0]).max() < 1e-6
    assert exported.encode([]).shape == (0, 384)


@needs_onnx
@pytest.mark.slow
def test_onnx_encoder_takes_any_string(exported: OnnxEncoder) -> None:
    """Half of a surrogate pair, as models write them, is a text like others."""
    assert np.isfinite(exported.encode(["\ud83d card", "\x00", "\u202e"])).all()


@needs_onnx
@pytest.mark.slow
def test_onnx_encoders_vectors_never_meet_torchs(exported: OnnxEncoder, minilm: SentenceEncoder) -> None:
    """Equal to the seventh digit is not equal: the identity is another, and names the files' content."""
    assert exported.identity != minilm.identity
    assert exported.identity.startswith(f"{NAME}@")


@needs_onnx
@pytest.mark.slow
def test_onnx_encoder_starts_without_torch(exported: OnnxEncoder) -> None:
    """Once the graph is made, nothing heavy is imported and nothing is printed."""
    program = (
        "import sys; from synthgen.encoders import open_encoder;"
        f"open_encoder('{NAME}').encode(['a']);"
        "print({'torch', 'transformers', 'sentence_transformers', 'onnx', 'onnxscript'} & set(sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)
    assert (shown.stdout.strip(), shown.stderr) == ("set()", "")


@needs_onnx
@pytest.mark.parametrize(
    ("pooling", "kind", "lowercase"), [("cls", "bert", True), ("mean", "distilbert", False)]
)  # fmt: skip
def test_onnx_encoder_takes_a_model_by_its_folder(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch, pooling: str, kind: str, lowercase: bool
) -> None:
    """Pooling, length, folding of case and the inputs are the model's own."""
    monkeypatch.setattr(onnx_encoder, "_export", in_this_process)
    folder = tiny_model(tmp_path, pooling=pooling, kind=kind, lowercase=lowercase)
    found, texts = open_encoder(f"onnx:{folder}"), some_texts(40)
    assert found.dimensions == 16
    assert np.abs(found.encode(texts) - SentenceEncoder(str(folder)).encode(texts)).max() < 1e-6


def in_this_process(folder: Path, into: Path, name: str) -> None:
    from synthgen.encoders.onnx_export import export_model

    export_model(str(folder), into)


@needs_onnx
def test_onnx_encoder_refuses_what_it_would_get_wrong(tmp_path: Path, own_cache: Path) -> None:
    """A model with a module or a pooling that is not known is named with it, with the way out, and nothing is cached."""
    folder = tiny_model(tmp_path, pooling="max")
    before = sorted(cache_folder().glob("*")) if cache_folder().exists() else []
    with pytest.raises(JobError, match="its pooling is max") as caught:
        open_encoder(f"onnx:{folder}")
    assert str(folder) in (caught.value.hint or "")
    assert (sorted(cache_folder().glob("*")) if cache_folder().exists() else []) == before


@needs_onnx
def test_onnx_export_that_answers_otherwise_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The graph is held against the model before it gets its name."""
    from synthgen.encoders import onnx_export

    right = onnx_export.describe
    monkeypatch.setattr(onnx_export, "describe", lambda model: {**right(model), "pooling": "cls"})
    folder = tiny_model(tmp_path)
    with pytest.raises(JobError, match="answers otherwise"):
        onnx_export.export_model(str(folder), tmp_path / "made")
    assert not (tmp_path / "made").exists()
    assert not list(tmp_path.glob(".making-*"))


@needs_onnx
@pytest.mark.slow
def test_onnx_encoder_whose_graph_is_damaged_says_what_to_delete(
    exported: OnnxEncoder, own_cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A disk's fault is no traceback."""
    (source,) = [path for path in cache_folder().iterdir() if exported.identity.endswith(path.name[:16])]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    broken = cache_folder() / source.name
    broken.mkdir(parents=True)
    for path in source.iterdir():
        (broken / path.name).write_bytes(path.read_bytes()[:1000])
    with pytest.raises(JobError, match="cannot be loaded") as caught:
        open_encoder(NAME)
    assert str(broken) in (caught.value.hint or "")


@pytest.mark.parametrize("name", ["onnxruntime", "tokenizers"])
def test_onnx_encoder_without_its_packages_names_the_extra(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Not an ImportError."""
    real: Callable[..., Any] = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda asked, *rest: None if asked == name else real(asked, *rest))
    with pytest.raises(JobError, match=name) as caught:
        open_encoder(NAME)
    assert "synthgen[onnx]" in (caught.value.hint or "")


@needs_onnx
def test_onnx_encoder_of_no_model_says_so(tmp_path: Path, own_cache: Path) -> None:
    """A folder with other things in it is told apart from a model."""
    with pytest.raises(JobError, match=r"no modules\.json"):
        open_encoder(f"onnx:{tmp_path}")


@needs_onnx
def test_onnx_encoder_whose_graph_cannot_be_kept_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before half a minute of export is spent."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(JobError, match="cannot be kept in") as caught:
        open_encoder(NAME)
    assert "XDG_CACHE_HOME" in (caught.value.hint or "")


def test_onnx_encoder_without_a_model_says_how_to_write_one() -> None:
    """`onnx:` alone is not the folder that one stands in."""
    with pytest.raises(JobError, match="names no model"):
        open_encoder("onnx:")


def test_model_digest_is_of_what_decides_the_vectors(tmp_path: Path) -> None:
    """Weights, settings and tokenizer; a readme, and the same weights in other forms, change nothing."""
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "onnx").mkdir()
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "1_Pooling" / "config.json").write_text("{}")
    before = model_digest(tmp_path)
    (tmp_path / "README.md").write_text("words")
    (tmp_path / "onnx" / "config.json").write_text("{}")
    assert model_digest(tmp_path) == before
    (tmp_path / "1_Pooling" / "config.json").write_text("{ }")
    assert model_digest(tmp_path) != before


@given(lengths=st.lists(st.integers(0, 600), min_size=1, max_size=300))
def test_batches_hold_each_text_once_and_stay_small(lengths: list[int]) -> None:
    """And follow from the list alone."""
    found = list(batches(lengths))
    assert sorted(place for batch in found for place in batch) == list(range(len(lengths)))
    assert all(
        len(batch) <= 64 and len(batch) * max(lengths[p] for p in batch) <= max(2048, max(lengths[p] for p in batch))
        for batch in found
    )
