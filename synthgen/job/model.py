"""The job file's keys, as pydantic models. Unknown keys are refused with the nearest known name.

Owns names, types, bounds and defaults. Reads no file and no environment variable: `source` turns text into a `Job`,
the rooms above resolve what it names.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from synthgen.job.checks import CheckConfig
from synthgen.job.strict import Strict, compiled
from synthgen.registry import PROVIDERS

OPENAI_BASE_URL = "https://api.openai.com/v1"
_DEADLINE = re.compile(r"(?:[01]?\d|2[0-3]):[0-5]\d|(?:\d+h)?(?:\d+m)?(?:\d+s)?")


class DataConfig(Strict):
    """The user's real rows.

    Attributes:
        train: csv, tsv, jsonl, json or parquet; relative to the job file, `~` is the home folder. None where there is
            nothing real yet.
        test: Same format; never prompted with, never matched by an accepted row.
        text: Column that holds the text.
        label: Column that holds the class; None where there are no classes.
        separator: Between the values of a csv file; None looks.
        encoding: Of a text file, by its codec's name; None looks.
    """

    train: str | None = None
    test: str | None = None
    text: str = "text"
    label: str | None = None
    separator: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    encoding: str | None = None

    @field_validator("train", "test")
    @classmethod
    def _at_home(cls, value: str | None) -> str | None:
        return None if value is None else os.path.expanduser(value)


class LimitsConfig(Strict):
    """What an endpoint allows. None means no declared limit."""

    requests_per_min: Annotated[float, Field(gt=0)] | None = None
    tokens_per_min: Annotated[float, Field(gt=0)] | None = None
    max_concurrency: Annotated[int, Field(ge=1)] | None = None


class PriceConfig(Strict):
    """US dollars for a million tokens, where the built-in price table does not know the model."""

    input_usd_per_mtok: Annotated[Decimal, Field(ge=0)]
    output_usd_per_mtok: Annotated[Decimal, Field(ge=0)]


class ModelConfig(Strict):
    """One endpoint. Entries with the same `model` and `params` share the work; different ones split the slots.

    Attributes:
        provider: `openai` is any OpenAI-compatible server; `local` is the embedded model; `synonyms` is WordNet;
            `apertium` and `marian` translate; other packages may add more (entry points `synthgen.providers`).
        model: Name as the server knows it; for `local`, empty or the path of a GGUF file; for `marian`, a folder or hub
            id; for `apertium`, empty or its data folder.
        base_url: Where the server's `/chat/completions` lives, without that ending.
        api_key_env: Name of the environment variable that holds the key. No other variable is read.
        limits: Declared limits.
        params: Sampling parameters, sent as they are (`temperature`, `max_tokens`, `top_p`, ...).
        timeout_s: Seconds one call may take.
        weight: Share of the slots among entries of different models.
        stages: Stages it answers; empty for all that no other entry names.
        price: Overrides the built-in price table.
        transport: `http` is the fast path; `sdk` goes through the openai package; `aiohttp` is taken in place of `http`
            where HTTPS_PROXY or HTTP_PROXY names a proxy for the address, or where there is a client certificate.
        client_cert: PEM file, from the working directory, of the certificate that the server asks for.
        client_key: PEM file of its key; None where the certificate's file holds it.
    """

    provider: str = "openai"
    model: str = ""
    base_url: str = OPENAI_BASE_URL
    api_key_env: str | None = None
    limits: LimitsConfig = LimitsConfig()
    params: dict[str, Any] = Field(default_factory=dict)
    timeout_s: Annotated[float, Field(gt=0)] = 60.0
    weight: Annotated[float, Field(gt=0)] = 1.0
    stages: list[str] = Field(default_factory=list)
    price: PriceConfig | None = None
    transport: Literal["http", "sdk", "aiohttp"] = "http"
    client_cert: str | None = None
    client_key: str | None = None

    @field_validator("provider")
    @classmethod
    def _is_registered(cls, value: str) -> str:
        if not PROVIDERS.has(value):
            raise PydanticCustomError("provider", "{text}", {"text": PROVIDERS.unknown(value)})
        return value

    @field_validator("base_url")
    @classmethod
    def _is_http(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise PydanticCustomError("base_url", "must start with http:// or https://")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _names_a_model(self) -> ModelConfig:
        if self.client_key is not None and self.client_cert is None:
            raise PydanticCustomError("client_key", "`client_key` needs `client_cert`")
        if self.client_cert is not None and self.transport == "sdk":
            raise PydanticCustomError("client_cert", "`client_cert` needs `transport: aiohttp`, not `sdk`")
        if self.provider == "openai" and not self.model:
            raise PydanticCustomError("model", "needs `model:`, the name the server knows it by")
        return self


class PromptConfig(Strict):
    """How a slot becomes text.

    Attributes:
        template: Built-in name (`synthgen prompts` lists them) or a path relative to the job file; None takes the
            recipe's own.
        seeds: Real rows of the class shown in each prompt.
        items: Rows asked for in each answer.
        pick: `random`, `rotate` (every seed is used equally often) or `diverse` (far apart by embedding).
        instructions: Extra words handed to the template as `instructions`.
    """

    template: str | None = None
    seeds: Annotated[int, Field(ge=0)] = 5
    items: Annotated[int, Field(ge=1)] | None = None
    pick: Literal["random", "rotate", "diverse"] = "rotate"
    instructions: str = ""


class PiiSettings(Strict):
    """How personal data is found.

    Attributes:
        detector: `patterns` knows mail and machine addresses, telephone numbers, cards, IBANs and US social security
            numbers by their form and needs no package; `presidio` is presidio-analyzer (the extra `pii`).
        min_score: Least score of what presidio finds.
        spacy_model: An installed spaCy model by name or folder, with which presidio finds names and places; None has
            none.
    """

    detector: Literal["patterns", "presidio"] = "patterns"
    min_score: Annotated[float, Field(ge=0, le=1)] = 0.4
    spacy_model: str | None = None

    @model_validator(mode="after")
    def _has_who_reads_the_model(self) -> PiiSettings:
        if self.spacy_model is not None and self.detector != "presidio":
            raise PydanticCustomError("pii", "`spacy_model` needs `detector: presidio`")
        return self


class SeedsConfig(PiiSettings):
    """What becomes of personal data in the real rows before a prompt shows them. Rows are compared as they are.

    Attributes:
        pii: `redact` shows surrogate values that belong to nobody (an example.com address), `refuse` stops before
            anything is sent, `allow` shows rows as they are.
        entities: What counts, by presidio's names; empty is all that `patterns` knows.
    """

    pii: Literal["refuse", "redact", "allow"] = "redact"
    entities: list[str] = Field(default_factory=list)


class FieldSpec(Strict):
    """One field of a generated item.

    Attributes:
        type: A type word, or a list of the allowed strings.
        description: Told to the model.
        min_length, max_length: Characters of a string.
        pattern: Regular expression a string must match somewhere.
        ge, le: Bounds of a number.
        optional: Whether the field may be missing.
    """

    type: Literal["str", "int", "float", "bool", "list[str]"] | list[str] = "str"
    description: str = ""
    min_length: Annotated[int, Field(ge=0)] | None = None
    max_length: Annotated[int, Field(ge=1)] | None = None
    pattern: str | None = None
    ge: float | None = None
    le: float | None = None
    optional: bool = False

    @model_validator(mode="before")
    @classmethod
    def _accept_short_form(cls, value: Any) -> Any:
        return {"type": value} if isinstance(value, str | list) else value

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        return value if value is None else compiled(value)


class StageConfig(Strict):
    """One step of a recipe: where its slots come from, what they ask, and who judges what comes back.

    Attributes:
        name: Names its part of the run directory.
        kind: `generate` writes rows after seeds; `transform` makes new texts of one source row; `respond` adds the
            answer's fields to its source row; `judge` scores its source row, which passes or not. The source rows of a
            first stage are the real ones, those of a later stage what the stage before accepted.
        template: As `prompt.template`; None takes that, in a first stage.
        prompt: The template's own text, written here instead of in a file.
        items: Rows asked for in each answer.
        copies: Slots for each source row; in a first stage real rows take turns for as long as rows are wanted.
        schema: Fields of an item, or `module:Model`; None takes the job's in a first stage, else the text alone.
        params: Laid over each model's own sampling parameters.
        attributes: Values to combine over the slots, beside the job's own.
        pass_: Of a judge: least score by field; `mean` bounds the mean of all numbers.
        checks: Judges of its rows; None takes the job's, in a last stage.
        when: Whether it takes part; recipes write an option here.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=40)]
    kind: Literal["generate", "transform", "respond", "judge"] = "generate"
    template: str | None = None
    prompt: str | None = None
    items: Annotated[int, Field(ge=1)] | None = None
    copies: Annotated[int, Field(ge=1)] = 1
    schema_: dict[str, FieldSpec] | str | None = Field(default=None, alias="schema")
    params: dict[str, Any] = Field(default_factory=dict)
    attributes: dict[str, Annotated[list[str], Field(min_length=1)]] = Field(default_factory=dict)
    pass_: dict[str, float] = Field(default_factory=dict, alias="pass")
    checks: list[CheckConfig] | None = None
    when: bool = True

    @field_validator("schema_", mode="before")
    @classmethod
    def _names_fields_or_model(cls, value: Any) -> Any:
        return _schema(value)

    @model_validator(mode="after")
    def _fits_its_kind(self) -> StageConfig:
        if self.template is not None and self.prompt is not None:
            raise PydanticCustomError("prompt", "give either `template` or `prompt`")
        if (self.kind == "judge") != bool(self.pass_):
            message = "needs `pass: {field: least score}`" if self.kind == "judge" else "`pass` belongs to a judge"
            raise PydanticCustomError("pass", "{text}", {"text": message})
        if self.kind in ("judge", "respond") and not self.schema_:
            raise PydanticCustomError("schema", "a stage that responds or judges needs `schema`, the answer's fields")
        if self.kind in ("judge", "respond") and (self.items or 1) != 1:
            raise PydanticCustomError("items", "a stage that responds or judges gives one row an answer")
        return self


