"""Marian translation models: where they lie, how they are loaded, and one batch of decoding. Blocking; no event loop.

A row's words must not depend on the rows it shares a batch with. So each row draws from a generator of its own: to add
Gumbel noise to a row's scores and take the best is to sample from them (Gumbel 1954; Maddison et al. 2014), and needs
no library's random stream, whose draws go by a row's place in the batch. What is left is the order of floating-point
sums, which differs by the shape of a batch: a word flips only where two are level to about 1e-6.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthgen.errors import JobError

DEFAULT_MODEL = "Helsinki-NLP/opus-mt-{source}-{target}"
INSTALL = "pip install 'synthgen[marian]'"
_NAMES = (
    "name a folder (as `save_pretrained` writes it) or a hub id such as Helsinki-NLP/opus-mt-en-es; without a network, "
    "download it once elsewhere, or set HF_HUB_OFFLINE=1 to use only what is in the cache"
)
_MIN_NEW_TOKENS = 32
_NEW_TOKENS_PER_TOKEN = 2


@dataclass(frozen=True, slots=True)
class Sampling:
    """How words are chosen. Rows of one batch share it.

    Attributes:
        temperature: Divides the scores; 0 takes the likeliest word each time.
        top_k: Only so many of the likeliest words are drawn from; 0 means all.
        top_p: Only the likeliest words that together reach this probability are drawn from.
        max_tokens: Most tokens of a translation; None takes twice the text's own and some.
    """

    temperature: float
    top_k: int
    top_p: float
    max_tokens: int | None


@dataclass(frozen=True, slots=True)
class Translation:
    """One translated line.

    Attributes:
        text: The words.
        input_tokens: Tokens read.
        output_tokens: Tokens written.
        is_cut: Whether it reached the most tokens it might have before it ended.
    """

    text: str
    input_tokens: int
    output_tokens: int
    is_cut: bool


class TooLong(ValueError):
    """A line has more tokens than the model can read: it would be cut in silence."""


class MarianModel:
    """A loaded model. Use `load_model`.

    Args:
        name: As it was asked for.
        model: `MarianMTModel`.
        tokenizer: `MarianTokenizer`.
    """

    def __init__(self, name: str, model: Any, tokenizer: Any) -> None:
        self.name = name
        self._model = model
        self._tokenizer = tokenizer
        self._max_tokens = int(model.config.max_position_embeddings)

    def translate(
        self, texts: Sequence[str], seeds: Sequence[int], sampling: Sampling, *, is_unwanted: Callable[[], bool]
    ) -> list[Translation]:
        """Translate some lines together.

        Args:
            texts: Lines, none of them empty.
            seeds: One for each line; the same line and seed give the same words.
            sampling: For all of them.
            is_unwanted: Asked at every word; True ends the call early, with what is there.

        Raises:
            TooLong: A line does not fit into the model.
        """
        import torch

        encoded = self._encode(texts)
        lengths = [int(mask.sum()) for mask in encoded["attention_mask"]]
        limits = [self._limit(length, sampling) for length in lengths]
        with torch.inference_mode():
            made = self._model.generate(
                **encoded,
                max_new_tokens=max(limits),
                max_length=None,
                num_beams=1,
                do_sample=False,
                logits_processor=[_Chooser(seeds, sampling)] if sampling.temperature > 0 else [],
                stopping_criteria=[_Abandoned(is_unwanted)],
            )
        rows = zip(made[:, 1:].tolist(), lengths, limits, strict=True)  # the first token only starts the decoder
        return [self._read(tokens, length, limit) for tokens, length, limit in rows]

    def check_length(self, text: str) -> None:
        """Whether a line fits.

        Raises:
            TooLong: It does not.
        """
        count = len(self._tokenizer(text, verbose=False)["input_ids"])
        if count > self._max_tokens:
            raise TooLong(f"a line of {count:,} tokens; {self.name} reads {self._max_tokens:,}")

    def _encode(self, texts: Sequence[str]) -> Any:
        for text in texts:
            self.check_length(text)
        return self._tokenizer(list(texts), return_tensors="pt", padding=True)

    def _limit(self, length: int, sampling: Sampling) -> int:
        wanted = sampling.max_tokens or max(_MIN_NEW_TOKENS, _NEW_TOKENS_PER_TOKEN * length)
        return min(wanted, self._max_tokens - 1)

    def _read(self, tokens: list[int], length: int, limit: int) -> Translation:
        eos = self._tokenizer.eos_token_id
        is_cut = eos not in tokens[:limit]
        kept = tokens[:limit] if is_cut else tokens[: tokens.index(eos) + 1]
        text = self._tokenizer.decode(kept, skip_special_tokens=True)
        return Translation(text.strip(), length, len(kept), is_cut)


def model_name(named: str, source: str, target: str, *, is_only_hop: bool) -> str:
    """The model of one hop.

    Args:
        named: `model:` of the job; `{source}` and `{target}` stand for the languages. Empty takes the opus-mt ones.
        source, target: Languages.
        is_only_hop: Whether a name without `{source}` and `{target}` can be meant.

    Raises:
        JobError: One name for several translations.
    """
    pattern = named or DEFAULT_MODEL
    if "{source}" not in pattern and "{target}" not in pattern:
        if is_only_hop:
            return pattern
        raise JobError(
            f"models: model '{named}' is one model, but the route has several translations",
            hint="write `{source}` and `{target}` in its name (models/opus-mt-{source}-{target}), or a model for each "
            "under `params: {hops: [..., ...]}`",
        )
    return pattern.replace("{source}", source).replace("{target}", target)


def load_model(name: str) -> MarianModel:
    """Load a model from a folder or the hub's cache; the hub itself is asked where neither has it.

    Raises:
        JobError: What it needs is not installed; there is no such model; or it is no Marian model.
    """
    path = Path(name).expanduser()
    where = str(path) if path.is_dir() else name
    try:
        import sentencepiece  # noqa: F401  (transformers names it only in a long message of its own)
        from transformers import AutoConfig, MarianMTModel, MarianTokenizer
    except ImportError as error:
        raise JobError(f"models: provider marian needs more than is installed ({error})", hint=INSTALL) from None
    try:
        kind = AutoConfig.from_pretrained(where).model_type
        if kind != "marian":
            raise JobError(f"models: '{name}' is a model of the kind '{kind}', not 'marian'", hint=_NAMES)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it recommends a package that nothing here uses
            tokenizer = MarianTokenizer.from_pretrained(where)
        with _quiet():
            model = MarianMTModel.from_pretrained(where)
    except JobError:
        raise
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        offline = " (HF_HUB_OFFLINE is set)" if os.environ.get("HF_HUB_OFFLINE") else ""
        raise JobError(f"models: no translation model '{name}'{offline}: {first}", hint=_NAMES) from None
    model.eval()
    return MarianModel(name, model, tokenizer)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep loading bars off the terminal, where the progress display lives."""
    from transformers.utils import logging

    was_shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_shown:
            logging.enable_progress_bar()


