"""Apertium: a rule-based translator that is installed as a program and needs no network. Also there and back again.

Owns which directions a request goes through, the programs kept running for each, and what their errors mean. The same
text gives the same translation, whatever else is under way. Its words are its own: "Cómo localizo mi carta?" for "How
do I locate my card?" is understood, and no native speaker wrote it.

    models:
      - provider: apertium
        params: {route: [en, es, en]}     # or `pair: en-es`; several pivots: [en, es, fr, es, en]
        # model: /usr/share/apertium      # the folder that holds `modes/`, where it is not the installed one
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, ClassVar, Self, cast, get_args

from synthgen.augment.apertium import stream as stream
from synthgen.augment.apertium.chain import Chain, PipelineDied, Tagger
from synthgen.augment.apertium.modes import INSTALL, Mode, data_folder, find_mode
from synthgen.augment.apertium.stream import Unknown
from synthgen.augment.translation import HINT, hops, read_route, split_lines
from synthgen.errors import Fatal, JobError
from synthgen.job import ModelConfig
from synthgen.records import Answer, Failure, FailureKind, Request, Usage

DEFAULT_CONCURRENCY = 32  # enough to keep every program of a pipeline busy: more queue up without a gain
_PROBE_TIMEOUT_S = 30.0
_STUCK_AFTER_S = 5.0  # programs that were asked and answered nobody for so long are replaced

# Ambiguities of each language that the taggers of Debian's packages were not trained on, as common words show them.
# Only speed hangs on them: see `Tagger`.
_WARM_UPS = {
    "eng": "I have a lot of time till now. I included it. I am near. Thanks. It is known. Apple.",
    "spa": "Vale. De acuerdo, como bajo. Debe nada. Bien cierto cuando vale.",
    "es": "Vale. De acuerdo, como bajo. Debe nada. Bien cierto cuando vale.",
}


class ApertiumProvider:
    """Translates the last message of a prompt, line by line, through one or several languages.

    Args:
        config: `params` hold `route` or `pair`, and `unknown` (see `apertium_stream.decode_line`); a request's own
            override them. `model` names the folder of modes; empty takes the installed ones.

    Raises:
        JobError: The parameters make no sense.
    """

    is_metered: ClassVar[bool] = False
    may_adapt: ClassVar[bool] = False

    def __init__(self, config: ModelConfig, *, api_key: str | None = None) -> None:
        self._params = config.params
        self._route = read_route(config.params)
        self._unknown = _read_unknown(config.params)
        self._folder_named = config.model
        self._directions: dict[tuple[str, str], _Direction] = {}
        self._opening = asyncio.Lock()
        self._is_open = False

    @property
    def endpoint(self) -> str:
        return f"apertium/{'-'.join(self._route)}" if self._route else "apertium"

    @property
    def default_concurrency(self) -> int:
        return DEFAULT_CONCURRENCY

    async def __aenter__(self) -> Self:
        """Start the programs of the job's route, and try them.

        Raises:
            JobError: Apertium, a pair or a program is not installed, or does not work.
        """
        self._is_open = True
        try:
            self._folder = data_folder(self._folder_named)
            for source, target in hops(self._route or ()):
                await self._open(source, target)
        except BaseException:
            self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all programs."""
        self._close()

    async def complete(self, request: Request, *, timeout_s: float) -> Answer:
        """Translate once. See `Provider.complete`. Usage counts words: nobody bills them.

        Raises:
            Fatal: The provider is not entered.
            JobError: A pair that the request asks for is not there, or it names no route at all.
            PipelineDied: A program ended.
            TimeoutError: No translation within `timeout_s`; programs that answered nobody meanwhile are replaced.

        Cancellation: the provider stays usable.
        """
        if not self._is_open:
            raise Fatal("Apertium is not running", hint="enter the provider with `async with` first")
        route = read_route(request.params) or self._route
        if route is None:
            raise JobError("models: provider apertium needs to know the languages", hint=HINT)
        unknown = _read_unknown(request.params) if "unknown" in request.params else self._unknown
        text = request.prompt.messages[-1].content if request.prompt.messages else request.prompt.text
        async with asyncio.timeout(timeout_s):
            translated = await self._translate(text, route, unknown)
        usage = Usage(max(1, len(text.split())), len(translated.split()))
        return Answer(translated, "stop", usage, f"apertium {'-'.join(route)}")

    def classify(self, error: Exception) -> Failure:
        """What an exception raised by `complete` means. Nothing was billed, so `is_sent` is always False."""
        kind, code, hint = _verdict(error)
        said = error.message if isinstance(error, Fatal | JobError) else str(error)
        message = " ".join(said.split()) or type(error).__name__
        return Failure(kind, code, f"apertium: {message}"[:500], hint=hint, is_sent=False)

    async def _translate(self, text: str, route: tuple[str, ...], unknown: Unknown) -> str:
        for number, (source, target) in enumerate(hops(route), 1):
            direction = await self._open(source, target)
            is_last = number == len(route) - 1
            marks: Unknown = "keep" if unknown == "mark" and not is_last else unknown
            try:
                text = await direction.translate(text, marks)
            except PipelineDied:
                self._forget(source, target, direction)
                raise
            except asyncio.CancelledError:
                if direction.is_stuck():
                    self._forget(source, target, direction)
                raise
        return text

    async def _open(self, source: str, target: str) -> _Direction:
        found = self._directions.get((source, target))
        if found is not None:
            return found
        async with self._opening:
            if (source, target) not in self._directions:
                mode = find_mode(source, target, self._folder)
                self._directions[source, target] = await _start(mode, target)
            return self._directions[source, target]

    def _forget(self, source: str, target: str, direction: _Direction) -> None:
        direction.kill()
        if self._directions.get((source, target)) is direction:
            del self._directions[source, target]

    def _close(self) -> None:
        self._is_open = False
        for direction in self._directions.values():
            direction.kill()
        self._directions.clear()