class BudgetConfig(Strict):
    """What a run may spend, over all its resumes. None means no limit.

    Attributes:
        max_usd: US dollars. Needs a known price for every model.
        max_tokens: Input and output tokens together.
        max_requests: Requests sent.
        deadline: Time of day (`"07:00"`, local) or duration (`8h`, `90m`) after which nothing more is asked.
    """

    max_usd: Annotated[Decimal, Field(gt=0)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_requests: Annotated[int, Field(ge=1)] | None = None
    deadline: str | None = None

    @field_validator("deadline", mode="before")
    @classmethod
    def _reads_as_time(cls, value: Any) -> Any:
        text = str(value)
        if value is not None and (not text or not _DEADLINE.fullmatch(text)):
            raise PydanticCustomError("deadline", 'write a time of day ("07:00") or a duration (8h, 90m, 1h30m)')
        return None if value is None else text


class RetryConfig(Strict):
    """When to ask again.

    Attributes:
        max_attempts: Calls for one slot that may fail transiently; being throttled does not count.
        max_elapsed_s: Seconds from a slot's first call after which it fails permanently, waits included.
        max_wait_s: Longest backoff between two transient failures.
        max_outage_s: Seconds an endpoint may answer nobody before it counts as down (and the run, if it was the
            last).
        max_reasks: Times a malformed answer is asked again with the error.
    """

    max_attempts: Annotated[int, Field(ge=1)] = 6
    max_elapsed_s: Annotated[float, Field(gt=0)] = 1800.0
    max_wait_s: Annotated[float, Field(gt=0)] = 60.0
    max_outage_s: Annotated[float, Field(gt=0)] = 600.0
    max_reasks: Annotated[int, Field(ge=0)] = 1


class StarvationConfig(Strict):
    """When a class counts as stalled because its yield has collapsed.

    Attributes:
        patience: Answers of the class looked back on.
        min_yield_ratio: Least accepted rows for each row asked for, over the last `patience` answers.
    """

    patience: Annotated[int, Field(ge=1)] = 100
    min_yield_ratio: Annotated[float, Field(ge=0, le=1)] = 0.01


class Job(Strict):
    """One job file.

    Attributes:
        name: Names the run's folder.
        recipe: Brings prompt, output schema and checks; what stands in the file overrides it. A built-in name, a name
            that an installed package brings, or the path of a recipe file.
        options: What the recipe lets a job choose.
        stages: Steps of the run, in order; an entry of the same name as one of the recipe's overrides what it writes.
        data: The real rows.
        targets: Accepted rows for each class, or one number where there is no label.
        balance_to: Tops every class up to this many real and synthetic rows together.
        models: Endpoints; none takes the recipe's, where it brings any.
        prompt: How a slot of the first stage becomes text.
        seeds: What becomes of personal data in the real rows that prompts show.
        schema: Fields of an item, or `module:Model` naming a pydantic model; None takes the recipe's one text field.
        attributes: Values to combine evenly over the slots, told to the template.
        descriptions: What each class means, told to the template.
        checks: Judges of a row, in any order; None takes the recipe's.
        language: ISO 639-1 code; told to the template, and checked.
        encoder: Embedding model by name or path.
        budget: What it may spend.
        retry: When to ask again.
        starvation: When to give a class up.
        seed: Changes every random choice of the plan.
        rules: Version of the rules that read and tidy answers: 1 is synthgen 0.1's. A run keeps the one it began with.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]
    recipe: str = "balance"
    options: dict[str, Any] = Field(default_factory=dict)
    stages: Annotated[list[StageConfig], Field(min_length=1)] | None = None
    data: DataConfig
    targets: dict[str, int] | int | None = None
    balance_to: Annotated[int, Field(ge=1)] | None = None
    models: list[ModelConfig] = Field(default_factory=list)
    prompt: PromptConfig = PromptConfig()
    seeds: SeedsConfig = SeedsConfig()
    schema_: dict[str, FieldSpec] | str | None = Field(default=None, alias="schema")
    attributes: dict[str, Annotated[list[str], Field(min_length=1)]] = Field(default_factory=dict)
    descriptions: dict[str, str] = Field(default_factory=dict)
    checks: list[CheckConfig] | None = None
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}$")] | None = None
    encoder: str = "all-MiniLM-L6-v2"
    budget: BudgetConfig = BudgetConfig()
    retry: RetryConfig = RetryConfig()
    starvation: StarvationConfig = StarvationConfig()
    seed: int = 0
    rules: Literal[1, 2] = 2

    @field_validator("seeds", mode="before")
    @classmethod
    def _is_no_count(cls, value: Any) -> Any:
        if _is_count(value):
            raise PydanticCustomError("seeds", "how many real rows a prompt shows is `seeds` under `prompt`")
        return value

    @field_validator("targets", mode="before")
    @classmethod
    def _counts_rows(cls, value: Any) -> Any:
        if value is None or (_is_count(value) and value >= 1):
            return value
        if not isinstance(value, Mapping) or not value:
            raise PydanticCustomError("targets", "write `class: rows` for each class, or one number of rows")
        for label, count in value.items():
            if not _is_count(count) or count < 0:
                raise PydanticCustomError(
                    "target",
                    "rows of class '{key}' must be a whole number, not {count}",
                    {"key": label, "count": repr(count)},
                )
        if not any(value.values()):
            raise PydanticCustomError("targets", "every class asks for 0 rows: nothing to do")
        return value

    @field_validator("schema_", mode="before")
    @classmethod
    def _names_fields_or_model(cls, value: Any) -> Any:
        return _schema(value)

    @model_validator(mode="after")
    def _asks_for_something(self) -> Job:
        if (self.targets is None) == (self.balance_to is None):
            raise PydanticCustomError("targets", "give either `targets` or `balance_to`")
        if self.data.label is None and (self.balance_to is not None or isinstance(self.targets, dict)):
            raise PydanticCustomError("label", "targets by class need `data.label`, the column that holds the class")
        if self.data.label is not None and isinstance(self.targets, int):
            raise PydanticCustomError("targets", "with `data.label` set, write `class: rows` for each class")
        return self


def _schema(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"[\w.]+:\w+", value):
        raise PydanticCustomError("schema", "write fields, or `module:Model` naming a pydantic model")
    if isinstance(value, Mapping) and not value:
        raise PydanticCustomError("schema", "names no field")
    return value


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
