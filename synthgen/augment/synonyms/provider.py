"""Synonym replacement as a provider: the text of the last message comes back with other words. No model, no network.

Owns its parameters and their checks; what a replacement is belongs to `rewriting`, where words come from to `wordnet`.
Rows are rewritten one after the other on the event loop, a fraction of a millisecond each; only what takes longer (the
guard's encoder) happens in a thread.
"""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ClassVar, Self

from synthgen.augment.synonyms import DEFAULT_RATIO, Lexicon, Rewritten, Settings, rewrite
from synthgen.augment.synonyms.wordnet import open_wordnet
from synthgen.encoders import Encoder, open_encoder
from synthgen.errors import Fatal, JobError, SynthgenError
from synthgen.identity import derive_seed
from synthgen.job import ModelConfig
from synthgen.records import Answer, Failure, FailureKind, Request, Usage

DEFAULT_CONCURRENCY = 64  # an answer takes no time: what is waited for is the disk, by all at once
DEFAULT_SIMILARITY = 0.85
DEFAULT_ENCODER = "static"
MAX_CHARS = 20_000  # of a text that is rewritten on the event loop; a longer one goes to the thread
_KNOWN = ("ratio", "n", "insert", "swap", "delete", "keep", "phrases", "guard", "wordnet")
_SAMPLING = frozenset({"seed", "temperature", "top_p", "min_p", "max_tokens"})  # for models; mean nothing here
_GUARD = ("encoder", "min_similarity")


@dataclass(frozen=True, slots=True)
class Params:
    """A model entry's `params`, checked.

    Attributes:
        settings: How much is changed.
        encoder: Name of the guard's encoder, or None where there is no guard.
        wordnet: Folder of the WordNet data, or None to look for it.
    """

    settings: Settings
    encoder: str | None = None
    wordnet: str | None = None


def read_params(params: Mapping[str, Any], *, where: str = "models: params") -> Params:
    """The parameters of provider `synonyms`.

    Args:
        params: `ratio`, `n`, `insert`, `swap`, `delete`, `keep`, `phrases`, `guard`, `wordnet`; what only language
            models take (`temperature`, ...) is passed over.
        where: Whom to blame.

    Raises:
        JobError: An unknown name, or a value outside its bounds.
    """
    for name in params:
        if name not in _KNOWN and name not in _SAMPLING:
            near = difflib.get_close_matches(name, _KNOWN, n=1, cutoff=0.5)
            guess = f"; did you mean '{near[0]}'?" if near else ""
            raise JobError(f"{where}: unknown parameter '{name}'{guess} (provider synonyms has: {', '.join(_KNOWN)})")
    encoder, similarity = _guard(params.get("guard"), where)
    settings = Settings(
        ratio=_share(params, "ratio", DEFAULT_RATIO, where),
        count=_count(params.get("n"), where),
        insert=_share(params, "insert", 0.0, where),
        swap=_share(params, "swap", 0.0, where),
        delete=_share(params, "delete", 0.0, where),
        keep=_words(params.get("keep"), where),
        phrases=_flag(params.get("phrases", True), where),
        min_similarity=similarity,
    )
    if not any((settings.replacements(1), settings.insert, settings.swap, settings.delete)):
        raise JobError(f"{where}: nothing is to be changed", hint=f"set `ratio: {DEFAULT_RATIO}` or one of the others")
    wordnet = params.get("wordnet")
    if wordnet is not None and not isinstance(wordnet, str):
        raise JobError(f"{where}.wordnet: write the folder that holds index.noun, not {wordnet!r}")
    return Params(settings, encoder, wordnet)


def _share(params: Mapping[str, Any], name: str, default: float, where: str) -> float:
    value = params.get(name, default)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise JobError(f"{where}.{name}: write a share of the words from 0 to 1, such as 0.2, not {value!r}")
    return float(value)


