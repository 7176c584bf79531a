"""Dedup beside other rules and indexes, in one process each and in turns: `python -m bench.dedup PART ...`.

Parts: `index` (cost of a row at several sizes), `lexical`, `rules` (what is kept, left and lost), `pairs` (recall and
false alarms of each stage), `audit` (both promises by brute force). `faiss`, `usearch` and `semhash` are measured where
they can be imported. One core: OMP_NUM_THREADS=1. The real data is read in place.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil

from bench.dedup_data import KINDS, banking, generated_texts, messages, perturbed, real_texts, spread_vectors
from bench.stage import Figure, at_least, at_most, conclude, equal
from synthgen.dedup import Deduplicator, VectorIndex
from synthgen.dedup.audit import lexical_pairs, near_pairs, similarity_of
from synthgen.dedup.vectors import as_unit
from synthgen.encoders import open_encoder
from synthgen.job import DuplicateCheck
from synthgen.quality.dedup import BATCH_ROWS, DedupSettings, dedup_texts
from synthgen.records import Candidate
from synthgen.text import form_ngrams, jaccard, normalise

Vectors = npt.NDArray[np.float16]
ENCODE_BATCH = 512
INDEX_ROWS_PER_S, INDEX_MB, LEXICAL_ROWS_PER_S = 2_000, 1_200, 5_000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.dedup", description=__doc__)
    parser.add_argument("part", choices=list(PARTS))
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--queries", type=int, default=2_000)
    parser.add_argument("--threshold", type=float, nargs="+", default=[0.95])
    parser.add_argument("--encoder", default="hashing", help="of the texts; all-MiniLM-L6-v2 takes minutes")
    parser.add_argument("--vectors", help="real vectors (.npy) to spread; else the encoder's of 5,000 real rows")
    parser.add_argument("--without", nargs="+", default=[], help="leave these indexes out")
    options = parser.parse_args()
    PARTS[options.part](options)


def encoded(texts: Sequence[str], name: str) -> Vectors:
    encoder = open_encoder(name)
    parts = [encoder.encode(texts[i : i + ENCODE_BATCH]) for i in range(0, len(texts), ENCODE_BATCH)]
    return np.concatenate(parts).astype(np.float16)


# --- index ---------------------------------------------------------------------------------------------------------


class Ours:
    """The bound index."""

    def __init__(self, dimensions: int, threshold: float) -> None:
        self._index = VectorIndex(dimensions, threshold)

    def add(self, rows: Vectors) -> None:
        self._index.add(rows)

    def has(self, rows: Vectors) -> list[bool]:
        return [n is not None for n in self._index.nearest_each(rows)]


class Brute:
    """All rows, every time."""

    def __init__(self, dimensions: int, threshold: float) -> None:
        self._rows, self._threshold = np.empty((0, dimensions), dtype=np.float32), threshold

    def add(self, rows: Vectors) -> None:
        self._rows = np.concatenate([self._rows, as_unit(rows).astype(np.float32)])

    def has(self, rows: Vectors) -> list[bool]:
        unit = as_unit(rows).astype(np.float32)
        best = np.full(len(rows), -1.0, dtype=np.float32)
        for start in range(0, len(self._rows), 16_384):
            np.maximum(best, (unit @ self._rows[start : start + 16_384].T).max(axis=1), out=best)
        return list(best >= self._threshold)


class Faiss:
    """Inverted file with 8-bit vectors: lists of about 1,000 rows, an eighth of them at most 64 looked into."""

    def __init__(self, dimensions: int, threshold: float) -> None:
        import faiss

        faiss.omp_set_num_threads(1)
        self._faiss, self._dimensions, self._threshold = faiss, dimensions, threshold
        self._index: Any = None

    def add(self, rows: Vectors) -> None:
        wide = as_unit(rows).astype(np.float32)
        if self._index is None:
            lists = max(16, min(1024, len(rows) // 100))
            flat = self._faiss.IndexFlatIP(self._dimensions)
            self._index = self._faiss.IndexIVFScalarQuantizer(
                flat, self._dimensions, lists, self._faiss.ScalarQuantizer.QT_8bit, self._faiss.METRIC_INNER_PRODUCT
            )
            self._index.own_fields, self._flat = False, flat
            self._index.train(wide[:50_000])
            self._index.nprobe = max(4, min(64, lists // 8))
        self._index.add(wide)

    def has(self, rows: Vectors) -> list[bool]:
        scores, _ = self._index.search(as_unit(rows).astype(np.float32), 1)
        return list(scores[:, 0] >= self._threshold)


class Usearch:
    """A graph."""

    def __init__(self, dimensions: int, threshold: float) -> None:
        from usearch.index import Index

        self._index, self._threshold, self._count = Index(ndim=dimensions, metric="cos", dtype="f16"), threshold, 0

    def add(self, rows: Vectors) -> None:
        self._index.add(np.arange(self._count, self._count + len(rows)), rows, threads=1)
        self._count += len(rows)

    def has(self, rows: Vectors) -> list[bool]:
        return list(1 - self._index.search(rows, 1, threads=1).distances[:, 0] >= self._threshold)


INDEXES: dict[str, Callable[[int, float], Any]] = {
    "numpy, all rows": Brute,  # first: what it finds is what there is to find
    "ours": Ours,
    "faiss IVF-SQ8": Faiss,
    "usearch f16": Usearch,
}


def measure_index(options: argparse.Namespace) -> None:
    real = np.load(options.vectors) if options.vectors else encoded([t for t, _ in banking()[:5000]], options.encoder)
    threshold = options.threshold[0]
    print(f"{real.shape[1]} dimensions, threshold {threshold}, batches of {BATCH_ROWS}, CPU time of one process")
    made = spread_vectors(real, max(options.rows) + options.queries)
    queries, figures = made[max(options.rows) :], list[Figure]()
    for count in options.rows:
        truth: list[bool] | None = None
        for name, build in INDEXES.items():
            if name.split(",")[0].split(" ")[0] in options.without:
                continue
            index = None  # the one before gives its memory back before this one's is measured
            try:
                index = build(real.shape[1], threshold)
            except ImportError:
                print(f"{count:>9,}  {name:16} not installed")
                continue
            truth, found = _row_of_index(index, name, made[:count], queries, truth)
            figures += found if name == "ours" and count == max(options.rows) else []
    sys.exit(conclude(f"the index at {max(options.rows):,} rows ({_busy()})", figures))


def _row_of_index(
    index: Any, name: str, rows: Vectors, queries: Vectors, truth: list[bool] | None
) -> tuple[list[bool], list[Figure]]:
    before, began = _resident_mb(), time.process_time()
    for start in range(0, len(rows), 50_000):
        index.add(rows[start : start + 50_000])
    build_s, memory = time.process_time() - began, _resident_mb() - before
    found: list[bool] = []
    began = time.process_time()
    for start in range(0, len(queries), BATCH_ROWS):
        found += index.has(queries[start : start + BATCH_ROWS])
    search_s = time.process_time() - began
    both = 1 / (search_s / len(queries) + build_s / len(rows))
    truth = truth or found
    recall = sum(f and t for f, t in zip(found, truth, strict=True)) / max(1, sum(truth))
    print(
        f"{len(rows):>9,}  {name:16} {both:8,.0f} rows/s (search {len(queries) / search_s:8,.0f}, insert "
        f"{len(rows) / build_s:9,.0f})  recall {recall:.4f} of {sum(truth):,}  {memory:6,.0f} MB",
        flush=True,
    )
    return truth, [
        at_least("rows/s, search and insert", both, INDEX_ROWS_PER_S, "{:,.0f}"),
        equal(f"recall over {len(queries):,} queries", recall, 1.0),
        at_most("memory it grew by, MB", memory, INDEX_MB, "{:,.0f}"),
    ]


def _busy() -> str:
    """How busy the machine is, since figures of a busy one are low: its load, and time that its host took away."""
    return f"load {os.getloadavg()[0]:.1f}, stolen {getattr(psutil.cpu_times(), 'steal', 0.0):,.0f} s"


def _resident_mb() -> float:
    return float(psutil.Process().memory_info().rss) / 1e6


# --- lexical -------------------------------------------------------------------------------------------------------


def measure_lexical(options: argparse.Namespace) -> None:
    count = max(options.rows)
    texts = generated_texts(count)
    dedup = Deduplicator(DuplicateCheck(check="duplicate", lexical=0.7, near=False), None, None, texts)
    before, began, step, kept, reported, last = _resident_mb(), time.process_time(), max(1, count // 10), 0, 0, 0.0
    for start in range(0, count, BATCH_ROWS):
        verdicts = dedup.decide_each(_candidates(texts[start : start + BATCH_ROWS], start), None)
        kept += sum(verdict.rejection is None for verdict in verdicts)
        if (seen := start + len(verdicts)) - reported >= step or seen == count:
            now = time.process_time()
            print(
                f"{seen:>9,} rows seen, {kept:>9,} kept: {(seen - reported) / (now - began):7,.0f} rows/s,"
                f" {_resident_mb() - before:5,.0f} MB, {_busy()}",
                flush=True,
            )
            last, began, reported = (seen - reported) / (now - began), now, seen
    figure = at_least(f"rows/s at the end, {kept:,} kept", last, LEXICAL_ROWS_PER_S, "{:,.0f}")
    sys.exit(conclude(f"character n-grams over {count:,} rows ({_busy()})", [figure]))


def _candidates(texts: Sequence[str], first: int) -> list[Candidate]:
    return [Candidate(str(first + n), "", "", n, 0, text, {}) for n, text in enumerate(texts)]


# --- rules ---------------------------------------------------------------------------------------------------------


def measure_rules(options: argparse.Namespace) -> None:
    sets = {"banking77": [text for text, _ in banking()]}
    if not options.vectors:  # these are banking77's
        sets["sms_spam"] = [text for text, _ in messages()]
    for name, texts in sets.items():
        vectors = np.load(options.vectors).astype(np.float16) if options.vectors else encoded(texts, options.encoder)
        for threshold in options.threshold:
            _compare_rules(name, texts, vectors, threshold)


def _compare_rules(data: str, texts: Sequence[str], vectors: Vectors, threshold: float) -> None:
    unit = as_unit(vectors).astype(np.float32)
    pairs = list(near_pairs(vectors, threshold))
    rules: dict[str, Callable[[], list[int]]] = {
        "near any earlier row": lambda: _never_second(vectors, threshold),
        "ours": lambda: _ours(vectors, threshold),
        "semhash": lambda: _semhash(texts, unit, threshold),
    }
    for name, rule in rules.items():
        began = time.perf_counter()
        try:
            kept = set(rule())
        except ImportError:
            print(f"{data}  {threshold}  {name:22} not installed")
            continue
        took_s = time.perf_counter() - began
        left = sum(a in kept and b in kept for a, b, _ in pairs)
        named = {b for a, b, _ in pairs if a in kept} | {a for a, b, _ in pairs if b in kept}
        lost = len(set(range(len(texts))) - kept - named)
        print(
            f"{data}  {threshold}  {name:22} kept {len(kept):6,}  pairs left {left:4,}  "
            f"gone without a kept near row {lost:5,}  {took_s:5.2f} s",
            flush=True,
        )


def _never_second(vectors: Vectors, threshold: float) -> list[int]:
    """The rule of DataFlow and NeMo Curator: a row goes where any earlier one is near, kept or not."""
    return sorted(set(range(len(vectors))) - {second for _, second, _ in near_pairs(vectors, threshold)})


def _ours(vectors: Vectors, threshold: float) -> list[int]:
    check = DuplicateCheck(check="duplicate", lexical=None, threshold=threshold)
    dedup, kept = Deduplicator(check, None, vectors.shape[1], margin=0.0), list[int]()
    for start in range(0, len(vectors), BATCH_ROWS):
        part = vectors[start : start + BATCH_ROWS]
        batch = _candidates([str(start + n) for n in range(len(part))], start)
        verdicts = dedup.decide_each(batch, part.__getitem__)
        kept += [start + n for n, verdict in enumerate(verdicts) if verdict.rejection is None]
    return kept


def _semhash(texts: Sequence[str], unit: npt.NDArray[np.float32], threshold: float) -> list[int]:
    from semhash import SemHash

    records = [{"text": text, "row": str(number)} for number, text in enumerate(texts)]
    hashed = SemHash.from_embeddings(embeddings=unit, records=records, columns=["text"], model=None)
    return [int(record["row"]) for record in hashed.self_deduplicate(threshold=threshold).selected]


# --- pairs ---------------------------------------------------------------------------------------------------------


def measure_pairs(options: argparse.Namespace) -> None:
    """Perturbed copies against different rows of the same class: what each stage calls the same."""
    chance = random.Random(7)
    rows = chance.sample([(t, label) for t, label in (*banking(), *messages()) if len(t.split()) > 3], 1500)
    good = {kind: [(t, perturbed(t, kind, chance)) for t, _ in rows[:600]] for kind in KINDS}
    first: dict[str, str] = {}
    good["sent twice"] = [(first[t], t) for t, _ in messages() if first.setdefault(t, t) is not t]
    by_label: dict[str, list[str]] = {}
    for text, label in (*banking(), *messages()):
        by_label.setdefault(label, []).append(text)
    bad = [(t, other) for t, label in rows if normalise(other := chance.choice(by_label[label])) != normalise(t)]
    kinds = {**good, "different rows": bad}
    vectors = _vectors_of((text for pairs in kinds.values() for pair in pairs for text in pair), options.encoder)
    scored = {kind: _scores(pairs, vectors) for kind, pairs in kinds.items()}
    print(f"encoder {options.encoder}; recall by kind of copy, share of different rows called the same, precision")
    print(f"{'rule':28}" + "".join(f"{kind:>16}" for kind in (*scored, "precision")))
    rules = {"exact": (2.0, 2.0)}
    rules |= {f"lexical >= {j}": (j, 2.0) for j in (0.5, 0.6, 0.7, 0.8)}
    rules |= {f"cosine >= {t}": (2.0, t) for t in (0.8, 0.85, 0.9, 0.95, 0.98)}
    rules |= {f"lexical 0.7 or cosine {t}": (0.7, t) for t in (0.9, 0.95)}
    for name, (lexical, near) in rules.items():
        called = {kind: (s[:, 0] == 1) | (s[:, 1] >= lexical) | (s[:, 2] >= near) for kind, s in scored.items()}
        wrong = called["different rows"].sum()
        right = sum(same.sum() for kind, same in called.items() if kind != "different rows")
        shares = [float(same.mean()) for same in called.values()]
        print(f"{name:28}" + "".join(f"{share:16.4f}" for share in (*shares, right / max(1, right + wrong))))


def _vectors_of(texts: Iterable[str], encoder: str) -> dict[str, Vectors]:
    """Of each text once, texts of one length together."""
    distinct = sorted(set(texts), key=lambda text: (len(text), text))
    return dict(zip(distinct, encoded(distinct, encoder), strict=True))


def _scores(pairs: Sequence[tuple[str, str]], vectors: Mapping[str, Vectors]) -> npt.NDArray[np.float64]:
    one, other = (as_unit(np.stack([vectors[pair[side]] for pair in pairs])) for side in (0, 1))
    forms = [(normalise(a), normalise(b)) for a, b in pairs]
    return np.array(
        [
            [a == b, jaccard(form_ngrams(a), form_ngrams(b)), cosine]
            for (a, b), cosine in zip(forms, np.einsum("ij,ij->i", one, other), strict=True)
        ]
    )


# --- audit ---------------------------------------------------------------------------------------------------------


def measure_audit(options: argparse.Namespace) -> None:
    """Both promises by brute force, in a different order for each threshold."""
    texts = real_texts(max(options.rows))
    encoder = open_encoder(options.encoder)
    bad = 0
    for seed, threshold in enumerate(options.threshold):
        random.Random(seed).shuffle(texts)
        lexical = round(threshold - 0.25, 2)
        began = time.perf_counter()
        result = dedup_texts(texts, settings=DedupSettings(threshold, lexical), encoder=encoder)
        took_s = time.perf_counter() - began
        forms = [normalise(text) for text in texts]
        vectors = encoded(texts, options.encoder)
        left = sum(1 for _ in near_pairs(vectors[result.kept], threshold))
        left_lexical = sum(1 for _ in lexical_pairs([forms[n] for n in result.kept], lexical))
        least = {"exact": 1.0, "lexical": lexical, "near": threshold}
        lost = sum(1 for _ in _unfounded(result, forms, vectors, least))
        bad += left + left_lexical + lost
        audit_s = time.perf_counter() - began - took_s
        print(
            f"{len(texts):,} rows, cosine {threshold}, Jaccard {lexical}: kept {len(result.kept):,}, removed "
            f"{dict(result.counts())}, encoded {result.encoded:,}; pairs left {left} + {left_lexical}, "
            f"gone without a kept near row {lost}; {took_s:.0f} s and {audit_s:.0f} s to audit",
            flush=True,
        )
    print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")
    sys.exit(1 if bad else 0)


def _unfounded(result: Any, forms: Sequence[str], vectors: Vectors, least: dict[str, float]) -> Iterator[int]:
    kept = set(result.kept)
    for pair in result.removed:
        texts, both = (forms[pair.row], forms[pair.other]), (vectors[pair.row], vectors[pair.other])
        similarity = similarity_of(pair.stage, texts, both)
        if pair.other not in kept or similarity != pair.similarity or similarity < least[pair.stage]:
            yield pair.row


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "index": measure_index,
    "lexical": measure_lexical,
    "rules": measure_rules,
    "pairs": measure_pairs,
    "audit": measure_audit,
}

if __name__ == "__main__":
    main()