class _Direction:
    """The running programs of one mode: those before the tagger, the tagger, those behind it."""

    def __init__(self, parts: Sequence[Chain | Tagger], target: str) -> None:
        self._parts = parts
        self._target = target
        self._pending = 0
        self._progress_at = 0.0

    async def translate(self, text: str, unknown: Unknown) -> str:
        pieces = split_lines(text)
        for place in range(0, len(pieces), 2):
            line = pieces[place]
            if any(character.isalpha() for character in line):
                answer = stream.decode_line(await self.ask(stream.encode_line(line)), unknown=unknown)
                pieces[place] = stream.mend_spaces(answer, source=line, language=self._target)
        return "".join(pieces)

    async def ask(self, message: bytes) -> bytes:
        clock = asyncio.get_running_loop().time
        if not self._pending:
            self._progress_at = clock()
        self._pending += 1
        try:
            for part in self._parts:
                message = await part.ask(message)
                self._progress_at = clock()
            return message
        finally:
            self._pending -= 1

    def is_stuck(self) -> bool:
        """Whether nobody was answered for a while; only meaningful to a caller that was still waiting."""
        return asyncio.get_running_loop().time() - self._progress_at >= _STUCK_AFTER_S

    def kill(self) -> None:
        for part in self._parts:
            part.kill()


async def _start(mode: Mode, target: str) -> _Direction:
    """Start the programs of a mode and try them on a word.

    Raises:
        JobError: They do not start, or do not answer.
    """
    parts: list[Chain | Tagger] = []
    place = mode.tagger
    commands = mode.commands
    try:
        if place is None:
            parts.append(await Chain.start(commands))
        else:
            analysis = await Chain.start(commands[:place])
            parts.append(analysis)
            parts.append(Tagger(commands[place], await _warm_up(mode, analysis)))
            parts.append(await Chain.start(commands[place + 1 :]))
        direction = _Direction(parts, target)
        async with asyncio.timeout(_PROBE_TIMEOUT_S):
            await direction.ask(stream.encode_line("a"))
    except (OSError, PipelineDied) as error:
        _kill(parts)
        said = "no answer to one word" if isinstance(error, TimeoutError) else str(error)
        raise JobError(f"models: Apertium's {mode.name} does not work here: {said}", hint=INSTALL) from None
    except BaseException:
        _kill(parts)
        raise
    return direction


async def _warm_up(mode: Mode, analysis: Chain) -> bytes:
    text = _WARM_UPS.get(mode.source, "")
    return await analysis.ask(stream.encode_line(text)) if text else b""


def _kill(parts: Sequence[Chain | Tagger]) -> None:
    for part in parts:
        part.kill()


def _read_unknown(params: Mapping[str, Any]) -> Unknown:
    value = params.get("unknown", "keep")
    if value not in get_args(Unknown):
        raise JobError(
            f"models: params.unknown: {value!r} is none of {', '.join(get_args(Unknown))}",
            hint="it says what becomes of words that no dictionary knows; leave it out to keep them as they are",
        )
    return cast(Unknown, value)


def _verdict(error: Exception) -> tuple[FailureKind, str, str | None]:
    """Kind, code and hint: the one table of this provider's errors."""
    if isinstance(error, TimeoutError):
        return FailureKind.TRANSIENT, "timeout", "raise timeout_s, or lower max_concurrency"
    if isinstance(error, PipelineDied):
        return FailureKind.TRANSIENT, "pipeline_died", None
    if isinstance(error, Fatal | JobError):
        return FailureKind.FATAL, "not_ready", error.hint
    if isinstance(error, ValueError | TypeError):
        return FailureKind.REFUSED, "invalid_request", None
    return FailureKind.TRANSIENT, "internal", None
