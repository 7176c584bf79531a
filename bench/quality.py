"""The verdicts at full size, and planted wrong labels found: on banking77, with a class cut to ten real rows.

    python -m bench.quality DATA [--experiment held|shuffled|copies|planted] [--class NAME]

DATA is a folder with banking77's train.csv and test.csv (text, category). Every experiment takes minutes, most of them
for encoding 13,083 texts.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from pathlib import Path

import numpy as np

from synthgen.cli.telling import telling
from synthgen.quality.checking import check_rows, parse_check
from synthgen.quality.evaluation import evaluate_rows
from synthgen.quality.vectors import TextVectors
from synthgen.records import Row

KEPT_ROWS = 10
PLANTED_RATIO = 0.25  # of the good rows: a fifth of all
EXPERIMENTS = ("held", "shuffled", "copies", "planted")


def read(path: Path, pool: str) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return [Row(f"{pool}:{i}", r["text"], r["category"]) for i, r in enumerate(csv.DictReader(file), 1)]


def cut(train: list[Row], rare: str, rng: np.random.Generator) -> tuple[list[Row], list[Row]]:
    """The training rows with the rare class cut to ten, and what was cut away."""
    own = [row for row in train if row.label == rare]
    own = [own[i] for i in rng.permutation(len(own))]
    return [row for row in train if row.label != rare] + own[:KEPT_ROWS], own[KEPT_ROWS:]


Rows = list[Row]


def evaluate(name: str, real: Rows, held: Rows, test: Rows, vectors: TextVectors, rng: np.random.Generator) -> None:
    labels = sorted({row.label for row in real})
    if name == "shuffled":
        held = [Row(row.id, row.text, str(rng.choice(labels))) for row in held]
    if name == "copies":
        own = [row for row in real if row.label == held[0].label]
        held = [own[i % len(own)] for i in range(len(held))]
    began = time.perf_counter()
    with telling() as tell:
        found = evaluate_rows(real, held, test, vectors=vectors, tell=tell)
    said = found.as_json()
    print(f"{name}: {found.verdict}, {said['difference']}, {time.perf_counter() - began:.0f} s")
    print(f"  macro-F1 {found.baseline.macro_f1:.4f} -> {found.augmented.macro_f1:.4f}")
    for control, scores in found.controls.items():
        print(f"  {control} {scores.scores.macro_f1:.4f}")


def plant(train: list[Row], rare: str, vectors: TextVectors, rng: np.random.Generator) -> None:
    real, held = cut(train, rare, rng)
    count = round(PLANTED_RATIO * len(held))
    others = [row for row in real if row.label != rare]
    places = set(rng.permutation(len(others))[:count].tolist())
    planted = [Row(f"planted:{i}", others[i].text, rare) for i in places]
    wrong_ids = {others[i].id for i in places}
    real = [row for row in real if row.id not in wrong_ids]
    for spec in ("label", "label:when_unsure=reject"):
        found = check_rows([*held, *planted], [parse_check(spec)], train=real, vectors=vectors)
        rejected = np.array([rejection is not None for rejection in found.rejections])
        hits, good = int(rejected[len(held) :].sum()), int(rejected[: len(held)].sum())
        print(
            f"{rare}, {spec}: {len(held)} good and {count} planted: precision {hits / max(1, hits + good):.3f}, "
            f"recall {hits / count:.3f}, good rows kept {1 - good / len(held):.3f}"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--experiment", choices=EXPERIMENTS, action="append")
    parser.add_argument("--class", dest="rare", default="card_arrival")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    train, test = read(chosen.data / "train.csv", "train"), read(chosen.data / "test.csv", "test")
    vectors = TextVectors("all-MiniLM-L6-v2")
    for name in chosen.experiment or EXPERIMENTS:
        rng = np.random.default_rng(chosen.seed)
        if name == "planted":
            plant(train, chosen.rare, vectors, rng)
            continue
        real, held = cut(train, chosen.rare, rng)
        evaluate(name, real, held, test, vectors, rng)
    return 0


if __name__ == "__main__":
    sys.exit(main())
