"""What a model costs: the job's own figure, else the `genai-prices` table that comes with the package."""

from __future__ import annotations

from decimal import Decimal

from synthgen.engine.budget import Price
from synthgen.errors import JobError
from synthgen.job import ModelConfig

_MILLION = Decimal(1_000_000)


def price_of(config: ModelConfig) -> Price | None:
    """The price of one token, or None where nobody knows it. The embedded model is free."""
    if config.provider == "local":
        return Price(Decimal(0), Decimal(0))
    if config.price is not None:
        return Price(config.price.input_usd_per_mtok / _MILLION, config.price.output_usd_per_mtok / _MILLION)
    from genai_prices import Usage, calc_price

    try:
        found = calc_price(
            Usage(input_tokens=1_000_000, output_tokens=1_000_000), config.model, provider_api_url=config.base_url
        )
    except LookupError:
        return None
    return Price(found.input_price / _MILLION, found.output_price / _MILLION)


def require_price(config: ModelConfig, *, has_usd_budget: bool) -> Price:
    """As `price_of`; an unknown price counts as zero unless money is limited.

    Raises:
        JobError: A USD budget is set and nobody knows the price.
    """
    price = price_of(config)
    if price is None and has_usd_budget:
        raise JobError(
            f"budget.max_usd: the price of model '{config.model}' at {config.base_url} is not known",
            hint="add `price: {input_usd_per_mtok: ..., output_usd_per_mtok: ...}` to its entry under models",
        )
    return price or Price(Decimal(0), Decimal(0))
