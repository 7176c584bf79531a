"""Where rewritten rows lie: how many words they change, and how near their meaning stays; the bands of `check: change`.

    python -m bench.paraphrase [--texts 40] [--picture docs/paraphrase.svg] [--rows FILE]

Rows really made, of banking77's test questions: word edits as people make them, round trips through Spanish by apertium
(where it is installed), the embedded model's paraphrases at the three levels with the recipe's own template, and, as
what paraphrases of people look like, pairs of customers of one class who say nearly the same. No corpus of paraphrases
is at hand: that two customers mean the same is read off the embedding itself (cosine 0.85 and more), so these pairs
tell how many words people change, and nothing about similarity. `--rows` keeps what was made, or takes it from there.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import random
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np
import orjson

from bench.dedup_data import DATA, perturbed
from synthgen.checks.change import LEVELS, Band
from synthgen.encoders import open_encoder
from synthgen.job import ModelConfig
from synthgen.measure.edits import edit_ratio
from synthgen.prompt import parse_template
from synthgen.providers.local import LocalProvider
from synthgen.records import Request, Row
from synthgen.report.charts import Frame
from synthgen.text import char_ngrams, jaccard, normalise

Pair = tuple[str, str]
Figures = Sequence[tuple[float, float, float]]
TEMPLATE = Path(__file__).parents[1] / "prompts/paraphrase/turns.j2"
PARAMS = {"temperature": 0.5, "min_p": 0.1, "max_tokens": 60}
EDITS = ("typo", "swap", "word less", "politeness")
REAL_FROM = 0.85
COLOURS = {"low": "#2a78b5", "moderate": "#d98218", "high": "#a13d97", None: "#b9bdc3"}
LOWEST = 0.3


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--texts", type=int, default=40)
    arguments.add_argument("--picture", type=Path)
    arguments.add_argument("--rows", type=Path)
    given = arguments.parse_args()
    if given.rows is not None and given.rows.exists():
        made = orjson.loads(given.rows.read_bytes())
    else:
        made = make(given.texts)
        if given.rows is not None:
            given.rows.write_bytes(orjson.dumps(made, option=orjson.OPT_INDENT_2))
    measured = {maker: figures(pairs) for maker, pairs in made.items()}
    for line in table(measured):
        print(line)
    if given.picture is not None:
        given.picture.write_text(picture(measured))


def make(count: int) -> dict[str, list[Pair]]:
    """Pairs of source and rewritten text, by who made them."""
    with (DATA / "banking77/test.csv").open(encoding="utf-8") as file:
        rows = [(" ".join(row["text"].split()), row["category"]) for row in csv.DictReader(file)]
    chance = random.Random(0)
    fit = [text for text, _ in rows if 6 <= len(text.split()) <= 20]
    texts = chance.sample(fit, count)
    made = {"word edits": [(text, perturbed(text, chance.choice(EDITS), chance)) for text in texts]}
    if shutil.which("apertium"):
        made["apertium en-es-en"] = list(zip(texts, round_trips(texts), strict=True))
    for level in LEVELS:
        made[f"embedded model, {level}"] = list(zip(texts, asyncio.run(paraphrases(texts, level)), strict=True))
    made["two customers"] = customers(rows, chance, 4 * count)
    return made


def round_trips(texts: Sequence[str]) -> list[str]:
    """Through Spanish and back. A line that ends without a sign lets its words leak into the next one."""
    lines = [text if text[-1] in ".?!" else f"{text}." for text in texts]
    for mode in ("eng-spa", "spa-eng"):
        done = subprocess.run(
            ["apertium", "-u", mode], input="\n".join(lines), capture_output=True, text=True, check=True, timeout=300
        )
        lines = [line.strip() for line in done.stdout.split("\n")][: len(texts)]
    return [line if text[-1] in ".?!" else line.rstrip(".") for text, line in zip(texts, lines, strict=True)]


async def paraphrases(texts: Sequence[str], level: str) -> list[str]:
    """What the embedded model makes of each text, asked with the recipe's template for small models."""
    template = parse_template(TEMPLATE.read_text(encoding="utf-8"), name=str(TEMPLATE))
    async with LocalProvider(ModelConfig(provider="local")) as provider:

        async def ask(number: int, text: str) -> str:
            values = {"source": Row(str(number), text, ""), "options": {"level": level}, "instructions": ""}
            request = Request(template.render(values), {**PARAMS, "seed": number})
            return (await provider.complete(request, timeout_s=300)).text.strip()

        return await asyncio.gather(*(ask(i, text) for i, text in enumerate(texts)))


def customers(rows: Sequence[Pair], chance: random.Random, count: int) -> list[Pair]:
    """Pairs of real rows of one class with nearly the same meaning."""
    by_class: dict[str, list[str]] = {}
    for text, label in rows:
        if 4 <= len(text.split()) <= 20:
            by_class.setdefault(label, []).append(text)
    encoder, found = open_encoder("all-MiniLM-L6-v2"), list[Pair]()
    for texts in (by_class[label] for label in sorted(by_class)[::4]):
        vectors = encoder.encode(texts)
        near = np.argwhere(np.triu(vectors @ vectors.T >= REAL_FROM, k=1))
        found += [(texts[i], texts[j]) for i, j in near if normalise(texts[i]) != normalise(texts[j])]
    return chance.sample(found, min(count, len(found)))


