"""Marian: neural translation inside this process, by any opus-mt pair from a folder or the Hugging Face hub.

Owns which models a request goes through, the batches its lines travel in, and what its errors mean. Decoding is
sampled: each request's own `seed` decides, so copies of a row differ, and the same seed gives the same words whatever
else is in the batch (see `marian_models`).

    models:
      - provider: marian
        model: Helsinki-NLP/opus-mt-{source}-{target}     # the default; or models/opus-mt-{source}-{target}
        params: {route: [en, es, en], temperature: 0.9, top_k: 20}
        # params: {route: [en, pt, en], hops: [Helsinki-NLP/opus-mt-en-ROMANCE, Helsinki-NLP/opus-mt-ROMANCE-en],
        #          prefixes: {pt: ">>pt<<"}}              # a model of several target languages wants to be told
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from asyncio import Future
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ClassVar, Self

from synthgen.augment.marian.models import MarianModel, Sampling, TooLong, Translation, load_model, model_name
from synthgen.augment.translation import HINT, hops, read_route, split_lines
from synthgen.errors import Fatal, JobError
from synthgen.job import ModelConfig
from synthgen.records import Answer, Failure, FailureKind, Request, Usage

DEFAULT_CONCURRENCY = 16
DEFAULT_TEMPERATURE = 0.9
DEFAULT_TOP_K = 20
MAX_BATCH_LINES = 16
_GATHER_S = 0.005  # the first line of a batch waits so long for company


@dataclass(frozen=True, slots=True)
class _Line:
    """One line that waits for its turn."""

    text: str
    seed: int
    model: MarianModel
    sampling: Sampling
    answer: Future[Translation]


class MarianProvider:
    """Translates the last message of a prompt, line by line, through one or several models.

    Args:
        config: `model` is a folder or hub id, with `{source}` and `{target}` for the languages of each hop. `params`
            hold `route` or `pair`, `hops` (a model for each hop, instead of `model`), `prefixes` (by target language),
            `temperature`, `top_k`, `top_p`, `max_tokens`; a request's own override them.

    Raises:
        JobError: The parameters make no sense.
    """

    is_metered: ClassVar[bool] = False
    may_adapt: ClassVar[bool] = False

    def __init__(self, config: ModelConfig, *, api_key: str | None = None) -> None:
        self._named = config.model
        self._params = dict(config.params)
        self._route = read_route(config.params)
        _read_sampling(config.params)
        if self._route:
            self._names(self._route, config.params)
        self._models: dict[str, MarianModel] = {}
        self._loading = asyncio.Lock()
        self._waiting: list[_Line] = []
        self._batching: asyncio.Task[None] | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._closing = threading.Event()

    @property
    def endpoint(self) -> str:
        return f"marian/{'-'.join(self._route)}" if self._route else "marian"

    @property
    def default_concurrency(self) -> int:
        return DEFAULT_CONCURRENCY

    async def __aenter__(self) -> Self:
        """Load the models of the job's route in a worker thread.

        Raises:
            JobError: What they need is not installed, or one of them is not there.
        """
        self._closing.clear()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="synthgen-marian")
        try:
            for name in self._names(self._route, self._params) if self._route else ():
                await self._model(name)
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop what still runs, at its next word, and free the models."""
        self._closing.set()
        pool, self._pool = self._pool, None
        if self._batching is not None:
            self._batching.cancel()
            await asyncio.wait({self._batching})
            self._batching = None
        for line in self._waiting:
            line.answer.cancel()
        self._waiting.clear()
        if pool is not None:
            await asyncio.shield(asyncio.to_thread(pool.shutdown))
        self._models.clear()

    async def complete(self, request: Request, *, timeout_s: float) -> Answer:
        """Translate once. See `Provider.complete`.

        Raises:
            Fatal: The provider is not entered.
            JobError: A model is not there, or nothing names a route.
            TooLong: A line does not fit into a model.
            TimeoutError: No translation within `timeout_s`.

        Cancellation: the decoding ends at its next word where nobody else waits for the batch.
        """
        if self._pool is None:
            raise Fatal("the translation models are not loaded", hint="enter the provider with `async with` first")
        params = {**self._params, **request.params}
        route = read_route(request.params) or self._route
        if route is None:
            raise JobError("models: provider marian needs to know the languages", hint=HINT)
        text = request.prompt.messages[-1].content if request.prompt.messages else request.prompt.text
        async with asyncio.timeout(timeout_s):
            return await self._translate(text, route, params)

    def classify(self, error: Exception) -> Failure:
        """What an exception raised by `complete` means. Nothing was billed, so `is_sent` is always False."""
        kind, code, hint = _verdict(error)
        said = error.message if isinstance(error, Fatal | JobError) else str(error)
        message = " ".join(said.split()) or type(error).__name__
        return Failure(kind, code, f"marian: {message}"[:500], hint=hint, is_sent=False)

    def _names(self, route: tuple[str, ...], params: Mapping[str, Any]) -> list[str]:
        named = params.get("hops")
        pairs = hops(route)
        if named is None:
            return [model_name(self._named, s, t, is_only_hop=len(pairs) == 1) for s, t in pairs]
        if not isinstance(named, list | tuple) or len(named) != len(pairs):
            raise JobError(
                f"models: params.hops: the route {'-'.join(route)} needs a list of {len(pairs)} model names",
                hint="write one folder or hub id for each translation, in order",
            )
        return [str(name) for name in named]

    async def _model(self, name: str) -> MarianModel:
        async with self._loading:
            if name not in self._models:
                if self._pool is None:
                    raise Fatal("the translation models are being closed")
                self._models[name] = await asyncio.wrap_future(self._pool.submit(load_model, name))
            return self._models[name]

    async def _translate(self, text: str, route: tuple[str, ...], params: Mapping[str, Any]) -> Answer:
        sampling = _read_sampling(params)
        prefixes = params.get("prefixes") or {}
        usage, is_cut = Usage(), False
        for number, (name, target) in enumerate(zip(self._names(route, params), route[1:], strict=True)):
            model = await self._model(name)
            seed, prefix = _seed(params.get("seed", 0), number), str(prefixes.get(target, ""))
            pieces = split_lines(text)
            made = await self._lines(pieces, prefix, seed, model, sampling)
            for translation in made:
                usage += Usage(translation.input_tokens, translation.output_tokens)
                is_cut |= translation.is_cut
            text = "".join(pieces)
        counted = Usage(max(usage.input_tokens, 1), usage.output_tokens)
        return Answer(text, "length" if is_cut else "stop", counted, f"marian {'-'.join(route)}")

    async def _lines(
        self, pieces: list[str], prefix: str, seed: int, model: MarianModel, sampling: Sampling
    ) -> list[Translation]:
        """Translate the lines among `pieces` in their places."""
        places = [n for n in range(0, len(pieces), 2) if any(c.isalpha() for c in pieces[n])]
        texts = [f"{prefix} {pieces[n].strip()}".strip() for n in places]
        asked = [self._ask(text, _seed(seed, n), model, sampling) for n, text in zip(places, texts, strict=True)]
        try:
            made = await asyncio.gather(*asked)
        finally:
            for future in asked:
                future.cancel()
        for place, translation in zip(places, made, strict=True):
            pieces[place] = translation.text
        return list(made)

    def _ask(self, text: str, seed: int, model: MarianModel, sampling: Sampling) -> Future[Translation]:
        answer: Future[Translation] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Line(text, seed, model, sampling, answer))
        if self._batching is None or self._batching.done():
            self._batching = asyncio.create_task(self._work_off())
        return answer

    async def _work_off(self) -> None:
        await asyncio.sleep(_GATHER_S)
        while self._waiting and self._pool is not None:
            batch = self._next_batch()
            if not batch:
                continue
            work = self._pool.submit(_run, batch, self._closing)
            try:
                made = await asyncio.wrap_future(work)
            except Exception as error:
                _fail(batch, error)
                continue
            for line, translation in zip(batch, made, strict=True):
                if not line.answer.done():
                    if isinstance(translation, Translation):
                        line.answer.set_result(translation)
                    else:
                        line.answer.set_exception(translation)

    def _next_batch(self) -> list[_Line]:
        """Lines that can be decoded together, in the order they came; abandoned ones are dropped."""
        self._waiting = [line for line in self._waiting if not line.answer.done()]
        if not self._waiting:
            return []
        first = self._waiting[0]
        batch = [x for x in self._waiting if x.model is first.model and x.sampling == first.sampling]
        batch = batch[:MAX_BATCH_LINES]
        taken = {id(line) for line in batch}
        self._waiting = [line for line in self._waiting if id(line) not in taken]
        return batch


