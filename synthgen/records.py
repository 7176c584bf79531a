"""The nouns: what passes between the rooms. Frozen values, no behaviour beyond reading themselves.

slot -> request -> answer -> completion -> candidate -> example | rejection
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal, NamedTuple, TypeAlias

JsonSchema: TypeAlias = Mapping[str, Any]
Fields: TypeAlias = dict[str, Any]
OutputKind: TypeAlias = Literal["json", "text", "lines"]


class _Nothing(dict[str, Any]):
    """The empty mapping as a default that all share: refuses to be filled, and is itself again after pickling."""

    __slots__ = ()

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise TypeError("the shared empty mapping cannot be changed")

    __setitem__ = setdefault = update = __ior__ = _refuse

    def __reduce__(self) -> str:
        return "NOTHING"


NOTHING: Mapping[str, Any] = _Nothing()


@dataclass(frozen=True, slots=True)
class Row:
    """One real row of the user's data.

    Attributes:
        id: Where it stands, for people: `train:13` is the 13th data row of the training file.
        text: The text, stripped.
        label: Its class; the empty string where the job has no label column.
    """

    id: str
    text: str
    label: str


@dataclass(frozen=True, slots=True)
class Message:
    """One chat turn."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the model is asked: chat turns, or (`messages` empty) one text to continue.

    Attributes:
        messages: Chat turns in order; empty for a text to continue.
        text: The text to continue; empty for a chat.
        output: What the answer looks like: JSON by schema, one plain text, or one item a line.
        stop: Strings that end the answer.
    """

    messages: tuple[Message, ...] = ()
    text: str = ""
    output: OutputKind = "json"
    stop: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain values, for hashing and showing."""
        return {
            "messages": [[m.role, m.content] for m in self.messages],
            "text": self.text,
            "output": self.output,
            "stop": list(self.stop),
        }

    def char_count(self) -> int:
        return len(self.text) + sum([len(m.content) for m in self.messages])


@dataclass(frozen=True, slots=True)
class Source:
    """The row that a slot works on: a real one, or one that the stage before accepted.

    Attributes:
        id: Its row id.
        text: Its text.
        label: Its class.
        fields: Every field it has, its text among them.
    """

    id: str
    text: str
    label: str
    fields: Mapping[str, Any]


class Draft(NamedTuple):
    """What the plan decides for one slot, before any text is rendered: a pure function of the job, label and ordinal,
    or, in a later stage, of the job and the source row.

    Attributes:
        label: Class to generate.
        ordinal: 0-based number of this slot within its class.
        seeds: Real rows shown to the model.
        attributes: Attribute values asked for, by name.
        sampling_seed: Sent to the model where it takes one.
        model_index: Which group of the job's models answers it.
        source: The row it works on; None where a stage writes from seeds.
        copy: Which of several slots for that row.
    """

    label: str
    ordinal: int
    seeds: tuple[Row, ...]
    attributes: Mapping[str, str]
    sampling_seed: int
    model_index: int
    source: Source | None = None
    copy: int = 0

    def recorded(self) -> dict[str, Any]:
        """What the journal keeps of it beside each answer."""
        drawn = {"seeds": [seed.id for seed in self.seeds], "attributes": dict(self.attributes)}
        if self.source is None:
            return drawn
        return {**drawn, "source": self.source.id, **({"copy": self.copy} if self.copy else {})}


class Request(NamedTuple):
    """What a provider is handed.

    Attributes:
        prompt: What to ask.
        params: Sampling parameters, passed on as they are (`temperature`, `max_tokens`, `seed`, ...).
        schema: JSON schema of the answer, or None for free text.
    """

    prompt: Prompt
    params: Mapping[str, Any]
    schema: JsonSchema | None = None


class Slot(NamedTuple):
    """One request of a run, ready to be asked. `id` hashes everything that decides its answer."""

    id: str
    draft: Draft
    request: Request

    @property
    def label(self) -> str:
        return self.draft.label

    @property
    def ordinal(self) -> int:
        return self.draft.ordinal


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and money of one or many answers; adds up. Money is exact (`Decimal`), in US dollars."""

    input_tokens: int = 0
    output_tokens: int = 0
    usd: Decimal = Decimal(0)

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens, self.output_tokens + other.output_tokens, self.usd + other.usd
        )

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    def as_json(self) -> dict[str, Any]:
        """As `--json` shows it."""
        return {"input_tokens": self.input_tokens, "output_tokens": self.output_tokens, "usd": float(self.usd)}


@dataclass(frozen=True, slots=True)
class Spend:
    """Requests, tokens and money; adds up."""

    requests: int = 0
    usage: Usage = Usage()

    def __add__(self, other: Spend) -> Spend:
        return Spend(self.requests + other.requests, self.usage + other.usage)

    def __sub__(self, other: Spend) -> Spend:
        less = Usage(-other.usage.input_tokens, -other.usage.output_tokens, -other.usage.usd)
        return Spend(self.requests - other.requests, self.usage + less)


class Answer(NamedTuple):
    """What a provider brings back from one successful call.

    Attributes:
        text: The model's words, raw.
        finish_reason: `stop`, `length`, `content_filter` or the provider's own word.
        usage: Tokens as the provider counts them; estimated by the provider's adapter where it says nothing.
        model: The model that answered, by its own name.
        headers: Lower-cased response headers that tell limits (`x-ratelimit-*`), else empty.
    """

    text: str
    finish_reason: str
    usage: Usage
    model: str
    headers: Mapping[str, str] = NOTHING


class FailureKind(StrEnum):
    """What an error means for the request that met it. Classified once, by the provider."""

    FATAL = "fatal"
    THROTTLED = "throttled"
    TRANSIENT = "transient"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as a value: retry, limits and journal all read this one verdict.

    Attributes:
        kind: What to do about it.
        code: Short stable word for counting: `http_429`, `timeout`, `connect`, `quota`, ...
        message: One line for a person, without secrets.
        hint: Next step, where there is one.
        retry_after_s: Seconds the far side asked to wait, or None.
        is_sent: Whether the request may have been processed (and billed) by the far side.
        answer: The raw text behind it (an error body, an unreadable answer), without secrets, at most 64 KiB; None
            where there was none.
        usage: Tokens, where the far side said what the call cost although it brought no answer; money is not filled.
    """

    kind: FailureKind
    code: str
    message: str
    hint: str | None = None
    retry_after_s: float | None = None
    is_sent: bool = True
    answer: str | None = None
    usage: Usage | None = None


