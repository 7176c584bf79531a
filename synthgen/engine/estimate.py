"""What a job will roughly take, before anything is sent."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from statistics import fmean

import numpy as np

from synthgen.encoders import open_encoder
from synthgen.engine.blueprint import Blueprint, SlotMaker
from synthgen.engine.demand import PRIOR_YIELD_RATIO
from synthgen.engine.endpoint import CHARS_A_TOKEN
from synthgen.engine.prices import price_of
from synthgen.records import Slot, Usage

SAMPLED_SLOTS = 20
_TOKENS_AROUND_AN_ITEM = 8


@dataclass(frozen=True, slots=True)
class ClassEstimate:
    """One class: rows wanted, real rows there are, requests likely needed."""

    label: str
    target: int
    real_rows: int
    requests: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """The whole job.

    Attributes:
        classes: One for each class.
        requests: Requests likely needed.
        usage: Tokens, and money where the price is known.
        has_price: Whether it is.
        prompt_tokens: Mean length of a prompt.
    """

    classes: tuple[ClassEstimate, ...]
    requests: int
    usage: Usage
    has_price: bool
    prompt_tokens: int


def slots_to_show(blueprint: Blueprint, *, prompts: int) -> Iterator[Slot]:
    """The first `prompts` slots of each class, as they would be sent."""
    maker = _maker(blueprint)
    for label in blueprint.targets:
        for ordinal in range(prompts):
            yield maker.make(label, ordinal)


def estimate(blueprint: Blueprint) -> Estimate:
    """Requests from the targets and a yield of 70 %; tokens from rendered prompts and the real rows' length."""
    rows = blueprint.train.by_label()
    per_request = blueprint.items * PRIOR_YIELD_RATIO
    classes = tuple(
        ClassEstimate(label, target, len(rows.get(label, ())), math.ceil(target / per_request))
        for label, target in blueprint.targets.items()
    )
    maker = _maker(blueprint)
    prompts = [
        maker.make(c.label, ordinal).request.prompt.char_count() / CHARS_A_TOKEN
        for c in classes
        for ordinal in range(max(1, SAMPLED_SLOTS // len(classes)))
    ]
    shown = [row.text for label in blueprint.targets for row in rows.get(label, ())]
    item_tokens = (fmean(map(len, shown)) if shown else 100) / CHARS_A_TOKEN + _TOKENS_AROUND_AN_ITEM
    requests = sum(c.requests for c in classes)
    usage = Usage(int(requests * fmean(prompts)), int(requests * blueprint.items * item_tokens))
    price = price_of(blueprint.groups[0].endpoints[0])
    usd = price.of(usage) if price else Decimal(0)
    return Estimate(
        classes, requests, Usage(usage.input_tokens, usage.output_tokens, usd), price is not None, int(fmean(prompts))
    )


def _maker(blueprint: Blueprint) -> SlotMaker:
    if not blueprint.needs_vectors_to_plan:
        return blueprint.slot_maker()
    encoder = open_encoder(blueprint.job.encoder)
    rows = blueprint.train.by_label()
    texts = {label: [row.text for row in rows.get(label, ())] for label in blueprint.targets}
    return blueprint.slot_maker({k: encoder.encode(v).astype(np.float16).astype(np.float32) for k, v in texts.items()})