def figures(pairs: Sequence[Sequence[str]]) -> Figures:
    """Edit ratio, overlap of letters, and cosine of each pair."""
    encoder = open_encoder("all-MiniLM-L6-v2")
    before, after = (encoder.encode([pair[side] or " " for pair in pairs]) for side in (0, 1))
    cosines = (before * after).sum(axis=1)
    return [
        (edit_ratio(made, source), jaccard(char_ngrams(made), char_ngrams(source)), float(cosine))
        for (source, made), cosine in zip(pairs, cosines, strict=True)
    ]


def fits(band: Band, edit: float, overlap: float, cosine: float) -> bool:
    """Whether a row lies in a band; one without an edit is unchanged, which is no level."""
    least = ((edit, band.min_edit_ratio), (overlap, band.min_overlap_ratio), (cosine, band.min_similarity))
    most = ((edit, band.max_edit_ratio), (overlap, band.max_overlap_ratio), (cosine, band.max_similarity))
    in_bounds = all(bound is None or value >= bound for value, bound in least)
    return edit > 0 and in_bounds and all(bound is None or value <= bound for value, bound in most)


def level_of(place: tuple[float, float, float]) -> str | None:
    """The one level that takes a row, or None."""
    return next((level for level, band in LEVELS.items() if fits(band, *place)), None)


def table(measured: Mapping[str, Figures]) -> Iterator[str]:
    """One line a maker."""
    heads = "".join(f"{head:>6}" for head in ("rows", "same", "low", "mod.", "high", "none"))
    yield f"{'rows made by':<26}{heads}  edit ratio, cosine: 5 %, median, 95 %"
    for maker, places in measured.items():
        levels = [level_of(place) for place in places]
        same = sum(edit == 0 for edit, _, _ in places)
        counts = [levels.count(level) for level in LEVELS]
        spread = "   ".join(
            " ".join(f"{q:.2f}" for q in np.quantile([place[i] for place in places], [0.05, 0.5, 0.95])) for i in (0, 2)
        )
        rest = len(places) - same - sum(counts)
        numbers = "".join(f"{number:>6}" for number in (len(places), same, *counts, rest))
        yield f"{maker:<26}{numbers}  {spread}"


def picture(measured: Mapping[str, Figures]) -> str:
    """Edit ratio against cosine: a panel for each maker, the bands behind, a colour for the level that takes a row."""
    frame = Frame(height=300, x_low=0, x_high=1, y_low=LOWEST, y_high=1)
    panels = [panel(frame, maker, places) for maker, places in measured.items()]
    rows = -(-len(panels) // 2)
    body = "".join(
        f'<g transform="translate({(i % 2) * 760} {40 + (i // 2) * 310})">{drawn}</g>' for i, drawn in enumerate(panels)
    )
    legend = "".join(
        f'<circle cx="{60 + i * 190}" cy="20" r="6" fill="{colour}"/><text x="{72 + i * 190}" y="25">'
        f"{'taken at level ' + level if level else 'in no band: turned down'}</text>"
        for i, (level, colour) in enumerate(COLOURS.items())
    )
    size = f'viewBox="0 0 1520 {50 + rows * 310}" font-family="sans-serif" font-size="14"'
    ground = '<rect width="100%" height="100%" fill="#fff"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{ground}{legend}{body}</svg>\n'


def panel(frame: Frame, maker: str, places: Figures) -> str:
    parts = [f'<text x="60" y="10" font-weight="bold">{escape(maker)} ({len(places)} rows)</text>']
    for level, band in LEVELS.items():
        left, right = frame.x(band.min_edit_ratio or 0), frame.x(band.max_edit_ratio or 1)
        top, bottom = frame.y(1), frame.y(band.min_similarity or LOWEST)
        shape = f'x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}"'
        parts.append(f'<rect {shape} fill="{COLOURS[level]}" opacity="0.13"/>')
    foot, name = frame.height - 26, "words edited (ratio); upwards: cosine"
    parts += [f'<text x="{frame.x(e):.1f}" y="{foot}" text-anchor="middle">{e:g}</text>' for e in (0, 0.34, 0.67, 1)]
    parts += [f'<text x="44" y="{frame.y(h) + 5:.1f}" text-anchor="end">{h:g}</text>' for h in (0.4, 0.6, 0.8, 1)]
    parts.append(f'<text x="400" y="{frame.height - 8}" text-anchor="middle">{name}</text>')
    for edit, overlap, cosine in places:
        colour = COLOURS[level_of((edit, overlap, cosine)) if edit else None]
        spot = f'cx="{frame.x(edit):.1f}" cy="{frame.y(max(cosine, LOWEST)):.1f}"'
        parts.append(f'<circle {spot} r="4" fill="{colour}" opacity="0.8"/>')
    return "".join(parts)


if __name__ == "__main__":
    main()
