"""What back-translation by Apertium does to real rows: speed, share left as it was, share of labels that survive.

    python -m bench.backtranslate --data ../shared/data/banking77 [--route en,es,en] [--rows 3080]

A classifier (TF-IDF and logistic regression) learns from the real training rows. A translated test row *keeps its
label* where it is read as the class it had. The second classifier is the judge: trained on the other half of the
training rows than the one that checks, so that the check cannot mark its own work.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthgen.augment.apertium.provider import ApertiumProvider
from synthgen.job import ModelConfig
from synthgen.records import Message, Prompt, Request
from synthgen.text import normalise

CONCURRENCY = 32


@dataclass(frozen=True)
class Row:
    text: str
    label: str


def read_rows(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return [Row(" ".join(line["text"].split()), line["category"]) for line in csv.DictReader(file)]


async def translate(rows: list[Row], route: list[str]) -> tuple[list[str], float]:
    """Every row through the route, and the seconds it took once the programs ran."""
    room = asyncio.Semaphore(CONCURRENCY)
    async with ApertiumProvider(ModelConfig(provider="apertium", params={"route": route})) as provider:

        async def one(row: Row) -> str:
            async with room:
                request = Request(Prompt(messages=(Message("user", row.text),), output="text"), {})
                return (await provider.complete(request, timeout_s=120)).text

        start = time.perf_counter()
        texts = await asyncio.gather(*(one(row) for row in rows))
        return list(texts), time.perf_counter() - start


def train(rows: list[Row]) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=20, max_iter=300)
    )
    return model.fit([row.text for row in rows], [row.label for row in rows])


def kept(model: Any, texts: list[str], rows: list[Row]) -> list[bool]:
    return [bool(said == row.label) for said, row in zip(model.predict(texts), rows, strict=True)]


def share(values: list[bool]) -> float:
    return round(sum(values) / len(values), 4) if values else 0.0


def measure(data: Path, route: list[str], count: int | None) -> dict[str, Any]:
    train_rows, rows = read_rows(data / "train.csv"), read_rows(data / "test.csv")[:count]
    texts, seconds = asyncio.run(translate(rows, route))
    reversed_texts, _ = asyncio.run(translate(rows[::-1], route))
    same_again = sum(a == b for a, b in zip(texts, reversed_texts[::-1], strict=True))
    shuffled = random.Random(0).sample(train_rows, len(train_rows))
    checker, judge = train(shuffled[::2]), train(shuffled[1::2])
    whole = train(train_rows)
    originals = [row.text for row in rows]
    by_judge, by_checker = kept(judge, texts, rows), kept(checker, texts, rows)
    passed = [judged for judged, checked in zip(by_judge, by_checker, strict=True) if checked]
    before = kept(whole, originals, rows)
    after = kept(whole, texts, rows)
    untranslated = zip(kept(judge, originals, rows), kept(checker, originals, rows), strict=True)
    unchanged = [normalise(a) == normalise(b) for a, b in zip(texts, originals, strict=True)]
    return {
        "route": "-".join(route),
        "rows": len(rows),
        "rows_per_s": round(len(rows) / seconds, 1),
        "same_in_reversed_order": same_again,
        "unchanged_ratio": share(unchanged),
        "labels_kept_ratio": share(after),
        "labels_read_right_untranslated_ratio": share(before),
        "labels_kept_of_those_read_right_before_ratio": share([a for a, b in zip(after, before, strict=True) if b]),
        "halves": {
            "labels_kept_ratio": share(by_judge),
            "labels_read_right_untranslated_ratio": share(kept(judge, originals, rows)),
            "labels_kept_after_check_ratio": share(passed),
            "untranslated_after_check_ratio": share([judged for judged, checked in untranslated if checked]),
            "rows_lost_to_check_ratio": round(1 - len(passed) / len(rows), 4),
        },
        "examples": [[a, b] for a, b in list(zip(originals, texts, strict=True))[:: max(1, len(rows) // 8)]],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.csv and test.csv: text,category")
    parser.add_argument("--route", default="en,es,en")
    parser.add_argument("--rows", type=int)
    given = parser.parse_args()
    print(json.dumps(measure(given.data, given.route.split(","), given.rows), indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
