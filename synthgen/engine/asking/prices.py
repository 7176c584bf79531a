"""What a model costs: the job's own figure, else the `genai-prices` table that comes with the package."""

from __future__ import annotations

import ipaddress
from decimal import Decimal
from urllib.parse import urlsplit

from synthgen.engine.asking.budget import Price
from synthgen.engine.asking.endpoint import output_bound
from synthgen.errors import JobError
from synthgen.job import Job, ModelConfig
from synthgen.providers.opening import provider_class
from synthgen.records import Usage

_MILLION = Decimal(1_000_000)


def price_of(config: ModelConfig) -> Price | None:
    """The price of one token, or None where nobody knows it. What runs here is free."""
    if not provider_class(config.provider).is_metered:
        return Price(Decimal(0), Decimal(0))
    if config.price is not None:
        return Price(config.price.input_usd_per_mtok / _MILLION, config.price.output_usd_per_mtok / _MILLION)
    if _is_near(config.base_url):
        return None  # the table goes by address and knows none of these; reading it takes 0.15 s
    import genai_prices

    usage = genai_prices.Usage(input_tokens=1_000_000, output_tokens=1_000_000)
    try:
        found = genai_prices.calc_price(usage, config.model, provider_api_url=config.base_url)
    except LookupError:
        return None
    return Price(found.input_price / _MILLION, found.output_price / _MILLION)


def _is_near(base_url: str) -> bool:
    """Whether an address is of this machine or of a private network."""
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


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


class LatePrice:
    """A price that is looked up once the first request is out, or at the latest when the first answer is to be paid:
    reading the large table should hold up neither. An unknown price counts as zero.

    Args:
        config: The model's entry.
    """

    def __init__(self, config: ModelConfig) -> None:
        self._config = config
        self._found: Price | None = None

    def of(self, usage: Usage) -> Decimal:
        """USD."""
        return self._known().of(usage)

    def warm_up(self) -> None:
        """Look it up, where nobody has."""
        self._known()

    def _known(self) -> Price:
        if self._found is None:
            self._found = require_price(self._config, has_usd_budget=False)
        return self._found


def require_affordable(job: Job) -> None:
    """Whether the budget can hold: what one answer costs at most must be known before it is asked for.

    Raises:
        JobError: A bound on money without a price, or on money or tokens without a bound on the answer.
    """
    budget = job.budget
    field = "max_usd" if budget.max_usd is not None else "max_tokens" if budget.max_tokens is not None else None
    for number, config in enumerate(job.models):
        if budget.max_usd is not None:
            require_price(config, has_usd_budget=True)
        of_stages = [stage.params for stage in job.stages or ()] or [{}]
        is_bounded = all(output_bound(config.params | params) is not None for params in of_stages)
        if field is not None and not is_bounded and provider_class(config.provider).is_metered:
            raise JobError(
                f"budget.{field}: an answer of model '{config.model}' may be of any length",
                hint=f"add `max_tokens: 400` (or what a row needs) to models[{number}].params: so the budget can hold",
            )
