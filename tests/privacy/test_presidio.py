"""presidio's recognisers without a network and without a model; with one, names and places too."""

from __future__ import annotations

import socket
import warnings
from pathlib import Path
from typing import Any

import pytest

from synthgen.errors import JobError

pytest.importorskip("tldextract", reason="the extra `pii` is not installed")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

TEXT = (
    "Mail jane.roe@gmail.com or call +44 7911 123456; card 4532 0151 1283 0366, "
    "IBAN GB82 WEST 1234 5698 7654 32, from 198.18.3.4, my social security number is 536-90-4399"
)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


def make(entities: list[str], **settings: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from synthgen.privacy.presidio import PresidioDetector

        return PresidioDetector(entities, **{"min_score": 0.4, **settings})


@pytest.mark.usefixtures("no_network")
def test_presidio_finds_what_the_patterns_do() -> None:
    """Both detectors agree on a text with one of each, and nothing is fetched."""
    from synthgen.privacy.patterns import PATTERNS, PatternDetector

    found = make(list(PATTERNS)).find(TEXT)
    assert [(f.entity, TEXT[f.start : f.end]) for f in found] == [
        (f.entity, TEXT[f.start : f.end]) for f in PatternDetector().find(TEXT)
    ]


@pytest.mark.usefixtures("no_network")
def test_presidio_reads_the_words_around_a_number() -> None:
    """A number that may be many things counts where a word says what it is: no model is needed for that."""
    detector = make(["US_BANK_NUMBER"])
    assert not detector.find("it is 945456787654")
    assert detector.find("my bank account number is 945456787654")


@pytest.mark.usefixtures("no_network")
def test_presidio_with_a_model_finds_names(tmp_path: Path) -> None:
    """An installed spaCy model, here a small one made by the test, brings names and places."""
    import spacy

    pipeline = spacy.blank("en")
    ruler: Any = pipeline.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "PERSON", "pattern": "Jane Roe"}, {"label": "GPE", "pattern": "Leeds"}])
    pipeline.to_disk(tmp_path / "model")
    detector = make(["PERSON", "LOCATION"], spacy_model=str(tmp_path / "model"))
    text = "Jane Roe lives in Leeds"
    assert [(f.entity, text[f.start : f.end]) for f in detector.find(text)] == [
        ("PERSON", "Jane Roe"),
        ("LOCATION", "Leeds"),
    ]


@pytest.mark.parametrize(
    ("entities", "settings", "said"),
    [
        (["EMAIL_ADRESS"], {}, "did you mean EMAIL_ADDRESS"),
        (["PERSON"], {}, "PERSON is found by a spaCy model, and none is named"),
        (["EMAIL_ADDRESS"], {"language": "zz"}, "spaCy knows no language 'zz'"),
        (["PERSON"], {"spacy_model": "no_such_model"}, "no spaCy model 'no_such_model' is installed"),
    ],
)
@pytest.mark.usefixtures("no_network")
def test_presidio_mistakes_name_the_next_step(entities: list[str], settings: dict[str, Any], said: str) -> None:
    """An entity, language or model that is not there is refused, and nothing is downloaded."""
    with pytest.raises(JobError, match=said) as refused:
        make(entities, **settings)
    assert refused.value.hint


def test_presidio_missing_names_the_way_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the package is not installed, the error says how to install it and what works without."""
    import sys

    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    with pytest.raises(JobError, match="presidio-analyzer, which is not installed") as refused:
        make(["EMAIL_ADDRESS"])
    assert "detector: patterns" in str(refused.value.hint)
