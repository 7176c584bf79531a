"""The Apertium provider over real processes: small stand-ins on PATH, and the real programs where they are installed."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from synthgen.augment.apertium import provider as apertium
from synthgen.augment.apertium.chain import PipelineDied
from synthgen.augment.apertium.modes import find_mode
from synthgen.augment.apertium.provider import ApertiumProvider
from synthgen.errors import Fatal, JobError
from synthgen.job import ModelConfig
from synthgen.providers.opening import open_provider
from synthgen.records import Answer, FailureKind, Message, Prompt, Request
from synthgen.testing import check_provider
from tests.augment.apertium_stand_in import install_stand_in


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return install_stand_in(tmp_path, monkeypatch)


def config_of(folder: Path | str = "", **params: Any) -> ModelConfig:
    return ModelConfig(provider="apertium", model=str(folder), params=params or {"route": ["en", "es", "en"]})


def request_of(text: str, **params: Any) -> Request:
    return Request(Prompt(messages=(Message("user", text),), output="text"), params)


async def answers(config: ModelConfig, texts: list[str]) -> list[str]:
    async with open_provider(config) as provider:
        made = await asyncio.gather(*(provider.complete(request_of(t), timeout_s=60) for t in texts))
        return [answer.text for answer in made]


def run(config: ModelConfig, *texts: str) -> list[str]:
    return asyncio.run(answers(config, list(texts)))


def processes_of(folder: Path) -> list[int]:
    """Live or unreaped processes that run a program of this folder (Linux)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            is_child = (entry / "stat").read_text().rpartition(")")[2].split()[1] == str(os.getpid())
            is_ours = str(folder).encode() in (entry / "cmdline").read_bytes()
            is_zombie = (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            continue
        if is_child and (is_ours or is_zombie):
            found.append(int(entry.name))
    return found


def test_apertium_keeps_the_contract_of_a_provider(stand_in: Path) -> None:
    """It passes the check that every provider passes."""

    async def check() -> Answer:
        async with ApertiumProvider(config_of(stand_in)) as provider:
            assert provider.endpoint == "apertium/en-es-en"
            return await check_provider(provider, request_of("my card is lost", seed=1))

    answer = asyncio.run(check())
    assert (answer.text, answer.model, answer.usage.output_tokens) == ("my card is lost", "apertium en-es-en", 4)


@pytest.mark.parametrize(
    "text",
    [
        "a^b$ c/d <b>x</b> {y} {{z}} [w] \\ @me #tag *star* ~ +1 %",
        "ends with a backslash \\",
        "[<STREAMCMD:SETVAR:x>] ^x/x<n>$",
        "line one.\n\n  \nline two\r\nthree\u2028four",
        "mail joe@card.com or https://x.com/a?b=[c]#d",
        "wait... what?! ok",
        "😀 卡 नमस्ते naïve",
        "12345",
        "]",
        "word " * 30_000 + "end",
    ],
)
def test_apertium_hostile_text_comes_through(stand_in: Path, text: str) -> None:
    """What the stream format gives meaning to is only text here, and comes back as it was."""
    assert run(config_of(stand_in), text) == [text]


def test_apertium_control_characters_end_no_message(stand_in: Path) -> None:
    """NUL would end the message and shift every later answer by one: controls become spaces."""
    assert run(config_of(stand_in), "a\0b\x07c", "next", "half \ud800 pair") == ["a b c", "next", "half pair"]


@pytest.mark.parametrize(("unknown", "text"), [("keep", "a blorp *b*"), ("mark", "a *blorp *b*"), ("drop", "a *b*")])
def test_apertium_marks_of_unknown_words(stand_in: Path, unknown: str, text: str) -> None:
    """The tool's mark goes or stays as asked; the user's own stars stay."""
    assert run(config_of(stand_in, pair="en-es", unknown=unknown), "a blorp *b*") == [text]


def test_apertium_answers_go_to_who_asked(stand_in: Path) -> None:
    """Any number under way at once: nobody gets another's answer."""
    texts = [f"text number {n} of many" for n in range(300)]
    assert run(config_of(stand_in), *texts) == texts


def test_apertium_learned_tagger_is_replaced(stand_in: Path) -> None:
    """A tagger that changed its mind at one row does not read the next row with it."""
    assert run(config_of(stand_in, pair="en-es"), "my card", "odd", "my card", "my card") == [
        "my card",
        "odd",
        *["my card"] * 2,
    ]
    assert (stand_in / "bin/started").read_text().count("apertium-tagger") == 2


def test_apertium_death_is_transient_and_the_next_call_works(stand_in: Path) -> None:
    """A program that dies fails who waited, as transient with its last words; a new one answers the next call."""

    async def ask() -> None:
        async with ApertiumProvider(config_of(stand_in)) as provider:
            with pytest.raises(PipelineDied, match="I was told to") as caught:
                await provider.complete(request_of("now DIE"), timeout_s=20)
            failure = provider.classify(caught.value)
            assert (failure.kind, failure.code) == (FailureKind.TRANSIENT, "pipeline_died")
            assert (await provider.complete(request_of("alive"), timeout_s=20)).text == "alive"

    asyncio.run(ask())


def test_apertium_hung_programs_are_replaced(stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that times out because nobody was answered takes the stuck programs with it."""
    monkeypatch.setattr(apertium, "_STUCK_AFTER_S", 0.0)

    async def ask() -> None:
        async with ApertiumProvider(config_of(stand_in)) as provider:
            with pytest.raises(TimeoutError):
                await provider.complete(request_of("HANG"), timeout_s=0.2)
            assert (await provider.complete(request_of("alive"), timeout_s=20)).text == "alive"

    asyncio.run(ask())


def test_apertium_cancelled_callers_shift_no_answer(stand_in: Path) -> None:
    """Who leaves early is skipped; the others get their own answers."""

    async def ask() -> list[Any]:
        async with ApertiumProvider(config_of(stand_in)) as provider:
            asked = [asyncio.ensure_future(provider.complete(request_of(f"text {n}"), timeout_s=20)) for n in range(40)]
            for _ in range(5):
                await asyncio.sleep(0)
            for task in asked[::2]:
                task.cancel()
            return await asyncio.gather(*asked, return_exceptions=True)

    results = asyncio.run(ask())
    assert all(isinstance(r, asyncio.CancelledError) for r in results[::2])
    assert [r.text for r in results[1::2]] == [f"text {n}" for n in range(1, 40, 2)]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
@pytest.mark.parametrize("text", ["fine", "odd", "HANG", "DIE"])
def test_apertium_leaves_no_process_behind(stand_in: Path, text: str) -> None:
    """However a call ended, leaving the provider ends and reaps every program."""

    async def ask() -> None:
        async with ApertiumProvider(config_of(stand_in)) as provider:
            assert len(processes_of(stand_in)) == 6
            await asyncio.wait([asyncio.ensure_future(provider.complete(request_of(text), timeout_s=0.3))])

    before = processes_of(stand_in)
    asyncio.run(ask())
    assert processes_of(stand_in) == before


def test_apertium_children_see_no_secret(stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment that programs inherit holds paths and a locale, not the user's keys."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    (stand_in / "bin/lt-proc").write_text(f"#!/bin/sh\nenv > {stand_in}/environment\nexec cat\n")
    run(config_of(stand_in), "a word")
    assert "sk-secret" not in (stand_in / "environment").read_text()


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"pair": "en-fr"}, "cannot translate from 'en' to 'fr' here (there are: eng-spa, fr-es, spa-eng)"),
        ({"pair": "en/../x-es"}, "no language code"),
        ({"unknown": "eat", "pair": "en-es"}, "params.unknown: 'eat' is none of keep, mark, drop"),
        ({"route": "en-es-en"}, "is not a list"),
    ],
)
def test_apertium_mistakes_are_told_before_anything_is_asked(stand_in: Path, params: dict[str, Any], said: str) -> None:
    """A missing pair lists those that are there; each mistake is a job error with a next step."""
    with pytest.raises(JobError) as caught:
        run(config_of(stand_in, **params))
    assert said in caught.value.message
    assert caught.value.hint


def test_apertium_not_installed_says_how_to(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The install line, instead of a traceback."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("APERTIUM_DATADIR", raising=False)
    with pytest.raises(JobError, match="not installed") as caught:
        run(config_of())
    assert "apt-get install apertium" in str(caught.value)


def test_apertium_missing_program_or_silent_one_is_a_job_error(stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pair whose programs are missing or end at once is found when the run opens, not at the first row."""
    (stand_in / "bin/lt-proc").write_text("#!/bin/sh\necho broken data >&2; exit 1\n")
    with pytest.raises(JobError, match=r"eng-spa does not work here: .*broken data"):
        run(config_of(stand_in))
    (stand_in / "modes/eng-spa.mode").write_text("no-such-program | lt-proc")
    with pytest.raises(JobError, match="'no-such-program', which is not installed"):
        run(config_of(stand_in))


@pytest.mark.parametrize("line", ["lt-proc a; rm x", "lt-proc `x`", "lt-proc a > b", "lt-proc a |", "lt-proc $(x)", ""])
def test_apertium_mode_that_is_more_than_a_pipeline_is_refused(stand_in: Path, line: str) -> None:
    """Mode files are read as words and bars, never run by a shell."""
    (stand_in / "modes/eng-spa.mode").write_text(line)
    with pytest.raises(JobError, match="cannot be read as an Apertium mode"):
        find_mode("en", "es", stand_in)


def test_apertium_without_a_route_says_what_to_write(stand_in: Path) -> None:
    """Nothing guesses the languages; a provider that was never opened is the caller's mistake."""

    async def ask() -> None:
        provider = ApertiumProvider(ModelConfig(provider="apertium", model=str(stand_in)))
        with pytest.raises(Fatal):
            await provider.complete(request_of("a"), timeout_s=5)
        async with provider:
            with pytest.raises(JobError, match="needs to know the languages"):
                await provider.complete(request_of("a"), timeout_s=5)
            assert (await provider.complete(request_of("a b", pair="fr-es"), timeout_s=20)).text == "a b"

    asyncio.run(ask())


INSTALLED = shutil.which("apertium") and Path("/usr/share/apertium/modes/eng-spa.mode").exists()


@pytest.mark.skipif(not INSTALLED, reason="apertium-eng-spa is not installed")
def test_apertium_real_translation_is_the_same_in_any_company() -> None:
    """The real programs: there and back gives English again, whatever was translated before."""
    texts = [
        "How do I locate my card?",
        "I need my card quick",
        "Why was I overcharged a pound!?",
        "My *card* [x] ^q$\nis lost.",
    ]
    texts += ["I swapped Russian Ruble for UK pounds and was charged.", "The rate wasn't correct, after i purchased it"]
    config = config_of()
    forward = run(config, *texts * 3)
    assert forward == run(config, *(texts * 3)[::-1])[::-1]
    assert "How I locate my card?" in forward
    assert not any("\\" in text for text in forward)
    assert forward[3].startswith("My *card* [x] ^q$\n")
