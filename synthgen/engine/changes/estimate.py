"""What a job will roughly take, before anything is sent."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import fmean

import numpy as np

from synthgen.encoders import open_encoder
from synthgen.engine.asking.endpoint import CHARS_A_TOKEN
from synthgen.engine.asking.prices import price_of
from synthgen.engine.planning.demand import PRIOR_YIELD_RATIO
from synthgen.engine.planning.prepared import PreparedJob, SlotMaker
from synthgen.engine.planning.sources import Sources
from synthgen.records import Slot, Source, Usage

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


def slots_to_show(prepared: PreparedJob, *, prompts: int) -> Iterator[Slot]:
    """The first `prompts` slots of each class, as they would be sent; those of later stages about made-up rows."""
    for stage in prepared.stages:
        maker = _maker(stage)
        for label in prepared.targets:
            for ordinal in range(prompts if stage.upstream is None else min(prompts, 1)):
                yield maker.make(label, ordinal)


def estimate(prepared: PreparedJob) -> Estimate:
    """Requests from the targets and a yield of 70 % in each stage; tokens from rendered prompts and the real rows'
    length."""
    rows = prepared.train.by_label()
    wanted: dict[str, float] = dict(prepared.targets)
    requests, usage, lengths = dict.fromkeys(wanted, 0), Usage(), []
    for stage in reversed(prepared.stages):
        slots = {label: math.ceil(count / (stage.items * PRIOR_YIELD_RATIO)) for label, count in wanted.items()}
        length = _prompt_tokens(stage, list(wanted))
        shown = [row.text for label in prepared.targets for row in rows.get(label, ())]
        item_tokens = (fmean(map(len, shown)) if shown else 100) / CHARS_A_TOKEN + _TOKENS_AROUND_AN_ITEM
        count = sum(slots.values())
        usage += Usage(int(count * length), int(count * stage.items * item_tokens))
        requests = {label: requests[label] + slots[label] for label in requests}
        lengths.append(length)
        wanted = {label: count / stage.stage.copies for label, count in slots.items()}
    classes = tuple(
        ClassEstimate(label, target, len(rows.get(label, ())), requests[label])
        for label, target in prepared.targets.items()
    )
    price = price_of(prepared.groups[0].endpoints[0])
    usd = price.of(usage) if price else Decimal(0)
    usage = Usage(usage.input_tokens, usage.output_tokens, usd)
    return Estimate(classes, sum(requests.values()), usage, price is not None, int(fmean(lengths)))


def _prompt_tokens(stage: PreparedJob, labels: Sequence[str]) -> float:
    """Mean length of a stage's prompts, of the first of each class."""
    maker = _maker(stage)
    most = max(1, SAMPLED_SLOTS // len(labels)) if stage.upstream is None else 1
    return fmean(
        maker.make(label, ordinal).request.prompt.char_count() / CHARS_A_TOKEN
        for label in labels
        for ordinal in range(most)
    )


def pretended_sources(prepared: PreparedJob) -> Sources | None:
    """One made-up row of each class for a later stage to work on, so that its prompt can be looked at before there are
    any; None for a first stage, which needs none."""
    if prepared.upstream is None:
        return None
    sources = Sources(prepared.targets, copies=prepared.stage.copies)
    rows = prepared.train.by_label()
    for label in prepared.targets:
        found = rows.get(label)
        text = found[0].text if found else "(text)"
        fields = {name: text if name == prepared.text_field else f"({name})" for name in prepared.source_fields()}
        sources.add(Source("", text, label, fields))
    return sources


def _maker(prepared: PreparedJob) -> SlotMaker:
    if not prepared.needs_vectors_to_plan:
        return prepared.slot_maker(None, pretended_sources(prepared))
    encoder = open_encoder(prepared.job.encoder)
    rows = prepared.train.by_label()
    texts = {label: [row.text for row in rows.get(label, ())] for label in prepared.targets}
    return prepared.slot_maker({k: encoder.encode(v).astype(np.float16).astype(np.float32) for k, v in texts.items()})