def _run(batch: list[_Line], closing: threading.Event) -> list[Translation | TooLong]:
    """In the worker thread: one batch; a line that does not fit must not sink its neighbours."""
    results: dict[int, Translation | TooLong] = {}
    fitting = []
    for number, line in enumerate(batch):
        try:
            line.model.check_length(line.text)
            fitting.append(number)
        except TooLong as error:
            results[number] = error
    if fitting:
        made = batch[0].model.translate(
            [batch[n].text for n in fitting],
            [batch[n].seed for n in fitting],
            batch[0].sampling,
            is_unwanted=lambda: closing.is_set() or all(line.answer.done() for line in batch),
        )
        results.update(zip(fitting, made, strict=True))
    return [results[number] for number in range(len(batch))]


def _fail(batch: list[_Line], error: Exception) -> None:
    for line in batch:
        if not line.answer.done():
            line.answer.set_exception(error)


def _seed(seed: Any, number: int) -> int:
    """Another seed for each hop and line of one request, fixed for ever."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{number}".encode(), digest_size=7).digest())


def _read_sampling(params: Mapping[str, Any]) -> Sampling:
    tokens = params.get("max_tokens")
    return Sampling(
        temperature=_number(params, "temperature", DEFAULT_TEMPERATURE, low=0, high=10),
        top_k=int(_number(params, "top_k", DEFAULT_TOP_K, low=0, high=1_000_000)),
        top_p=_number(params, "top_p", 1.0, low=0.01, high=1),
        max_tokens=None if tokens is None else int(_number(params, "max_tokens", 0, low=1, high=100_000)),
    )


def _number(params: Mapping[str, Any], name: str, default: float, *, low: float, high: float) -> float:
    value = params.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise JobError(f"models: params.{name}: {value!r} is no number from {low:g} to {high:,g}")
    return float(value)


def _verdict(error: Exception) -> tuple[FailureKind, str, str | None]:
    """Kind, code and hint: the one table of this provider's errors."""
    if isinstance(error, TimeoutError):
        return FailureKind.TRANSIENT, "timeout", "raise timeout_s, or lower max_concurrency"
    if isinstance(error, Fatal | JobError):
        return FailureKind.FATAL, "not_ready", error.hint
    if isinstance(error, TooLong):
        return FailureKind.REFUSED, "context_length", "split long rows into lines"
    if isinstance(error, ValueError | TypeError):
        return FailureKind.REFUSED, "invalid_request", None
    return FailureKind.TRANSIENT, "internal", None
