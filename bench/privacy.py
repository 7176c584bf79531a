"""Personal data by our patterns and by presidio, on the same real rows: who finds what, and how fast.

    python -m bench.privacy FILE [--column text] [--rows 2000]

FILE is csv, tsv, jsonl or parquet; presidio needs the extra `pii`. Without it only the patterns are measured.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from pathlib import Path

from synthgen.errors import JobError
from synthgen.privacy import Detector
from synthgen.privacy.patterns import PATTERNS, PatternDetector
from synthgen.quality.tables import read_table

Found = set[tuple[int, str, int]]


def measure(name: str, detector: Detector, texts: list[str]) -> tuple[Found, dict[tuple[int, str, int], str]]:
    """Findings by row, entity and start, with their words."""
    began = time.process_time()
    found = {
        (place, f.entity, f.start): text[f.start : f.end]
        for place, text in enumerate(texts)
        for f in detector.find(text)
    }
    spent = time.process_time() - began
    counts = Counter(entity for _, entity, _ in found)
    print(f"{name}: {len(texts):,} rows, {1e6 * spent / len(texts):,.0f} us of CPU a row, {dict(counts)}", flush=True)
    return set(found), found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--column")
    parser.add_argument("--rows", type=int, default=2000)
    chosen = parser.parse_args()
    texts = read_table(chosen.file, text=chosen.column, needs_label=False).texts
    texts = random.Random(0).sample(texts, min(chosen.rows, len(texts)))
    ours, words = measure("patterns", PatternDetector(), texts)
    began = time.process_time()
    try:
        from synthgen.privacy.presidio import PresidioDetector

        other = PresidioDetector(list(PATTERNS), min_score=0.4)
    except JobError as error:
        print(f"presidio: {error}; {error.hint}")
        return 0
    print(f"presidio: {time.process_time() - began:.1f} s of CPU to start")
    theirs, their_words = measure("presidio", other, texts)
    both = {(place, entity) for place, entity, _ in ours} & {(place, entity) for place, entity, _ in theirs}
    print(f"rows and entities that both find: {len(both):,}")
    for name, found, said, rest in (("patterns", ours, words, theirs), ("presidio", theirs, their_words, ours)):
        known = {(place, entity) for place, entity, _ in rest}
        alone = [key for key in sorted(found) if key[:2] not in known]
        print(f"only {name}: {len(alone):,}, such as {[said[key] for key in alone[:12]]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