class _Chooser:
    """Scores to scores, such that the best is a fair draw. Each row has its own stream of noise."""

    def __init__(self, seeds: Sequence[int], sampling: Sampling) -> None:
        import torch

        self._sampling = sampling
        self._generators = [torch.Generator().manual_seed(seed % 2**63) for seed in seeds]

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        import torch

        scores = _narrow(scores.float() / self._sampling.temperature, self._sampling)
        noise = torch.stack([torch.rand(scores.shape[-1], generator=g) for g in self._generators])
        tiny = torch.finfo(noise.dtype).tiny
        waits = (-torch.log(noise.clamp_min(tiny))).clamp_min(tiny)
        return scores - torch.log(waits)


def _narrow(scores: Any, sampling: Sampling) -> Any:
    """Only words within `top_k` and `top_p` stay."""
    import torch

    if 0 < sampling.top_k < scores.shape[-1]:
        least = scores.topk(sampling.top_k).values[..., -1:]
        scores = scores.masked_fill(scores < least, float("-inf"))
    if sampling.top_p < 1:
        ordered, order = scores.sort(descending=True)
        before = ordered.softmax(-1).cumsum(-1) - ordered.softmax(-1)
        drop = torch.zeros_like(scores, dtype=torch.bool).scatter(-1, order, before >= sampling.top_p)
        scores = scores.masked_fill(drop, float("-inf"))
    return scores


class _Abandoned:
    """Stops the decoding of a batch that nobody waits for any more."""

    def __init__(self, is_unwanted: Callable[[], bool]) -> None:
        self._is_unwanted = is_unwanted

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        import torch

        return torch.full((input_ids.shape[0],), self._is_unwanted(), dtype=torch.bool)
