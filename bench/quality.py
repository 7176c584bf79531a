"""The verdicts at full size, and planted wrong labels found: on banking77, with a class cut to ten real rows.

    python -m bench.quality DATA [--experiment held|shuffled|copies|planted] [--class NAME] [--classes 12]

DATA is a folder with banking77's train.csv and test.csv (text, category). Every experiment takes minutes, most of them
for encoding 13,083 texts. `planted` does twelve classes, each in turn cut to ten real rows, a fifth of what is judged
being real rows of other classes under its name; `--classes 0` does all 77.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np

from synthgen.cli.progress import telling
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
        found = evaluate_rows(real, held, test, vectors=vectors, report=tell)
    said = found.as_json()
    print(f"{name}: {found.verdict}, {said['difference']}, {time.perf_counter() - began:.0f} s")
    print(f"  macro-F1 {found.baseline.macro_f1:.4f} -> {found.augmented.macro_f1:.4f}")
    for control, scores in found.controls.items():
        print(f"  {control} {scores.scores.macro_f1:.4f}")


@dataclass(frozen=True, slots=True)
class Planted:
    """What the label check did to the rows of one class.

    Attributes:
        good: Held-back real rows of the class; `planted`: real rows of other classes under its name.
        good_rejected, planted_rejected: How many of each it turned down.
        good_unsure, planted_unsure: How many of each it kept and marked as unsure.
    """

    good: int
    planted: int
    good_rejected: int
    planted_rejected: int
    good_unsure: int
    planted_unsure: int

    def line(self, name: str) -> str:
        """Figures of `when_unsure: review` (unsure rows stay) and `reject` (they go)."""
        hits, wrong = self.planted_rejected, self.good_rejected
        all_hits, all_wrong = hits + self.planted_unsure, wrong + self.good_unsure
        return (
            f"{name:<48} {self.planted:>5} of {self.good + self.planted:>5}   "
            f"{_ratio(hits, hits + wrong)} {_ratio(hits, self.planted)} {_ratio(self.good - wrong, self.good)}   "
            f"{_ratio(all_hits, all_hits + all_wrong)} {_ratio(all_hits, self.planted)} "
            f"{_ratio(self.good - all_wrong, self.good)}"
        )

    def __add__(self, other: Planted) -> Planted:
        return Planted(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


def _ratio(part: int, whole: int) -> str:
    return f"{part / whole:5.2f}" if whole else "    -"


def plant(train: Rows, rare: str, vectors: TextVectors, rng: np.random.Generator) -> Planted:
    """Cut a class to ten rows, and judge what was cut away together with planted rows of other classes."""
    real, held = cut(train, rare, rng)
    count = round(PLANTED_RATIO * len(held))
    others = [row for row in real if row.label != rare]
    chosen = [others[i] for i in rng.permutation(len(others))[:count]]
    planted = [Row(f"planted:{i}", row.text, rare) for i, row in enumerate(chosen)]
    gone = {row.id for row in chosen}
    found = check_rows(
        [*held, *planted], [parse_check("label")], train=[r for r in real if r.id not in gone], vectors=vectors
    )
    rejected = np.array([rejection is not None for rejection in found.rejections])
    unsure = np.array([result.get("label") == "unsure" for result in found.results]) & ~rejected
    good, bad = slice(None, len(held)), slice(len(held), None)
    counts = (int(found[part].sum()) for found in (rejected, unsure) for part in (good, bad))
    return Planted(len(held), count, *counts)


def plant_many(train: Rows, classes: list[str], vectors: TextVectors, seed: int) -> None:
    """A line for each class, and all of them together."""
    print(f"{'class':<48} planted of rows   precision, recall, good kept: unsure rows stay | go")
    total = Planted(0, 0, 0, 0, 0, 0)
    for rare in classes:
        found = plant(train, rare, vectors, np.random.default_rng([seed, *rare.encode()]))
        print(found.line(rare), flush=True)
        total += found
    print(total.line(f"all {len(classes)}"), flush=True)


def _sampled(train: Rows, first: str, count: int, rng: np.random.Generator) -> list[str]:
    """The class that was named and others drawn; all in order where `count` is 0."""
    labels = sorted({row.label for row in train})
    if not count:
        return labels
    others = [label for label in rng.permutation(labels).tolist() if label != first]
    return [first, *others[: count - 1]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--experiment", choices=EXPERIMENTS, action="append")
    parser.add_argument("--class", dest="rare", default="card_arrival")
    parser.add_argument("--classes", type=int, default=12, help="how many get planted labels; 0 is all of them")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    train, test = read(chosen.data / "train.csv", "train"), read(chosen.data / "test.csv", "test")
    vectors = TextVectors("all-MiniLM-L6-v2")
    for name in chosen.experiment or EXPERIMENTS:
        rng = np.random.default_rng(chosen.seed)
        if name == "planted":
            plant_many(train, _sampled(train, chosen.rare, chosen.classes, rng), vectors, chosen.seed)
            continue
        real, held = cut(train, chosen.rare, rng)
        evaluate(name, real, held, test, vectors, rng)
    return 0


if __name__ == "__main__":
    sys.exit(main())
