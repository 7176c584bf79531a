"""What synonym replacement does to real rows: speed, labels kept, and a whole job at 1 and 8 rows in flight.

    python -m bench.synonyms [--data ../shared/data/banking77] [--part speed|labels|job|verified] [--rows N]

`speed` is the rewriting alone, `labels` copies of the test rows read by the classifiers of `synthgen evaluate` trained
on the training rows, `job` the recipe from the command to the exported file, `verified` the same with its option
`verify_label`, so with an encoder. Compared with what most tools do: any word that shares any meaning, in no form.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
import tempfile
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import yaml

from bench.dedup_data import DATA
from bench.stage import Figure, at_least, conclude, end_on_sigterm, equal, run_to_end, shown, synthgen
from synthgen.augment.synonyms import POS, Lexicon, Settings, Thesaurus, rewrite
from synthgen.augment.synonyms.function_words import STOP
from synthgen.augment.synonyms.rewrite import share
from synthgen.augment.synonyms.wordnet import open_wordnet
from synthgen.encoders import open_encoder
from synthgen.identity import derive_seed
from synthgen.measure.logistic import encode_labels
from synthgen.quality.checking import check_rows, parse_check
from synthgen.quality.classifiers import open_classifier
from synthgen.quality.vectors import TextVectors
from synthgen.records import Row

RATIO = 0.3
GUARD = 0.85
MIN_KEPT_RATIO = 0.95
MIN_ROWS_PER_S = 1000
PATIENCE_S = 3600.0
Rewriter = Callable[[str, int], str | None]
_WORD = re.compile(r"[$£€+-]?\w+(?:[-.,:/]\w+)*|[$£€%]")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--data", type=Path, default=DATA / "banking77", help="train.csv, test.csv: text,category")
    arguments.add_argument("--part", choices=list(PARTS), action="append")
    arguments.add_argument("--rows", type=int, help="of each file; all by default")
    given = arguments.parse_args()
    end_on_sigterm()
    train, test = [read_rows(given.data / f"{name}.csv", name)[: given.rows] for name in ("train", "test")]
    missed = [conclude(f"synonyms: {part}", PARTS[part](train, test)) for part in given.part or PARTS]
    sys.exit(max(missed))


def read_rows(path: Path, pool: str) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        found = enumerate(csv.DictReader(file), 1)
        return [Row(f"{pool}:{i}", " ".join(line["text"].split()), line["category"]) for i, line in found]


# --- ways to rewrite -------------------------------------------------------------------------------------------------


def ours(text: str, seed: int, *, lexicon: Lexicon, settings: Settings, meaning: Any = None) -> str | None:
    made = rewrite(text, lexicon, settings, seed, meaning=meaning)
    return made.text if made else None


def naive(text: str, seed: int, *, thesaurus: Thesaurus) -> str | None:
    """Any other word of any sense of any part of speech, as it stands in WordNet (Wei and Zou 2019)."""
    words = text.split(" ")
    others = [_others(word, thesaurus) for word in words]
    places = sorted((n for n, found in enumerate(others) if found), key=lambda n: derive_seed("place", seed, n))
    for n in places[: share(RATIO, len(words))]:
        words[n] = others[n][derive_seed("word", seed, n) % len(others[n])]
    return " ".join(words) if places else None


def _others(word: str, thesaurus: Thesaurus) -> list[str]:
    bare = word.lower().strip(".,?!")
    if bare in STOP:
        return []
    every = {other.lemma for pos in POS for sense in thesaurus.senses(bare, pos) for other in sense.words}
    return sorted(every - {bare})


def guard() -> Callable[[str, Sequence[str]], Sequence[float]]:
    encoder = open_encoder("static")

    def similarity(text: str, others: Sequence[str]) -> Sequence[float]:
        vectors = encoder.encode([text, *others])
        return [float(value) for value in vectors[1:] @ vectors[0]]

    return similarity


# --- speed -----------------------------------------------------------------------------------------------------------


def measure_speed(train: Sequence[Row], test: Sequence[Row]) -> list[Figure]:
    """Rows a second of processor time, which other work on the machine does not change much: with every word new, then
    with words known; with the guard."""
    began = time.process_time()
    lexicon = Lexicon(open_wordnet())
    figures = [shown("processor seconds to open WordNet", f"{time.process_time() - began:.1f}")]
    plain = partial(ours, lexicon=lexicon, settings=Settings(ratio=RATIO))
    guarded = partial(plain, settings=Settings(ratio=RATIO, min_similarity=GUARD), meaning=guard())
    goal = partial(at_least, floor=MIN_ROWS_PER_S, spell="{:,.0f}")
    for name, way, figure in (
        ("every word new", plain, goal),
        ("words known", plain, goal),
        ("with the guard", guarded, lambda what, value: shown(what, f"{value:,.0f}")),
    ):
        began = time.process_time()
        for number, row in enumerate(train):
            way(row.text, number)
        figures.append(
            figure(f"rows rewritten a second of processor time, {name}", len(train) / (time.process_time() - began))
        )
    return figures


# --- labels ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Copies:
    """One copy of each test row; the row itself where nothing could be replaced."""

    texts: Sequence[str]
    changed_ratio: float
    words_changed_ratio: float


def copies_of(rows: Sequence[Row], way: Rewriter) -> Copies:
    made = [way(row.text, number) for number, row in enumerate(rows)]
    shares = [_words_changed(row.text, text) for row, text in zip(rows, made, strict=True) if text]
    texts = [text or row.text for row, text in zip(rows, made, strict=True)]
    return Copies(texts, len(shares) / len(rows), float(np.mean(shares)))


def _words_changed(text: str, other: str) -> float:
    """Share of the row's words that its copy does not have any more."""
    words, left = text.lower().split(), other.lower().split()
    return sum(word not in left for word in words) / len(words)


