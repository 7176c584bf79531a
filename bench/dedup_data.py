"""Texts and vectors to measure dedup on: as many as are asked for, with the grams and the spread of real ones."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float16]
DATA = Path(__file__).parents[2] / "shared" / "data"
_BLOCK = 50_000


def banking() -> list[tuple[str, str]]:
    """Text and class of the customers' questions."""
    with (DATA / "banking77/train.csv").open(encoding="utf-8") as file:
        return [(row["text"], row["category"]) for row in csv.DictReader(file)]


def messages() -> list[tuple[str, str]]:
    """Text and class of the SMS."""
    lines = (DATA / "sms_spam/SMSSpamCollection").read_text(encoding="utf-8").splitlines()
    return [(text, label) for label, text in (line.split("\t", 1) for line in lines)]


def real_texts(count: int, *, seed: int = 1) -> list[str]:
    """All the real texts, in five languages, and as many perturbed copies of them as make up the number."""
    texts = [text for text, _ in (*banking(), *messages())]
    with (DATA / "banking77/test.csv").open(encoding="utf-8") as file:
        texts += [row["text"] for row in csv.DictReader(file)]
    for language in ("en", "es", "fr", "de"):
        with (DATA / f"msbot_lu/{language}.tsv").open(encoding="utf-8") as file:
            texts += [row["text"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
    with (DATA / "self_instruct/seed_tasks.jsonl").open(encoding="utf-8") as file:
        texts += [json.loads(line)["instruction"] for line in file]
    texts = [text for text in texts if text.strip()]
    chance, real = random.Random(seed), len(texts)
    while len(texts) < count:
        copy = texts[chance.randrange(real)]
        for _ in range(chance.randrange(1, 6)):
            copy = perturbed(copy, chance.choice(KINDS), chance) or copy
        texts.append(copy)
    chance.shuffle(texts)
    return texts[:count]


def generated_texts(count: int, *, seed: int = 1) -> list[str]:
    """Texts walked word by word through the real ones (two words back, sometimes one): new ones with their grams, and
    like generated data full of near and exact repeats."""
    chance = random.Random(seed)
    shares = {0.7: [text for text, _ in banking()], 0.3: [text for text, _ in messages()]}
    made = [text for share, texts in shares.items() for text in _walks(texts, round(count * share), chance)]
    chance.shuffle(made)
    return made[:count]


def _walks(texts: Sequence[str], count: int, chance: random.Random) -> Iterator[str]:
    after: dict[tuple[str, ...], list[str]] = {}
    for text in texts:
        words = ["", "", *text.split()[:40], ""]
        for a, b, c in zip(words, words[1:], words[2:], strict=False):
            after.setdefault((a, b), []).append(c)
            after.setdefault((b,), []).append(c)
    for _ in range(count):
        words, two = list[str](), ("", "")
        while len(words) < 40:
            seen = after.get(two) if chance.random() < 0.8 else None
            word = chance.choice(seen or after[two[1:]])
            if not word and len(words) >= 4:
                break
            words += [word] if word else []
            two = (two[1], word) if word else ("", "")
        yield " ".join(words)


def spread_vectors(real: npt.NDArray[np.floating], count: int, *, seed: int = 3) -> Vectors:
    """Vectors between real ones of one neighbourhood, moved along differences of others: the spread of real ones, with
    neighbours at all distances."""
    rng = np.random.default_rng(seed)
    unit = (real / np.linalg.norm(real, axis=1, keepdims=True)).astype(np.float32)
    centres = unit[rng.choice(len(unit), min(300, len(unit)), replace=False)]
    home = (unit @ centres.T).argmax(axis=1)
    order = np.argsort(home, kind="stable")
    starts = np.searchsorted(home[order], np.arange(len(centres) + 1))
    made = np.empty((count, unit.shape[1]), dtype=np.float16)
    for start in range(0, count, _BLOCK):
        size = min(_BLOCK, count - start)
        one, far, away = (rng.integers(len(unit), size=size) for _ in range(3))
        room = starts[home[one] + 1] - starts[home[one]]
        other = order[starts[home[one]] + (rng.random(size) * room).astype(np.int64)]
        share = rng.random((size, 1)).astype(np.float32) / 2
        rows = unit[one] * (1 - share) + unit[other] * share
        rows += rng.choice([0.1, 0.25, 0.4, 0.6], size=(size, 1)).astype(np.float32) * (unit[far] - unit[away])
        made[start : start + size] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return made


def perturbed(text: str, kind: str, chance: random.Random) -> str:
    """A copy as people and models make them."""
    words = text.split()
    at = chance.randrange(len(words))
    if kind == "typo":
        ngrams = list(text)
        place = chance.randrange(len(ngrams))
        ngrams[place : place + 1] = chance.choice([[], [ngrams[place]] * 2, [chance.choice("aeiourst")]])
        return "".join(ngrams)
    if kind == "case and signs":
        return text.upper() if chance.random() < 0.5 else text.rstrip("?!.") + chance.choice(["!", "...", ""])
    if kind == "swap" and len(words) > 1:
        at = min(at, len(words) - 2)
        words[at], words[at + 1] = words[at + 1], words[at]
        return " ".join(words)
    if kind == "word less" and len(words) > 2:
        return " ".join(words[:at] + words[at + 1 :])
    if kind == "politeness":
        return chance.choice(["Hi, ", "Please: ", "Hello there, "]) + text
    if kind == "reordered":
        return " ".join(words[len(words) // 2 :] + words[: len(words) // 2])
    return text


KINDS = ("typo", "case and signs", "swap", "word less", "politeness", "reordered")
