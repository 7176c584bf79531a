"""The Marian provider with a real, tiny, untrained model: real files, real loading, real decoding."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from synthgen.augment.marian.models import DEFAULT_MODEL, TooLong, model_name
from synthgen.augment.marian.provider import MarianProvider
from synthgen.errors import Fatal, JobError
from synthgen.job import ModelConfig
from synthgen.providers.opening import open_provider
from synthgen.records import Answer, FailureKind, Message, Prompt, Request
from synthgen.testing import check_provider

pytest.importorskip("sentencepiece")

SENTENCES = [
    "where is my card and when will it come",
    "the train was late again this morning",
    "please tell me how to change my address",
    "mi tarjeta no ha llegado todavía",
    "quiero saber dónde está mi dinero",
    "the machine kept my card what now",
]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `tiny-en-es` and `tiny-es-en`, as `save_pretrained` writes them."""
    folder = tmp_path_factory.mktemp("models")
    for number, name in enumerate(("tiny-en-es", "tiny-es-en")):
        build_model(folder / name, seed=number)
    return folder


def build_model(folder: Path, *, seed: int) -> None:
    import json

    import sentencepiece
    import torch
    from transformers import MarianConfig, MarianMTModel

    folder.mkdir()
    for side in ("source", "target"):
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(SENTENCES * 4),
            model_prefix=str(folder / side),
            vocab_size=60,
            hard_vocab_limit=False,
            minloglevel=2,
        )
        (folder / f"{side}.model").rename(folder / f"{side}.spm")
    spm = sentencepiece.SentencePieceProcessor(model_file=str(folder / "source.spm"))
    pieces = [spm.id_to_piece(i) for i in range(spm.get_piece_size())]
    words = ["</s>", "<unk>", *(p for p in pieces if p not in ("<s>", "</s>", "<unk>")), "<pad>"]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "tokenizer_config.json").write_text(json.dumps({"source_lang": "en", "target_lang": "es"}))
    pad = len(words) - 1
    config = MarianConfig(
        vocab_size=len(words),
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        max_position_embeddings=64,
        pad_token_id=pad,
        eos_token_id=0,
        decoder_start_token_id=pad,
        forced_eos_token_id=None,
        bad_words_ids=[[pad]],
    )
    torch.manual_seed(seed)
    model = MarianMTModel(config)
    torch.nn.init.normal_(model.model.shared.weight, std=0.4)  # untrained, yet with opinions
    with torch.no_grad():
        model.model.shared.weight[0] = 0  # the end comes by chance, not at once
    model.final_logits_bias[0, 1] = -100  # never "<unk>", which is not shown
    model.save_pretrained(folder)


@pytest.fixture(autouse=True)
def _no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def config_of(models: Path, **params: Any) -> ModelConfig:
    params = {"route": ["en", "es", "en"], "max_tokens": 12, **params}
    return ModelConfig(provider="marian", model=str(models / "tiny-{source}-{target}"), params=params)


def request_of(text: str, **params: Any) -> Request:
    return Request(Prompt(messages=(Message("user", text),), output="text"), params)


async def answers(config: ModelConfig, requests: list[Request], *, at_once: bool = True) -> list[Answer]:
    async with open_provider(config) as provider:
        if at_once:
            return list(await asyncio.gather(*(provider.complete(r, timeout_s=60) for r in requests)))
        return [await provider.complete(r, timeout_s=60) for r in requests]


def run(config: ModelConfig, requests: list[Request], *, at_once: bool = True) -> list[Answer]:
    return asyncio.run(answers(config, requests, at_once=at_once))


def test_marian_keeps_the_contract_of_a_provider(models: Path) -> None:
    """It passes the check that every provider passes."""

    async def check() -> Answer:
        async with MarianProvider(config_of(models)) as provider:
            assert provider.endpoint == "marian/en-es-en"
            return await check_provider(provider, request_of(SENTENCES[0], seed=1))

    answer = asyncio.run(check())
    assert answer.model == "marian en-es-en"


def test_marian_copies_differ_by_seed_and_repeat_by_seed(models: Path) -> None:
    """n seeds give n texts; the same seed gives the same text."""
    requests = [request_of(SENTENCES[0], seed=n) for n in range(5)]
    first = [a.text for a in run(config_of(models), requests)]
    again = [a.text for a in run(config_of(models), requests)]
    assert first == again
    assert len(set(first)) == 5