def measure_labels(train: Sequence[Row], test: Sequence[Row]) -> list[Figure]:
    """Copies of the test rows, read by classifiers that learned the training rows; beside the test rows' figures."""
    lexicon = Lexicon(open_wordnet())
    bounded = Settings(ratio=RATIO, min_similarity=GUARD)
    ways: dict[str, Rewriter] = {
        "ours": partial(ours, lexicon=lexicon, settings=Settings(ratio=RATIO)),
        "ours, guarded": partial(ours, lexicon=lexicon, settings=bounded, meaning=guard()),
        "naive": partial(naive, thesaurus=lexicon.thesaurus),
    }
    copies = {name: copies_of(test, way) for name, way in ways.items()}
    vectors = TextVectors("all-MiniLM-L6-v2")
    figures = []
    for name, made in copies.items():
        figures.append(shown(f"{name}: rows changed", f"{made.changed_ratio:.3f}"))
        figures.append(shown(f"{name}: words of these that are gone", f"{made.words_changed_ratio:.3f}"))
    for classifier in ("embeddings", "tfidf"):
        figures += _labels_kept(classifier, train, test, copies, vectors)
    return [*figures, *_turned_down(train, test, copies, vectors)]


def _labels_kept(
    classifier: str, train: Sequence[Row], test: Sequence[Row], copies: Mapping[str, Copies], vectors: TextVectors
) -> list[Figure]:
    names = sorted({row.label for row in train})
    texts = [row.text for row in (*train, *test)] + [text for made in copies.values() for text in made.texts]
    wanted = encode_labels([row.label for row in test], names)
    codes = np.concatenate([encode_labels([row.label for row in train], names), *[wanted] * (1 + len(copies))])
    trained = np.arange(len(train))
    model = open_classifier(classifier, texts, codes, names, trained, vectors)
    read = model.predict(trained, codes[trained], None, np.arange(len(train), len(texts)), seed=0).codes
    before, *after = read.reshape(1 + len(copies), len(test)) == wanted
    figures = [shown(f"{classifier}: test rows read right", f"{before.mean():.4f}")]
    for (name, made), right in zip(copies.items(), after, strict=True):
        is_copy = np.array([text != row.text for text, row in zip(made.texts, test, strict=True)])
        kept = float(right[before & is_copy].mean())
        figures.append(shown(f"{classifier}: {name}: copies read right", f"{right.mean():.4f}"))
        what = f"{classifier}: {name}: labels kept (of changed rows that were read right)"
        figures.append(
            at_least(what, kept, MIN_KEPT_RATIO, "{:.4f}") if name != "naive" else shown(what, f"{kept:.4f}")
        )
    return figures


def _turned_down(
    train: Sequence[Row], test: Sequence[Row], copies: Mapping[str, Copies], vectors: TextVectors
) -> list[Figure]:
    """By the calibrated label check of a job, which knows its own error on held-out real rows."""
    figures = []
    for name, texts in {"test rows": [row.text for row in test], **{n: c.texts for n, c in copies.items()}}.items():
        rows = [Row(row.id, text, row.label) for row, text in zip(test, texts, strict=True)]
        found = check_rows(rows, [parse_check("label")], train=train, vectors=vectors)
        rejected = sum(rejection is not None for rejection in found.rejections)
        figures.append(shown(f"label check: {name} turned down", f"{rejected / len(rows):.4f}"))
    return figures


