"""Everything the simulator can be told, as one frozen value. Standard library only: the command line reads it.

Each field is a flag of `synthgen simulate` and a key of `POST /control`; its help text stands beside it, so neither
can drift from this page.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")

LATENCY_KINDS = ("fixed", "jitter", "lognormal")
RETRY_AFTER_KINDS = ("seconds", "ms", "date", "none")


def _option(
    default: T, help_text: str, *, low: float | None = None, high: float | None = None, words: tuple[str, ...] = ()
) -> T:
    metadata = {"help": help_text, "low": low, "high": high, "words": words}
    option: T = dataclasses.field(default=default, metadata=metadata)
    return option


def _ratio(help_text: str) -> float:
    return _option(0.0, help_text, low=0, high=1)


def _limit(help_text: str) -> float | None:
    return _option(None, help_text, low=1e-9)


@dataclasses.dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """How the simulated server behaves. The defaults are a fast, faultless server without limits.

    Raises:
        ValueError: A value of the wrong type or out of its bounds, or shares of faults that sum to more than 1.
    """

    port: int = _option(0, "Port on 127.0.0.1; 0 takes any free one.", low=0, high=65535)
    seed: int = _option(0, "Changes every answer and every fault.")
    items: int = _option(5, "Items in an answer whose prompt asks for no number.", low=1, high=1000)

    latency_s: float = _option(0.0, "Seconds an answer takes; the median where the kind is lognormal.", low=0)
    latency_kind: str = _option("fixed", "How the latency varies.", words=LATENCY_KINDS)
    latency_jitter_ratio: float = _option(0.2, "Half-width of the jitter, as a share of the latency.", low=0, high=1)
    latency_p99_factor: float = _option(20.0, "99th percentile of the lognormal, as a multiple of its median.", low=1)

    requests_per_min: float | None = _limit("Requests granted in any 60 seconds.")
    tokens_per_min: float | None = _limit("Tokens, input and output, granted in any 60 seconds.")
    requests_per_s: float | None = _limit("Requests granted in any second.")
    max_concurrency: int | None = _option(None, "Requests in flight above which 429 is answered.", low=1)
    has_limit_headers: bool = _option(True, "Send x-ratelimit-* headers where a limit per minute is enforced.")
    quota_requests: int | None = _option(None, "Requests granted before the quota is exhausted for good.", low=0)

    throttle_ratio: float = _ratio("Share of requests answered 429.")
    stray_every_s: float | None = _limit("Seconds after which one request is answered 429 though there was room.")
    retry_after_s: float = _option(1.0, "Wait named by a 429 that no limit caused.", low=0)
    retry_after_kind: str = _option("seconds", "How a 429 spells its wait.", words=RETRY_AFTER_KINDS)
    error_ratio: float = _ratio("Share of requests answered with a server error.")
    error_status: int = _option(500, "Status of that server error.", low=500, high=599)
    hang_ratio: float = _ratio("Share of requests that hang before they are answered.")
    hang_s: float = _option(60.0, "Seconds such a request hangs.", low=0)
    cut_ratio: float = _ratio("Share of requests whose connection closes in the middle of the body.")

    malformed_ratio: float = _ratio("Share of answers that are broken JSON.")
    refusal_ratio: float = _ratio("Share of answers that refuse ('As an AI language model ...').")
    truncated_ratio: float = _ratio("Share of answers cut short, with finish_reason length.")
    filtered_ratio: float = _ratio("Share of answers left empty, with finish_reason content_filter.")
    duplicate_ratio: float = _ratio("Share of items that repeat a text given before for the same class.")

    has_fresh_answers: bool = _option(False, "Answer a request anew where it comes again, as a sampling model does.")

    api_key: str | None = _option(None, "Key asked for; any or none is accepted where it is not set.")
    models: tuple[str, ...] = _option((), "Names of the known models; any is known where none is set.")
    refuse_formats: tuple[str, ...] = _option((), "Types of response_format refused with 400, as old servers do.")
    refuse_params: tuple[str, ...] = _option((), "Parameters refused with 400, as reasoning models do.")

    def __post_init__(self) -> None:
        for option in dataclasses.fields(self):
            _check(option, getattr(self, option.name))
        _check_sum("answered 429, failing, hanging or cut", self.transport_ratios)
        _check_sum("malformed, refused, truncated or filtered", self.answer_ratios)

    @property
    def transport_ratios(self) -> tuple[float, ...]:
        """Shares of 429, server errors, hangs and cut bodies: exclusive of each other."""
        return (self.throttle_ratio, self.error_ratio, self.hang_ratio, self.cut_ratio)

    @property
    def answer_ratios(self) -> tuple[float, ...]:
        """Shares of malformed, refusing, truncated and filtered answers: exclusive of each other."""
        return (self.malformed_ratio, self.refusal_ratio, self.truncated_ratio, self.filtered_ratio)

    def with_changes(self, changes: Mapping[str, Any]) -> SimulatorSettings:
        """These settings with some replaced; lists become tuples, as JSON has no tuples.

        Raises:
            ValueError: An unknown name, or a value the settings refuse.
        """
        known = {option.name for option in dataclasses.fields(self)}
        for name in changes:
            if name not in known:
                raise ValueError(f"unknown setting '{name}' (known: {', '.join(sorted(known))})")
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in changes.items()
        }
        return dataclasses.replace(self, **values)

    def as_json(self) -> dict[str, Any]:
        """Plain values, without the key."""
        return {k: v for k, v in dataclasses.asdict(self).items() if k != "api_key"}


def kind_of(option: dataclasses.Field[Any]) -> str:
    """`int`, `float`, `bool`, `str` or `tuple`: the annotation without its ` | None` and its brackets."""
    return str(option.type).partition(" ")[0].partition("[")[0]


def _check(option: dataclasses.Field[Any], value: Any) -> None:
    name, spec = option.name, option.metadata
    if value is None and option.default is None:
        return
    if not _is_kind(kind_of(option), value):
        raise ValueError(f"{name} must be {kind_of(option)}, not {value!r}")
    if spec["words"] and value not in spec["words"]:
        raise ValueError(f"{name} must be one of {', '.join(spec['words'])}, not {value!r}")
    if spec["low"] is not None and value < spec["low"]:
        raise ValueError(f"{name} must be at least {spec['low']}, not {value!r}")
    if spec["high"] is not None and value > spec["high"]:
        raise ValueError(f"{name} must be at most {spec['high']}, not {value!r}")


def _is_kind(kind: str, value: Any) -> bool:
    if kind == "tuple":
        return isinstance(value, tuple) and all(isinstance(v, str) for v in value)
    if kind == "bool" or isinstance(value, bool):
        return kind == "bool" and isinstance(value, bool)
    return isinstance(value, {"int": (int,), "float": (int, float), "str": (str,)}[kind])


def _check_sum(what: str, ratios: tuple[float, ...]) -> None:
    if sum(ratios) > 1 + 1e-9:
        raise ValueError(f"the shares of requests {what} sum to {sum(ratios):g}, which is more than 1")