def test_marian_company_changes_no_row(models: Path) -> None:
    """A row alone in its batch, among others, and in another order comes out the same."""
    requests = [request_of(s, seed=n) for n, s in enumerate(SENTENCES * 6)]
    alone = [a.text for a in run(config_of(models), requests, at_once=False)]
    together = [a.text for a in run(config_of(models), requests)]
    backwards = [a.text for a in run(config_of(models), requests[::-1])][::-1]
    assert alone == together == backwards


def test_marian_rows_share_batches(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests that come together are decoded together: 16 rows there and back take few calls."""
    from synthgen.augment.marian.models import MarianModel

    sizes: list[int] = []
    real = MarianModel.translate

    def counting(self: MarianModel, texts: Any, *args: Any, **named: Any) -> Any:
        sizes.append(len(texts))
        return real(self, texts, *args, **named)

    monkeypatch.setattr(MarianModel, "translate", counting)
    run(config_of(models), [request_of(SENTENCES[n % 6], seed=n) for n in range(16)])
    assert sizes[0] == 16
    assert sum(sizes) == 32 and len(sizes) <= 8  # noqa: PT018


def test_marian_temperature_zero_takes_the_likeliest_words(models: Path) -> None:
    """Then the seed changes nothing."""
    texts = {
        a.text for a in run(config_of(models, temperature=0), [request_of(SENTENCES[1], seed=n) for n in range(4)])
    }
    assert len(texts) == 1


def test_marian_draws_by_probability() -> None:
    """The noise turns "the best" into a fair draw: frequencies follow the softmax, within top_k and top_p."""
    import torch

    from synthgen.augment.marian.models import Sampling, _Chooser

    scores = torch.log(torch.tensor([[0.5, 0.3, 0.15, 0.05]])).repeat(4000, 1)

    def shares(**narrowed: Any) -> list[float]:
        sampling = Sampling(**{"temperature": 1.0, "top_k": 0, "top_p": 1.0, "max_tokens": None, **narrowed})
        drawn = _Chooser(range(4000), sampling)(None, scores).argmax(-1)
        return [float((drawn == n).float().mean()) for n in range(4)]

    assert shares() == pytest.approx([0.5, 0.3, 0.15, 0.05], abs=0.03)
    assert shares(top_k=2) == pytest.approx([0.625, 0.375, 0, 0], abs=0.03)
    assert shares(top_p=0.7) == pytest.approx([0.625, 0.375, 0, 0], abs=0.03)


def test_marian_lines_stay_lines(models: Path) -> None:
    """Each line is translated by itself; breaks and lines without a letter stay as they are."""
    (answer,) = run(config_of(models), [request_of("where is my card\r\n\n12345\nthe train was late", seed=1)])
    lines = answer.text.split("\n")
    assert len(lines) == 4
    assert lines[2] == "12345"
    assert lines[0].endswith("\r")


def test_marian_overlong_line_is_refused_and_its_neighbours_answered(models: Path) -> None:
    """A line that the model would cut in silence is refused; who shares its batch gets an answer."""

    async def ask() -> list[Any]:
        async with MarianProvider(config_of(models)) as provider:
            asked = [provider.complete(request_of(t, seed=1), timeout_s=60) for t in (SENTENCES[0], "card " * 500)]
            results = await asyncio.gather(*asked, return_exceptions=True)
            assert isinstance(results[1], TooLong)
            failure = provider.classify(results[1])
            assert (failure.kind, failure.code) == (FailureKind.REFUSED, "context_length")
            return results

    assert asyncio.run(ask())[0].text


def test_marian_max_tokens_cuts_and_says_so(models: Path) -> None:
    """An answer that met its bound is marked as cut."""
    (answer,) = run(config_of(models, max_tokens=1, temperature=5.0), [request_of(SENTENCES[0], seed=3)])
    assert answer.finish_reason == "length"


def test_marian_own_model_for_each_hop_and_prefix(models: Path) -> None:
    """`hops` names a model for each translation, and `prefixes` what a model of several targets is told."""
    config = ModelConfig(
        provider="marian",
        params={
            "route": ["en", "pt", "en"],
            "hops": [str(models / "tiny-en-es"), str(models / "tiny-es-en")],
            "prefixes": {"pt": ">>pt<<"},
            "max_tokens": 12,
        },
    )
    plain = config.model_copy(update={"params": {**config.params, "prefixes": {}}})
    told, untold = (run(c, [request_of(SENTENCES[0], seed=1)])[0] for c in (config, plain))
    assert told.text
    assert told.usage.input_tokens != untold.usage.input_tokens


def test_marian_cancelled_call_leaves_it_usable(models: Path) -> None:
    """Half of the callers leave; the others are answered as if they had been alone."""

    async def ask() -> list[str]:
        async with MarianProvider(config_of(models)) as provider:
            asked = [
                asyncio.ensure_future(provider.complete(request_of(SENTENCES[n], seed=n), timeout_s=60))
                for n in range(6)
            ]
            await asyncio.sleep(0)
            for task in asked[::2]:
                task.cancel()
            done = await asyncio.gather(*asked, return_exceptions=True)
            assert all(isinstance(d, asyncio.CancelledError) for d in done[::2])
            return [d.text for d in done[1::2] if isinstance(d, Answer)]

    expected = [a.text for a in run(config_of(models), [request_of(SENTENCES[n], seed=n) for n in (1, 3, 5)])]
    assert asyncio.run(ask()) == expected


@pytest.mark.parametrize(
    ("model", "params", "said"),
    [
        ("no/such-model", {"pair": "en-es"}, "no translation model 'no/such-model' (HF_HUB_OFFLINE is set)"),
        ("", {"pair": "en-es"}, "no translation model 'Helsinki-NLP/opus-mt-en-es'"),
        ("one-model", {"route": ["en", "es", "en"]}, "one model, but the route has several"),
        ("", {"route": ["en", "es"], "hops": ["a", "b"]}, "needs a list of 1 model names"),
        ("", {"route": ["en"]}, "is not a list of two or more languages"),
        ("", {"route": ["en", "no thing"]}, "no language code"),
        ("", {"route": ["en", False]}, "write 'no'"),
        ("", {"route": ["en", "en"]}, "'en' follows itself"),
        ("", {"pair": "en"}, "not two languages joined by a hyphen"),
        ("", {"pair": "en-es", "route": ["en", "es"]}, "give one of them"),
        ("", {"pair": "en-es", "temperature": "hot"}, "params.temperature: 'hot'"),
    ],
)
def test_marian_mistakes_are_told_before_anything_is_asked(model: str, params: dict[str, Any], said: str) -> None:
    """Each mistake in the model entry is a job error with a next step."""

    async def enter() -> None:
        async with MarianProvider(ModelConfig(provider="marian", model=model, params=params)):
            raise AssertionError("entered")

    with pytest.raises(JobError) as caught:
        asyncio.run(enter())
    assert said in caught.value.message


def test_marian_refuses_a_model_of_another_kind(tmp_path: Path) -> None:
    """A folder that holds something else is named as what it is, not loaded with weights left to chance."""
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    config = ModelConfig(provider="marian", model=str(tmp_path), params={"pair": "en-es"})
    with pytest.raises(JobError, match="kind 'bert', not 'marian'"):
        run(config, [])


def test_marian_without_a_route_says_what_to_write(models: Path) -> None:
    """Nothing guesses the languages."""

    async def ask() -> None:
        async with MarianProvider(ModelConfig(provider="marian", model=str(models / "tiny-en-es"))) as provider:
            with pytest.raises(JobError, match="needs to know the languages") as caught:
                await provider.complete(request_of("a"), timeout_s=5)
            assert provider.classify(caught.value).kind is FailureKind.FATAL

    asyncio.run(ask())


def test_marian_not_entered_is_fatal() -> None:
    """Asking a provider that was never opened is the caller's mistake."""
    with pytest.raises(Fatal):
        asyncio.run(MarianProvider(ModelConfig(provider="marian")).complete(request_of("a"), timeout_s=1))


def test_marian_names_by_pattern() -> None:
    """The name of a hop's model follows from its languages; one name stands for one hop only."""
    assert model_name("", "en", "es", is_only_hop=False) == DEFAULT_MODEL.format(source="en", target="es")
    assert model_name("mine", "en", "es", is_only_hop=True) == "mine"
