"""The provider of synonyms, on real WordNet data."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from synthgen.augment.synonyms.provider import SynonymProvider, read_params
from synthgen.augment.synonyms.wordnet import has_wordnet
from synthgen.errors import Fatal, JobError
from synthgen.job import ModelConfig
from synthgen.providers.opening import open_provider
from synthgen.records import FailureKind, Message, Prompt, Request, Usage
from synthgen.testing import check_provider

pytestmark = pytest.mark.anyio
needs_wordnet = pytest.mark.skipif(not has_wordnet(), reason="no WordNet data here")
TEXT = "I noticed an error when I bought a phone in your shop and I need to cancel it."


def request(text: str = TEXT, seed: int = 1, **params: Any) -> Request:
    return Request(Prompt((Message("user", text),), output="text"), {"seed": seed, **params})


def provider(**params: Any) -> SynonymProvider:
    return SynonymProvider(ModelConfig(provider="synonyms", params=params))


async def ask(made: SynonymProvider, asked: Request) -> str:
    return (await made.complete(asked, timeout_s=60)).text


@needs_wordnet
async def test_synonyms_keeps_the_contract_of_a_provider() -> None:
    """Opened by its word in the job file; free; names its data."""
    async with open_provider(ModelConfig(provider="synonyms")) as made:
        answer = await check_provider(made, request())
    assert answer.text != TEXT
    assert answer.usage == Usage()
    assert answer.model.startswith("wordnet-")
    assert answer.finish_reason == "stop"


@needs_wordnet
async def test_synonyms_are_equal_at_any_concurrency() -> None:
    """The same rows and seeds give the same answers, one at a time or all at once."""
    async with provider() as made:
        alone = [await ask(made, request(seed=n)) for n in range(20)]
        together = await asyncio.gather(*(ask(made, request(seed=n)) for n in range(20)))
    assert alone == together
    assert len(set(alone)) > 7


@needs_wordnet
async def test_synonyms_leaves_a_row_that_cannot_change() -> None:
    """The text comes back as it is, for the check to reject as unchanged."""
    async with provider() as made:
        assert await ask(made, request("¿Dónde está 42?")) == "¿Dónde está 42?"


@needs_wordnet
async def test_synonyms_takes_parameters_of_the_request() -> None:
    """A stage's parameters count, since they are laid over the model's."""
    async with provider() as made:
        few, many = [await ask(made, request(n=n, keep=["phone"])) for n in (1, 9)]
    differ = [sum(a != b for a, b in zip(text.split(), TEXT.split(), strict=False)) for text in (few, many)]
    assert differ[0] < differ[1]
    assert "phone" in many


class Counting:
    """An encoder that finds one word far from everything."""

    def __init__(self) -> None:
        self.calls = 0

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.calls += 1
        return np.array([[0.0, 1.0] if "store" in text else [1.0, 0.0] for text in texts], dtype=np.float32)


@needs_wordnet
async def test_synonyms_guard_asks_the_encoder_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a guard, a replacement that moves the sentence too far is not taken."""
    encoder, named = Counting(), []

    def opened(name: str) -> Counting:
        named.append(name)
        return encoder

    guard = {"encoder": "small", "min_similarity": 0.9}
    config = ModelConfig(provider="synonyms", params={"n": 9, "guard": guard})
    monkeypatch.setattr("synthgen.augment.synonyms.provider.open_encoder", opened)
    async with SynonymProvider(config) as made:
        assert "store" in await ask(made, request(n=9))
        assert "shop" in await ask(made, request(n=9, guard=guard))
    assert named == ["small"]
    assert encoder.calls > 1


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"ration": 0.2}, "did you mean 'ratio'"),
        ({"ratio": 20}, "ratio: write a share of the words from 0 to 1"),
        ({"swap": True}, "swap: write a share"),
        ({"n": -1}, "n: write how many words"),
        ({"n": 1.5}, "n: write how many words"),
        ({"keep": "visa"}, "keep: write a list"),
        ({"phrases": "yes"}, "phrases: write true or false"),
        ({"guard": {"encoder": 3}}, "guard.encoder"),
        ({"guard": {"min_similarity": 85}}, "guard.min_similarity"),
        ({"guard": {"bound": 1}}, "guard: write true"),
        ({"wordnet": 3}, "wordnet: write the folder"),
        ({"ratio": 0}, "nothing is to be changed"),
        ({"n": 0}, "nothing is to be changed"),
    ],
)
def test_synonyms_parameters_are_checked(params: dict[str, Any], message: str) -> None:
    """A wrong parameter is the job file's fault, and named."""
    with pytest.raises(JobError, match=message):
        provider(**params)


def test_synonyms_passes_over_parameters_of_models() -> None:
    """What every model entry may hold is no error here; nothing set means the defaults."""
    assert read_params({"temperature": 1, "max_tokens": 5, "seed": 3, "n": None, "ratio": None}) == read_params({})
    assert read_params({"guard": True}).encoder == "static"
    assert read_params({"guard": 0.9}).settings.min_similarity == 0.9


async def test_synonyms_errors_are_classified() -> None:
    """Setup errors stop the endpoint, a row without text is refused alone."""
    made = provider()
    with pytest.raises(Fatal):
        await ask(made, request())
    assert made.classify(Fatal("x")).kind is made.classify(JobError("x")).kind is FailureKind.FATAL
    assert made.classify(ValueError("the prompt holds no text")).kind is FailureKind.REFUSED
    assert made.classify(TimeoutError()).kind is FailureKind.TRANSIENT