def _count(value: Any, where: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise JobError(f"{where}.n: write how many words to replace (a whole number), or leave it out to use `ratio`")
    return value


def _words(value: Any, where: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(word, str) for word in value):
        raise JobError(f"{where}.keep: write a list of words or phrases: [visa, apple pay]")
    return tuple(value)


def _flag(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise JobError(f"{where}.phrases: write true or false, not {value!r}")
    return value


def _guard(value: Any, where: str) -> tuple[str | None, float | None]:
    """Encoder and bound; `guard: true` takes the defaults, `guard: 0.9` another bound."""
    if value is None or value is False:
        return None, None
    if value is True:
        return DEFAULT_ENCODER, DEFAULT_SIMILARITY
    if isinstance(value, int | float):
        value = {"min_similarity": value}
    if not isinstance(value, Mapping) or not set(value) <= set(_GUARD):
        raise JobError(f"{where}.guard: write true, a similarity, or {{encoder: static, min_similarity: 0.85}}")
    encoder, bound = value.get("encoder", DEFAULT_ENCODER), value.get("min_similarity", DEFAULT_SIMILARITY)
    if not isinstance(encoder, str) or not encoder:
        raise JobError(f"{where}.guard.encoder: write an encoder's name, such as static, not {encoder!r}")
    if isinstance(bound, bool) or not isinstance(bound, int | float) or not 0 <= bound <= 1:
        raise JobError(f"{where}.guard.min_similarity: write a similarity from 0 to 1, not {bound!r}")
    return encoder, float(bound)


class SynonymProvider:
    """Rewrites the last message's text.

    The answer is the text itself where nothing in it can be changed; the recipe's checks reject such a row.

    Args:
        config: `params` as `read_params` wants them.

    Raises:
        JobError: A parameter is wrong.
    """

    is_metered: ClassVar[bool] = False
    may_adapt: ClassVar[bool] = False

    def __init__(self, config: ModelConfig, *, api_key: str | None = None) -> None:
        self._params = read_params(config.params)
        self._lexicon: Lexicon | None = None
        self._encoders: dict[str, Encoder] = {}
        self._pool: ThreadPoolExecutor | None = None

    @property
    def endpoint(self) -> str:
        return "synonyms/wordnet"

    @property
    def default_concurrency(self) -> int:
        return DEFAULT_CONCURRENCY

    async def __aenter__(self) -> Self:
        """Read WordNet, and load the guard's encoder, in a thread (seconds).

        Raises:
            JobError: nltk, the data or the encoder is missing.
        """
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="synthgen-synonyms")
        try:
            await asyncio.wrap_future(self._pool.submit(self._load))
        except BaseException:
            self._pool.shutdown(wait=False)
            self._pool = None
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pool, self._pool, self._lexicon = self._pool, None, None
        self._encoders.clear()
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    async def complete(self, request: Request, *, timeout_s: float) -> Answer:
        """Rewrite once. See `Provider.complete`.

        Raises:
            Fatal: The provider is not entered.
            JobError: The request's own parameters are wrong.
            ValueError: The request holds no text.
            TimeoutError: It took longer than `timeout_s`.
        """
        if self._pool is None or self._lexicon is None:
            raise Fatal("WordNet is not loaded", hint="enter the provider with `async with` first")
        text, seed = _text_of(request), _seed_of(request)
        params = read_params(request.params)
        if params.encoder is None and len(text) <= MAX_CHARS:
            await asyncio.sleep(0)  # others get their turn between two rows
            made = rewrite(text, self._lexicon, params.settings, seed)
        else:
            async with asyncio.timeout(timeout_s):
                made = await asyncio.wrap_future(self._pool.submit(self._rewrite, text, params, seed))
        words = made.text if made is not None else text
        return Answer(text=words, finish_reason="stop", usage=Usage(), model=self._lexicon.thesaurus.name)

    def classify(self, error: Exception) -> Failure:
        """What an exception raised by `complete` means. Nothing is ever billed."""
        hint = error.hint if isinstance(error, SynthgenError) else None
        kind, code = FailureKind.REFUSED, "synonyms"
        if isinstance(error, TimeoutError):
            kind, code = FailureKind.TRANSIENT, "timeout"
        elif isinstance(error, Fatal | JobError):
            kind, code = FailureKind.FATAL, "setup"
        message = " ".join(str(error).split()) or type(error).__name__
        return Failure(kind, code, f"synonyms: {message}"[:500], hint=hint, is_sent=False)

    def _load(self) -> None:
        self._lexicon = Lexicon(open_wordnet(self._params.wordnet))
        if self._params.encoder is not None:
            self._encoder(self._params.encoder)

    def _encoder(self, name: str) -> Encoder:
        """The guard's encoder; a stage's own parameters may name another than the model entry's."""
        if name not in self._encoders:
            self._encoders[name] = open_encoder(name)
        return self._encoders[name]

    def _rewrite(self, text: str, params: Params, seed: int) -> Rewritten | None:
        lexicon = self._lexicon
        if lexicon is None:  # closed meanwhile
            return None
        meaning = _similarity(self._encoder(params.encoder)) if params.encoder is not None else None
        return rewrite(text, lexicon, params.settings, seed, meaning=meaning)


def _similarity(encoder: Encoder) -> Callable[[str, Sequence[str]], Sequence[float]]:
    def similarity(text: str, others: Sequence[str]) -> Sequence[float]:
        vectors = encoder.encode([text, *others])
        return [round(float(value), 4) for value in vectors[1:] @ vectors[0]]

    return similarity


def _text_of(request: Request) -> str:
    messages = request.prompt.messages
    text = messages[-1].content if messages else request.prompt.text
    if not text.strip():
        raise ValueError("the prompt holds no text to rewrite")
    return text


def _seed_of(request: Request) -> int:
    seed = request.params.get("seed", 0)
    return seed if isinstance(seed, int) else derive_seed(str(seed))