# --- a whole job -----------------------------------------------------------------------------------------------------


def measure_job(train: Sequence[Row], test: Sequence[Row], *, verified: bool = False) -> list[Figure]:
    """As many rows as there are real ones, in each class, at 1 and at 8 rows in flight; only at 8 where verified."""
    figures, exports = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for in_flight in (8,) if verified else (1, 8):
            job, out = write_job(folder / str(in_flight), train, in_flight, verified), folder / f"out-{in_flight}"
            ended = run_to_end(job, out, timeout_s=PATIENCE_S)
            synthgen("export", out, "--output", folder / f"{in_flight}.jsonl", timeout_s=PATIENCE_S)
            exports.append((folder / f"{in_flight}.jsonl").read_bytes())
            figures += _of_run(in_flight, ended, len(train))
    if len(exports) == 2:
        figures.append(equal("the two exports are the same bytes", exports[0] == exports[1], True))
    return [*figures, *_of_rows(exports[-1], train)]


def write_job(folder: Path, train: Sequence[Row], in_flight: int, verified: bool) -> Path:
    folder.mkdir(parents=True)
    with (folder / "train.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *((row.text, row.label) for row in train)])
    labels = [row.label for row in train]
    job = {
        "name": "synonyms",
        "recipe": "synonyms",
        "options": {"ratio": RATIO, "verify_label": verified},
        "data": {"train": "train.csv", "text": "text", "label": "label"},
        "targets": {label: labels.count(label) for label in sorted(set(labels))},
        "models": [{"provider": "synonyms", "limits": {"max_concurrency": in_flight}}],
    }
    path = folder / "job.yaml"
    path.write_text(yaml.safe_dump(job, sort_keys=False))
    return path


def _of_run(in_flight: int, ended: Any, wanted: int) -> list[Figure]:
    result, at = ended.result, f"{in_flight} in flight"
    accepted = sum(result["accepted"].values())
    unmet = [label for label, target in result["targets"].items() if result["accepted"].get(label, 0) < target]
    return [
        shown(f"{at}: exit code", f"{ended.exit_code} ({result['reason']})"),
        shown(f"{at}: rows accepted, of those wanted", f"{accepted:,} of {wanted:,}; classes unmet: {len(unmet)}"),
        shown(f"{at}: answers, and what was turned down", f"{result['requests']:,}; {result['rejected']}"),
        shown(f"{at}: answers a second, with starting and ending", f"{result['requests'] / ended.wall_s:,.0f}"),
        shown(f"{at}: rows accepted a second, likewise", f"{accepted / ended.wall_s:,.0f}"),
    ]


def _of_rows(exported: bytes, train: Sequence[Row]) -> list[Figure]:
    rows = [orjson.loads(line) for line in exported.splitlines()]
    sources = {row.id: row for row in train}
    of = [sources[row["provenance"]["source"]] for row in rows]
    others = sum(row["label"] != source.label for row, source in zip(rows, of, strict=True))
    made, originals = [_plain(row["text"]) for row in rows], {_plain(row.text) for row in train}
    bare = {_bare(row.text) for row in train}
    return [
        shown("rows looked at", f"{len(rows):,}"),
        equal("rows with another label than their source's", others, 0),
        equal("rows equal to their source", sum(_plain(s.text) == t for s, t in zip(of, made, strict=True)), 0),
        equal("rows equal to any original", sum(text in originals for text in made), 0),
        equal("rows equal to another accepted row", len(made) - len(set(made)), 0),
        shown("rows equal to any original but for hyphens and signs", sum(_bare(row["text"]) in bare for row in rows)),
    ]


def _plain(text: str) -> str:
    """This bench's own normal form: small letters, no apostrophes; words with the hyphens, points and signs in them."""
    return " ".join(_WORD.findall(unicodedata.normalize("NFKC", text).casefold().replace("'", "")))


def _bare(text: str) -> str:
    """NgramLists and digits alone."""
    return " ".join(re.findall(r"\w+", _plain(text)))


PARTS: Mapping[str, Callable[[Sequence[Row], Sequence[Row]], list[Figure]]] = {
    "speed": measure_speed,
    "labels": measure_labels,
    "job": measure_job,
    "verified": partial(measure_job, verified=True),
}

if __name__ == "__main__":
    main()