class Completion(NamedTuple):
    """A raw answer as the journal keeps it, durable before anyone looks at it.

    Attributes:
        slot_id: The slot it answers.
        label: Class of the slot.
        ordinal: Number of the slot within its class.
        step: 0 for the first answer; n for the n-th re-ask with a validation error.
        text: The model's words, raw.
        finish_reason: Why the model stopped.
        usage: Tokens and cost of this answer.
        model: Model that answered.
        endpoint: Endpoint that answered, without secrets.
        attempts: Calls made, this one included.
        latency_s: Seconds from sending to the whole body, of the last attempt.
        answered_at: Unix time.
        draft: Ids of the seeds shown and attributes asked for, as they were when it was asked.
    """

    slot_id: str
    label: str
    ordinal: int
    step: int
    text: str
    finish_reason: str
    usage: Usage
    model: str
    endpoint: str
    attempts: int
    latency_s: float
    answered_at: float
    draft: Mapping[str, Any] = NOTHING


class Reason(StrEnum):
    """Why a candidate was not accepted. Closed: reports, exports and journals count by these words."""

    MALFORMED = "malformed"  # the answer is not the JSON, line or text that was asked for
    INVALID = "invalid"  # parsed, but the schema refuses it
    TRUNCATED = "truncated"  # the answer was cut in the middle of this item
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    REFUSAL = "refusal"  # "As an AI ..."
    CHATTER = "chatter"  # "Sure, here is ...": the assistant speaks, not the data
    PLACEHOLDER = "placeholder"  # "[Name]"
    REPETITIVE = "repetitive"  # loops of the same words or characters
    PATTERN = "pattern"  # one of the user's regular expressions
    LANGUAGE = "language"
    COPIED_SEED = "copied_seed"  # nearly one of the rows shown in its own prompt
    PII = "pii"  # holds personal data
    MEMORISED = "memorised"  # shares a long run of words with a real row
    EXACT_DUPLICATE = "exact_duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    LABEL_CONFLICT = "label_conflict"  # the same text already stands under another label
    LEAKAGE = "leakage"  # matches a row of the test set
    LABEL = "label"  # a classifier trained on the real rows reads another class
    UNCHANGED = "unchanged"  # the row it was made from, again
    CHANGE = "change"  # nearer to the row it was made from, or further from it, than was asked for
    CHECK = "check"  # a check from outside: a function of the user's, or one that a package brings
    JUDGED = "judged"  # a judge stage scored it below what it must have
    BROKEN = "broken"  # something in it made the parser, a check or the encoder fail
    SURPLUS = "surplus"  # good, but its class was already full


UNREADABLE = frozenset({Reason.MALFORMED, Reason.INVALID, Reason.TRUNCATED, Reason.BROKEN})
"""Reasons of an answer that could not be read into the job's fields; the others are said of a row."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why, with evidence a person can check.

    Attributes:
        reason: The closed word.
        evidence: JSON values: the bound that was broken, the matching row's id and similarity, the pattern.
    """

    reason: Reason
    evidence: Mapping[str, Any]


class Candidate(NamedTuple):
    """One item parsed from a completion.

    Attributes:
        id: Row id, from the slot and `item`.
        slot_id: The slot whose answer held it.
        label: Class it was asked for.
        ordinal: Number of that slot within its class.
        item: 0-based place within the answer.
        text: The text that checks and dedup look at.
        fields: Every field of the job's schema, `text` among them.
        seeds: Ids of the real rows its prompt showed.
        seed_texts: Their texts.
        source_text: Text of the row it was made from; empty where it was written from seeds.
    """

    id: str
    slot_id: str
    label: str
    ordinal: int
    item: int
    text: str
    fields: Fields
    seeds: tuple[str, ...] = ()
    seed_texts: tuple[str, ...] = ()
    source_text: str = ""


@dataclass(frozen=True, slots=True)
class Nearest:
    """Nearest neighbour of a candidate: provenance of accepted rows, evidence of rejected ones."""

    id: str
    similarity: float
    pool: str


class Decision(NamedTuple):
    """What became of one item: accepted where `rejection` is None.

    Attributes:
        candidate: The item; `fields` hold what could be parsed of it even where it was rejected.
        rejection: Why not, or None.
        nearest: Nearest accepted or real row, where dedup looked.
        vector: Encoded text as float16 bytes, where it was encoded.
        results: What the checks that passed found worth keeping (for the label check: the probability).
    """

    candidate: Candidate
    rejection: Rejection | None
    nearest: Nearest | None = None
    vector: bytes | None = None
    results: Mapping[str, Any] = NOTHING
